"""Two writers and one slot, a takeover amid appends, a writer killed amid them: the chain is whole."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from adapters.journals import ME, OTHER, TTL, frames, whole_chain
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.model.errors import AppendRefused, BadInput, Fenced
from nightdesk.model.ids import Epoch, Seq


def _write_much(
    path: str, epoch: int, start: "multiprocessing.synchronize.Event", out: Any
) -> None:
    """Append one frame at a time behind the true head until refused; how many got in."""
    journal = SqliteJournal(path)
    start.wait()
    done = 0
    made, _ = frames(2_000)
    try:
        while done < len(made):
            journal.append(Epoch(epoch), Seq(done), [made[done]])
            done += 1
    except Fenced:
        pass
    out.put(done)
    journal.close()


def _take(journal: SqliteJournal) -> None:
    """Take the lease from one who writes without a pause: busy is an answer, and asks for another try."""
    while True:
        try:
            journal.acquire(journal.lease(), ME, TTL)
        except AppendRefused as refused:
            if "holds its lock" not in str(refused):
                raise
        else:
            return


@pytest.mark.process
def test_a_takeover_in_the_middle_of_appends_leaves_no_hole_and_nothing_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "desk.journal"
    mine = SqliteJournal(str(path))
    first = mine.acquire(mine.lease(), OTHER, TTL)
    context = multiprocessing.get_context("spawn")
    start, out = context.Event(), context.Queue()
    writer = context.Process(target=_write_much, args=(str(path), first.epoch, start, out))
    writer.start()
    start.set()
    while mine.stored().head < 20:
        assert writer.exitcode in (None, 0)
    _take(mine)
    at_takeover = mine.stored().head  # everything from here on must be ours
    accepted = out.get(timeout=30)
    writer.join(30)
    assert writer.exitcode == 0
    assert accepted == at_takeover == mine.stored().head
    assert whole_chain(mine) == at_takeover
    mine.close()


def test_nodes_that_start_together_begin_the_same_new_journal(tmp_path: Path) -> None:
    """Whoever comes second reads what the first has done, all of it or nothing."""
    together = 4
    failed: list[BadInput] = []

    def begin(path: Path, at_once: Barrier) -> None:
        at_once.wait()
        try:
            SqliteJournal(str(path)).close()
        except BadInput as error:
            failed.append(error)

    for number in range(100):
        at_once = Barrier(together)
        path = tmp_path / f"{number}.journal"
        nodes = [Thread(target=begin, args=(path, at_once)) for _ in range(together)]
        for node in nodes:
            node.start()
        for node in nodes:
            node.join()
    assert not failed, failed[0]


def test_two_connections_race_for_the_same_slot_and_one_wins(tmp_path: Path) -> None:
    path = str(tmp_path / "desk.journal")

    async def main() -> None:
        one, two = ThreadedJournal(path), ThreadedJournal(path)
        await one.open()
        await two.open()
        epoch = (await one.acquire(await one.lease(), ME, TTL)).epoch
        made, _ = frames(200)
        for slot in range(200):
            racers = [e.append(epoch, Seq(slot), [made[slot]]) for e in (one, two)]
            await asyncio.wait(racers)
            errors = [r.exception() for r in racers]
            assert sum(error is None for error in errors) == 1
            assert sum(isinstance(error, Fenced) for error in errors) == 1
        await one.close()
        await two.close()

    asyncio.run(main())
    reader = SqliteJournal(path, readonly=True)
    assert whole_chain(reader) == 200
    reader.close()


_VICTIM = """
import sys
sys.path.insert(0, sys.argv[2])
from adapters.journals import frames
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.model.ids import Seq
from nightdesk.ports.journal import Holder
journal = SqliteJournal(sys.argv[1])
epoch = journal.acquire(journal.lease(), Holder(name="victim"), 1).epoch
made, _ = frames(60_000, epoch=epoch)
done = 0
print("go", flush=True)
while done < len(made):
    journal.append(epoch, Seq(done), made[done : done + 7])
    done += len(made[done : done + 7])
    print(done, flush=True)
"""


@pytest.mark.process
@pytest.mark.parametrize("acknowledged", [7, 700, 2_100])
def test_a_process_killed_in_the_middle_of_appending_leaves_a_readable_chain(
    tmp_path: Path, acknowledged: int
) -> None:
    path = tmp_path / "desk.journal"
    victim = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(_VICTIM),
            str(path),
            str(Path(__file__).parents[1]),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    seen = 0
    for line in victim.stdout:
        if line.strip() != "go":
            seen = int(line)
        if seen >= acknowledged:
            os.kill(victim.pid, signal.SIGKILL)
            break
    rest = victim.stdout.read().split()
    if rest and rest[-1].isdigit():
        seen = max(seen, int(rest[-1]))
    victim.stdout.close()
    assert victim.wait() == -signal.SIGKILL
    journal = SqliteJournal(str(path))
    count = whole_chain(journal)
    assert count >= seen, "an acknowledged frame is gone"
    assert count % 7 == 0, "half a batch is there"
    view = journal.acquire(journal.lease(), ME, TTL)
    made, _ = frames(count + 1)
    journal.append(view.epoch, Seq(count), made[count:])
    journal.close()
