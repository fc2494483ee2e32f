"""A journal's disk that answers nothing for longer than the desk waits for it."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.drill.pair import SWEEPER, Pair
from tests.e2e.disk import or_skip, stalling_disk

from nightdesk.control.messages import Sample

pytestmark = pytest.mark.process
SIZE_MIB = 128


def test_entries_do_not_outlast_a_minute_of_it_and_who_leads_goes_on_behind_it() -> None:
    with ExitStack() as undo:
        folder, below = (
            Path(undo.enter_context(TemporaryDirectory(prefix="nd"))) for _ in range(2)
        )
        disk = undo.enter_context(or_skip(stalling_disk(folder, below, SIZE_MIB)))
        pair = Pair(folder, seed=7, disk=disk, maker=SWEEPER)  # what it quotes, it leaves
        undo.callback(pair.close)
        pair.begin_both()
        before = pair.runs()

        def reduces() -> Sample | None:
            told = pair.heard()
            if told is None or told.mode != "REDUCE_ONLY":
                return None
            return told if any(cause.cause == "journal" for cause in told.causes) else None

        def resting() -> int:
            return int(pair.ask_lab("/lab/account?name=practice")["open_orders"])

        pair.until("it has entries that rest", resting)
        disk.stall()
        undo.callback(disk.answer)
        assert pair.until("the leader tells of it", reduces).pid == before.pid
        pair.until("nothing rests", lambda: not resting())
        nodes = {before.pid, *(each.pid for each in before.standbys)}
        assert pair.pids() == nodes, "nobody died of it"
        disk.answer()
        pair.runs()
        _, result = pair.stopped()
        assert result.findings == []
        assert (result.duplicates, result.unknown) == (0, 0)
