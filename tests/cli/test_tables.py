"""What people and programs read is what was meant, letter by letter."""

import io
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from nightdesk.cli import tables


def test_colons_are_no_pictures_and_brackets_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    for name in ("OUT", "ERR"):
        console: Console = getattr(tables, name)
        monkeypatch.setattr(console, "file", out)
    fingerprint = "binance-spot:1000:bomb:abcdef012345 [bold]"
    tables.OUT.print(tables.table("doctor", [{"what": fingerprint}], ("what",)))
    tables.say(fingerprint)
    assert out.getvalue().count(fingerprint) == 2


def test_amounts_are_strings_for_programs() -> None:
    line = tables.json_line({"a": Decimal("1.10")})
    assert line.endswith(b"\n")
    assert msgspec.json.decode(line) == {"a": "1.10"}


def drawn(width: int, title: str, rows: list[dict[str, object]], columns: tuple[str, ...]) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(tables.table(title, rows, columns))
    return out.getvalue()


COLUMNS = ("id", "strategy", "instrument", "side", "qty", "price", "filled", "state", "what")
ROWS: list[dict[str, object]] = [
    {
        "id": f"4amyw00001000{number}.0123456789ab",
        "strategy": "dip",
        "instrument": "binance-usdm:BTCUSDT",
        "side": "BUY",
        "qty": Decimal("0.00999"),
        "price": Decimal("67012.34"),
        "filled": Decimal("0.04"),
        "state": "acknowledged",
        "what": "a sentence of many words that may well run over several lines of a window",
    }
    for number in range(3)
]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200, 500])
def test_nothing_is_cut_or_broken_however_narrow_the_window_is(width: int) -> None:
    told = drawn(width, "orders", ROWS, COLUMNS)
    assert all(len(line) <= width for line in told.splitlines())
    for row in ROWS:
        assert all(
            str(value) in told for name, value in row.items() if name not in ("what", "price")
        )
    assert told.count("67,012.34") == len(ROWS)
    assert all(told.split().count(word) >= len(ROWS) for word in str(ROWS[0]["what"]).split())


def test_columns_that_do_not_fit_stand_below_beside_whose_they_are() -> None:
    wide, narrow = drawn(200, "orders", ROWS, COLUMNS), drawn(80, "orders", ROWS, COLUMNS)
    assert wide.count(str(ROWS[1]["id"])) == 1
    below = [line for line in narrow.splitlines() if str(ROWS[1]["id"]) in line]
    assert len(below) > 1
    held: list[dict[str, object]] = [
        {"strategy": "dip", "instrument": name, "note": "x" * 30, "more": "y" * 30}
        for name in ("BTCUSDT", "ETHUSDT")
    ]
    told = drawn(60, "positions", held, ("strategy", "instrument", "note", "more"))
    assert sum("ETHUSDT" in line and "dip" in line for line in told.splitlines()) == 2


def test_a_pipe_has_the_width_of_what_is_written(tmp_path: Path) -> None:
    code = (
        "from nightdesk.cli.tables import OUT, table\n"
        "OUT.print(table('t', [{'id': 'i' * 150, 'qty': 0.25, 'what': 'w ' * 100}], ('id', 'qty', 'what')))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    row = next(line for line in done.stdout.splitlines() if "0.25" in line)
    assert "i" * 150 in row
    assert row.count("w") == 100


@pytest.mark.parametrize(
    ("average", "told"),
    [
        ("67012.3412347", "67012.34"),
        ("0.000012345678901", "0.00001234568"),
        ("123456789.5", "123456790"),
    ],
)
def test_an_average_keeps_seven_digits_or_all_before_the_point(average: str, told: str) -> None:
    assert f"{tables.digits(Decimal(average)):f}" == told
