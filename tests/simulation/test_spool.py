"""A spool of a world is a file: who has it open writes on, whoever removed it."""

import asyncio
from types import SimpleNamespace
from typing import Any

from builders import NOW, an_intent
from nightdesk.journal.spool import START, entries_in, frames_behind
from nightdesk.model.ids import Epoch
from nightdesk.model.records import Spooled
from nightdesk.simulation.loop import run
from nightdesk.simulation.spool import SimSpool


def test_what_is_written_into_a_removed_file_is_found_by_nobody() -> None:
    heard: list[int] = []
    machine: Any = SimpleNamespace(
        spools={},
        spool_fails=False,
        spool_away_until=0.0,
        observer=SimpleNamespace(kept=lambda _, entries: heard.append(len(entries))),
    )
    entry = Spooled(intent=an_intent(), epoch=Epoch(1), at=NOW)
    first, head = frames_behind(START, [entry, entry])
    more, _ = frames_behind(head, [entry])

    async def body() -> None:
        process: Any = SimpleNamespace(name="a process")
        stood_still, took_over = SimSpool(machine, process), SimSpool(machine, process)
        assert await stood_still.open("1-1") == []
        await stood_still.keep(first)
        (left,) = await took_over.open("2-1")
        assert len(entries_in(left.data)[0]) == 2
        await took_over.drop([left.life])
        await stood_still.keep(more)
        await stood_still.empty()
        await stood_still.keep(first)
        assert machine.spools == {}
        await took_over.keep(first)
        await asyncio.sleep(0)
        assert list(machine.spools) == ["2-1"]

    run(body)
    assert heard == [2, 1, 2, 2]
