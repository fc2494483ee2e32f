"""A simulated machine: a clock, a disk with one journal on it, a link to the venue, and processes that die.

The journal's engine is the production one. Its connection belongs to the machine: while any process of it
lives the file stays open; when the last one dies the connection is abandoned, never closed, as a killed process
leaves it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from itertools import count
from random import Random
from typing import Any, Protocol, TypeVar

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.journal.chain import Row
from nightdesk.journal.snapshot import Snapshot
from nightdesk.model.errors import OperatingError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.journal import EngineHealth, Holder, LeaseView, Stored
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.disk import Disk
from nightdesk.simulation.incarnation import Incarnation, Life
from nightdesk.simulation.loop import SimLoop
from nightdesk.simulation.network import Link

T = TypeVar("T")

JOURNAL = "/var/lib/nightdesk/desk.journal"
ROWS_MAX = 1_000_000
COMMIT_NS = (60_000, 200_000)  # an fdatasync on a good local disk and the hop around it

_numbers = count()  # SQLite knows a VFS by a name that nothing else has


class Observer(Protocol):
    """Who hears what became true in the journal, at the moment it did."""

    def appended(self, node: str, after: Seq, frames: Sequence[bytes]) -> None: ...
    def leased(self, node: str, epoch: Epoch, ttl_ns: int) -> None: ...


class Machine:
    """One host of the world."""

    def __init__(
        self, name: str, loop: SimLoop, time: TrueTime, seed: object, observer: Observer
    ) -> None:
        self.name = name
        self.observer = observer
        self.clock = MachineClock(time)
        self.disk = Disk(f"nightdesk-{next(_numbers)}")
        self.link = Link(f"10.0.0.{len(name)}", Random(f"{seed}/{name}/link"))
        self.processes: list[Incarnation] = []
        self.stalled_until = 0.0  # the disk answers nothing before
        self.torn = 0
        self.head = Seq(0)  # the last slot that was told of
        self._loop = loop
        self._draw = Random(f"{seed}/{name}/machine")
        self._journal: SqliteJournal | None = None
        self._left: list[SqliteJournal] = []  # connections of processes that died
        self._engines: dict[Incarnation, SimEngine] = {}
        self._pids = 0

    def start(self, name: str) -> Incarnation:
        """A new process."""
        self._pids += 1
        incarnation = Incarnation(f"{self.name}/{name}.{self._pids}", self._pids)
        self.processes.append(incarnation)
        return incarnation

    def spawn(
        self, incarnation: Incarnation, work: Coroutine[Any, Any, Any], name: str
    ) -> asyncio.Task[Any]:
        """Start a task of a process."""
        return incarnation.spawn(self._loop, work, name)

    def engine(self, incarnation: Incarnation) -> "SimEngine":
        """The journal as one process holds it."""
        draw = Random(f"{self._draw.random()}/engine")
        engine = self._engines[incarnation] = SimEngine(self, incarnation.name, draw)
        return engine

    def opened(self) -> SqliteJournal:
        """The journal's connection, made by whoever comes first."""
        if self._journal is None:
            self._journal = SqliteJournal(JOURNAL, vfs=self.disk.name)
        return self._journal

    def told(self, node: str, after: Seq, frames: Sequence[bytes]) -> None:
        """These are in the journal now; also those of an append whose own process never knew."""
        self.head = Seq(after + len(frames))
        if frames:
            self.observer.appended(node, after, frames)

    def kill(self, incarnation: Incarnation) -> None:
        """SIGKILL: what the kernel holds stays, the process is gone."""
        self._end(incarnation)
        if not self._alive():
            self.disk.abandon()
            self._forget()

    def lose_power(self) -> None:
        """Everything stops, and what was not synced may be gone."""
        for incarnation in self.processes:
            self._end(incarnation)
        self.torn += self.disk.lose_power(self._draw)
        self._forget()

    def ended(self, incarnation: Incarnation) -> None:
        """A process ended by itself."""
        incarnation.life = Life.DEAD
        if not self._alive():
            self.disk.abandon()
            self._forget()

    def thaw(self, incarnation: Incarnation) -> None:
        """SIGCONT."""
        incarnation.thaw()
        self._loop.thawed(incarnation)

    def gone(self, holder: Holder) -> bool:
        """Whether the process of a lease's holder has ended."""
        alive = {(p.name, p.pid) for p in self.processes if p.life is not Life.DEAD}
        return holder.machine == self.name and (holder.name, holder.pid) not in alive

    def bury(self) -> None:
        """Let go of everything; the world has ended."""
        self.disk.abandon()
        self._forget()
        self.disk.over = True
        for journal in self._left:
            journal.close()
        for incarnation in self.processes:
            incarnation.life = Life.DEAD
            incarnation.bury()
        self.disk.unregister()

    def _alive(self) -> bool:
        return any(p.life is not Life.DEAD for p in self.processes)

    def _end(self, incarnation: Incarnation) -> None:
        engine = self._engines.pop(incarnation, None)
        if engine is not None and incarnation.life is Life.RUNNING:
            engine.killed()
        incarnation.kill()

    def _forget(self) -> None:
        """The connection's process is gone. Nobody closes it: that would tidy up files that are not its own."""
        if self._journal is not None:
            self._left.append(self._journal)
            self._journal = None


class SimEngine:
    """The journal port of one process: the production engine's statements in turn, after drawn delays."""

    def __init__(self, machine: Machine, node: str, draw: Random) -> None:
        self._machine = machine
        self._node = node
        self._draw = draw
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self._under_way: list[Callable[[], None]] = []

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> asyncio.Future[None]:
        """See the port."""

        def work() -> None:
            self._machine.opened().append(epoch, after, frames)
            self._machine.told(self._node, after, frames)

        return self._later(work)

    async def lease(self) -> LeaseView:
        """See the port."""
        return await self._later(lambda: self._machine.opened().lease())

    async def acquire(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView:
        """See the port."""

        def work() -> LeaseView:
            journal = self._machine.opened()
            view = journal.acquire(seen, holder, ttl_ns)
            rows = journal.rows(self._machine.head, ROWS_MAX)
            self._machine.told(self._node, self._machine.head, [row.data for row in rows])
            self._machine.observer.leased(self._node, view.epoch, ttl_ns)
            return view

        return await self._later(work)

    async def renew(self, epoch: Epoch, renewals: int) -> None:
        """See the port."""

        def work() -> None:
            self._machine.opened().renew(epoch, renewals)
            self._machine.observer.leased(self._node, epoch, self._machine.opened().lease().ttl_ns)

        await self._later(work)

    async def release(self, epoch: Epoch) -> None:
        """See the port."""

        def work() -> None:
            self._machine.opened().release(epoch)
            self._machine.observer.leased("", epoch, 0)

        await self._later(work)

    async def stored(self) -> Stored:
        """See the port."""
        return await self._later(lambda: self._machine.opened().stored())

    async def rows(self, after: Seq, limit: int) -> list[Row]:
        """See the port."""
        return await self._later(lambda: self._machine.opened().rows(after, limit))

    async def cut(self, epoch: Epoch, first: Seq) -> None:
        """See the port."""
        await self._later(lambda: self._machine.opened().cut(epoch, first))

    async def save_snapshot(self, epoch: Epoch, snapshot: Snapshot) -> None:
        """See the port."""
        await self._later(lambda: self._machine.opened().save_snapshot(epoch, snapshot))

    async def health(self) -> EngineHealth:
        """See the port."""
        return await self._later(lambda: self._machine.opened().health())

    async def restore_ballast(self) -> bool:
        """See the port."""
        return await self._later(lambda: self._machine.opened().restore_ballast())

    def killed(self) -> None:
        """What the process had handed to the kernel may still have happened, unheard."""
        for act in list(self._under_way):
            if self._draw.random() < 0.5:
                try:
                    act()
                except OperatingError:
                    return
        self._under_way.clear()

    def _later(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        took = self._draw.randint(*COMMIT_NS) / SECOND_NS
        begin = max(self._loop.time(), self._free_at, self._machine.stalled_until)
        acts_at = begin + took * self._draw.random()
        self._free_at = begin + took
        result: list[T] = []

        def act() -> None:
            self._under_way.remove(act)
            result.append(work())

        def acting() -> None:
            try:
                act()
            except OperatingError as error:
                future.set_exception(error)
                return
            wait = max(0.0, self._free_at - self._loop.time()) if self._free_at else 0.0
            self._loop.call_later(min(wait, took), told, context=here)

        def told() -> None:
            if not future.done():
                future.set_result(result[0])

        here = copy_context()
        self._under_way.append(act)
        self._loop.call_at(acts_at, acting, context=here)
        return future
