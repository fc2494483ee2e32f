"""A journal's disk that answers nothing for longer than the desk waits for it."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.crash.harness import maker_of
from tests.drill.pair import Pair
from tests.e2e.disk import or_skip, stalling_disk

from nightdesk.control.messages import Sample

pytestmark = pytest.mark.process
SIZE_MIB = 128
# Quotes so far away that nothing trades: all that rests are entries.
QUOTES = maker_of("away_ticks = 20000, follow_ticks = 30000")


def only_quotes(config: Path) -> None:
    """Without the strategy whose positions would make exits of some of them."""
    text = config.read_text()
    cut, goes_on = (text.index(f'[[strategy]]\nname = "{name}"') for name in ("trend", "maker"))
    config.write_text(text[:cut] + text[goes_on:])


def test_entries_do_not_outlast_a_minute_of_it_and_who_leads_goes_on_behind_it() -> None:
    with ExitStack() as undo:
        folder, below = (
            Path(undo.enter_context(TemporaryDirectory(prefix="nd"))) for _ in range(2)
        )
        disk = undo.enter_context(or_skip(stalling_disk(folder, below, SIZE_MIB)))
        pair = Pair(folder, seed=7, disk=disk, maker=QUOTES)
        undo.callback(pair.close)
        only_quotes(folder / "desk.toml")
        pair.begin_both()
        before = pair.runs()

        def in_mode(mode: str) -> Sample | None:
            told = pair.heard()
            if told is None or told.mode != mode:
                return None
            return told if any(cause.cause == "journal" for cause in told.causes) else None

        def resting() -> int:
            return int(pair.ask_lab("/lab/account?name=practice")["open_orders"])

        pair.until("it has entries that rest", resting)
        disk.stall()
        undo.callback(disk.answer)
        for mode in ("REDUCE_ONLY", "CANCEL_ONLY"):
            told = pair.until(f"the leader says {mode}", partial(in_mode, mode))
            assert told.pid == before.pid
        pair.until("nothing rests", lambda: not resting())
        nodes = {before.pid, *(each.pid for each in before.standbys)}
        assert pair.pids() == nodes, "nobody died of it"
        disk.answer()
        pair.runs()
        _, result = pair.stopped()
        assert result.findings == []
        assert (result.duplicates, result.unknown) == (0, 0)
