"""`nightdesk audit` on a real journal and log, and on files that are none."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cli.test_main import run
from nightdesk.cli.audit import entries_of
from nightdesk.model.errors import BadInput
from node.healing import QUICK
from worlds import SimWorld, live

ENTRY = {"seq": 1, "at_ns": 5, "kind": "market", "more": [1]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk's journal and its lab's log as JSON lines."""
    place = tmp_path_factory.mktemp("audit")

    async def main() -> None:
        world = SimWorld(place, seed=11, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(15)
        await life.stop()
        lines = [msgspec.json.encode(entry) for entry in world.lab.log]
        (place / "venue.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    live(main)
    return place


def audit(folder: Path, log: Path, *more: str):  # type: ignore[no-untyped-def]
    return run("audit", "--journal", str(folder / "desk.journal"), "--venue-log", str(log), *more)


def test_clean_artefacts_are_told_to_people_and_to_programs(folder: Path) -> None:
    done = audit(folder, folder / "venue.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "I6 write-ahead" in done.stdout
    assert "not checked" in done.stdout
    assert "what nodes published" in done.stdout
    told = json.loads(
        audit(folder, folder / "venue.jsonl", "--json", "--account", "practice").stdout
    )
    assert told["clean"] is True
    verdicts = {row["law"].split()[0]: row["verdict"] for row in told["laws"]}
    assert verdicts["I1"] == "holds"
    assert verdicts["I4"] == "not checked"


def test_a_page_and_an_array_are_read_as_well(folder: Path, tmp_path: Path) -> None:
    entries = [json.loads(line) for line in (folder / "venue.jsonl").read_text().splitlines()]
    expected = list(entries_of(folder / "venue.jsonl"))
    for text in (
        json.dumps({"entries": entries, "last_seq": 1}),
        json.dumps(entries),
        json.dumps(entries, indent=1),
        json.dumps({"last_seq": 1, "entries": entries}, indent=1),
        "".join(json.dumps({"entries": [entry]}) + "\n\n" for entry in entries),
    ):
        path = tmp_path / "log"
        path.write_text(text)
        assert list(entries_of(path)) == expected


def test_a_violation_is_exit_one_and_names_the_order(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "venue.jsonl").read_text().splitlines()
    fill = next(line for line in lines if '"kind":"fill"' in line)
    order = json.loads(fill)["client_order_id"]
    path = tmp_path / "venue.jsonl"
    path.write_text("\n".join(line for line in lines if line != fill))
    done = audit(folder, path)
    assert done.returncode == 1
    assert "violated" in done.stdout
    assert order in done.stdout
    told = json.loads(audit(folder, path, "--json").stdout)
    assert told["clean"] is False
    assert {f["order"] for row in told["laws"] for f in row["findings"]} == {order}


@pytest.mark.parametrize("venue", ["binance", "practice"])
def test_several_logs_are_judged_together_each_as_its_venues(
    folder: Path, tmp_path: Path, venue: str
) -> None:
    lines = (folder / "venue.jsonl").read_text().splitlines()
    half = tmp_path / "half.jsonl"
    half.write_text("\n".join(lines[: len(lines) // 2]))
    other = tmp_path / "other=half.jsonl"  # a file's name may have such a sign
    other.write_text("\n".join(lines[len(lines) // 2 :]))
    logs = ("--venue-log", f"{venue}={half}", "--venue-log", str(other))
    done = run("audit", "--journal", str(folder / "desk.journal"), *logs, "--json")
    if venue == "binance":
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["clean"] is True
    else:
        assert done.returncode == 3
        assert f"--venue-log practice={half}: the journal's venues are: binance" in done.stderr


GOOD = json.dumps(ENTRY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{GOOD}\n{GOOD}\nnot json\n", "line 3:"),
        (f'{GOOD}\n{{"seq": 1}}\n', "line 2:"),
        (f'[\n{GOOD},\n{{"seq": "x"}}\n]', "line 3:"),
        (f'{{"entries": [\n{GOOD},\n{GOOD},\n{{"kind": 3}}]}}', "line 4:"),
        ("[", "line 1:"),
        ('{"entries": 3}', "line 1:"),
        (
            f'{GOOD}\n{{"seq":1,"at_ns":1,"kind":"accept","order_id":1}}',
            "accept 1 names no quantity",
        ),
        ("\x00\n", "line 1:"),
    ],
)
def test_bad_input_names_file_and_line(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "venue.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput, match=says) as caught:
        list(entries_of(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "make", [lambda _: None, lambda p: p.write_text(GOOD), lambda p: p.mkdir()]
)
def test_a_log_that_is_not_there_or_tells_nothing_is_one_sentence(
    make: Callable[[Path], object], folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    make(path)
    done = audit(folder, path)
    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr
    missing = run("audit", "--journal", str(tmp_path / "none"), "--venue-log", str(path))
    assert missing.returncode == 3
    assert "no such file" in missing.stderr
