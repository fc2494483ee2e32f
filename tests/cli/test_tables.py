"""What people and programs read is what was meant, letter by letter."""

import io
from decimal import Decimal

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
