"""Durable intents per second under load: through the writer alone, and through the whole decision.

Closed loop: `WINDOW` intents are always on their way, each durable one brings the next, as a busy desk would
have it. The engine is the production one: apsw, WAL, synchronous=FULL, one thread, group commit.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.core import Core, intent_of
from bench.measure import Figure, Run, at_least, rate, spread
from nightdesk.adapters.system import SystemClock
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.journal.chain import Head
from nightdesk.journal.frame import GENESIS
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Record
from nightdesk.ports.journal import Holder
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.runtime.telemetry import Telemetry

WINDOW = 512
AIM_PER_S = 10_000
ROUNDS = 5


def measure(run: Run) -> list[Figure]:
    """Run it."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> list[Figure]:
    count = run.pick(20_000, 5_000)
    alone, whole = list[float](), list[float]()
    waits: tuple[list[int], list[int]] = ([], [])
    frames = commits = 0
    for number in range(ROUNDS):  # the two take turns
        load = await _load(run.folder / f"alone{number}.journal", count, decide=False)
        alone.append(rate(count, load.spent_ns))
        waits[0].extend(load.waited)
        load = await _load(run.folder / f"whole{number}.journal", count, decide=True)
        whole.append(rate(count, load.spent_ns))
        waits[1].extend(load.waited)
        frames += load.telemetry.counters["journal.frames"]
        commits += load.telemetry.counters["journal.commits"]
    return [
        at_least(_median("record, frame, group commit", alone, count), AIM_PER_S),
        spread("... submit to durable", waits[0], unit="ms", scale=1e6),
        at_least(_median("Desk.decide, commit, answer decided", whole, count), AIM_PER_S),
        spread("... decide to durable", waits[1], unit="ms", scale=1e6),
        Figure(name="... frames a commit", unit="frames", value=frames / commits, n=commits),
    ]


class _Load:
    """Keeps a window of intents under way until `count` are durable."""

    def __init__(self, writer: JournalWriter, telemetry: Telemetry, core: Core, count: int) -> None:
        self.waited: list[int] = []
        self.telemetry = telemetry
        self.spent_ns = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer = writer
        self._core = core
        self._count = count
        self._left = count

    def run(self, *, decide: bool) -> None:
        """Fill the window; every durable intent brings the next."""
        self._started = time.perf_counter_ns()
        send = self._decided if decide else self._ready_made
        if not decide:
            records = self._core.place().records
            self._record: Record = records[0]
        for _ in range(WINDOW):
            send()

    def broken(self, told: dict[str, Any]) -> None:
        """What nobody caught ends the measurement."""
        if not self.ended.done():
            self.ended.set_exception(told.get("exception") or RuntimeError(told["message"]))

    def _ready_made(self) -> None:
        if self._left:
            self._left -= 1
            started = time.perf_counter_ns()
            done = lambda: self._durable(started, self._ready_made)  # noqa: E731 the next of the loop
            self._writer.submit((self._record,), self._core.wall, done)

    def _decided(self) -> None:
        if not self._left:
            return
        self._left -= 1
        core, started = self._core, time.perf_counter_ns()
        decision = core.place()
        intent = intent_of(decision)

        def done() -> None:
            ended = core.desk.decide(core.refused(intent), core.moment())
            self._writer.submit(ended.records, core.wall, None)
            self._durable(started, self._decided)

        self._writer.submit(decision.records, core.wall, done)

    def _durable(self, started: int, again: Callable[[], None]) -> None:
        now = time.perf_counter_ns()
        self.waited.append(now - started)
        if len(self.waited) == self._count:
            self.spent_ns = now - self._started
            self.ended.set_result(None)
        again()


async def _load(path: Path, count: int, *, decide: bool) -> _Load:
    engine = ThreadedJournal(str(path))
    await engine.open()
    granted = await engine.acquire(await engine.lease(), Holder(name="bench"), 1)
    telemetry = Telemetry()
    head = Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0))
    writer = JournalWriter(engine, granted.epoch, head, SystemClock(), telemetry)
    load = _Load(writer, telemetry, Core(), count)
    asyncio.get_running_loop().set_exception_handler(lambda _, told: load.broken(told))
    load.run(decide=decide)
    await asyncio.wait((load.ended, writer.failed), return_when=asyncio.FIRST_COMPLETED)
    await writer.drained()  # raises what ended the writer
    await load.ended
    await engine.close()
    return load


def _median(name: str, values: list[float], count: int) -> Figure:
    ordered = sorted(values)
    return Figure(
        name=f"{name} (median of {len(values)} rounds)",
        unit="intents/s",
        value=ordered[len(ordered) // 2],
        n=count * len(values),
    )
