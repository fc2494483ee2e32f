"""A simulated machine: a clock, a disk with one journal on it, a link to the venue, and processes that die.

The journal's engine is the production one. Its connection belongs to the machine: while any process of it
lives the file stays open; when the last one dies the connection is abandoned, never closed, as a killed process
leaves it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from random import Random
from typing import Any, Protocol, TypeVar

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.journal.snapshot import Snapshot
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Spooled
from nightdesk.ports.journal import Holder, LeaseView, Presence
from nightdesk.simulation.boards import Boards
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.disk import Disk
from nightdesk.simulation.engine import InlineJournal
from nightdesk.simulation.incarnation import Incarnation, Life
from nightdesk.simulation.link import Link
from nightdesk.simulation.loop import SimLoop
from nightdesk.simulation.trap import Moment, Traps

T = TypeVar("T")

JOURNAL = "/var/lib/nightdesk/desk.journal"
ROWS_MAX = 1_000_000

_numbers = count()  # SQLite knows a VFS by a name that nothing else has


class Observer(Protocol):
    """Who hears what became true in the journal, at the moment it did."""

    def appended(self, node: str, after: Seq, frames: Sequence[bytes]) -> None: ...
    def kept(self, node: str, entries: Sequence[Spooled]) -> None: ...
    def leased(self, node: str, epoch: Epoch, ttl_ns: int) -> None: ...


class Deaths:
    """What the kernel tells whoever waits for a process to end."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """One has ended."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """For the next."""
        await self._next.wait()


class Machine:
    """One host of the world."""

    def __init__(
        self,
        name: str,
        loop: SimLoop,
        time: TrueTime,
        seed: object,
        observer: Observer,
        lanes: int = 1,
    ) -> None:
        self.name = name
        self.observer = observer
        self.clock = MachineClock(time)
        self.disk = Disk(f"nightdesk-{next(_numbers)}")
        self.link = Link(f"10.0.0.{len(name)}", Random(f"{seed}/{name}/link"))
        more = (Random(f"{seed}/{name}/link/{number}") for number in range(1, lanes))
        # To each endpoint of the venue one; the streams are on the first.
        self.lanes = [self.link, *(Link(self.link.address, draw) for draw in more)]
        self.processes: list[Incarnation] = []
        self.deaths = Deaths()
        self.ends: Callable[[Incarnation], None] = (
            self.kill
        )  # of a process, by another of its machine
        self.stalled_until = 0.0  # the disk answers nothing before
        self.torn = 0
        self.traps = Traps()
        self._locker: Incarnation | None = None
        self.present: dict[int, Presence] = {}  # what nodes say of themselves, by pid
        self.spools: dict[str, bytes] = {}  # on a disk of their own, by the life that each is of
        self.spool_fails = False
        self.spool_away_until = 0.0
        self.boards: dict[str, Boards] = {}  # in memory, by the host that processes say they are on
        self.head = Seq(0)  # the last slot that was told of
        self._loop = loop
        self._draw = Random(f"{seed}/{name}/machine")
        self._journal: SqliteJournal | None = None
        self._left: list[SqliteJournal] = []  # connections of processes that died
        self._engines: dict[Incarnation, MachineJournal] = {}
        self._pids = 0

    def boards_of(self, host: str) -> Boards:
        """What processes of one host share."""
        return self.boards.setdefault(host, {})

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

    def engine(self, incarnation: Incarnation) -> "MachineJournal":
        """The journal as one process holds it."""
        draw = Random(f"{self._draw.random()}/engine")
        engine = self._engines[incarnation] = MachineJournal(self, incarnation, draw)
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

    def lose_power(self) -> bool:
        """Everything stops, and what was not synced may be gone; True when the disk kept a part of a write."""
        for incarnation in self.processes:
            self._end(incarnation)
        self.boards.clear()
        torn = self.disk.lose_power(self._draw)
        self.torn += torn
        self._forget()
        return torn > 0

    def ended(self, incarnation: Incarnation) -> None:
        """A process ended by itself."""
        incarnation.life = Life.DEAD
        self.deaths.tell()
        if not self._alive():
            self.disk.abandon()
            self._forget()

    def lock(self, incarnation: Incarnation) -> None:
        """SIGSTOP in the middle of a commit: until it goes on or dies, it holds the journal's lock."""
        incarnation.freeze()
        self._locker = incarnation

    def locked_by(self) -> Incarnation | None:
        """Who stands still inside the journal's lock."""
        locker = self._locker
        return locker if locker is not None and locker.thread.life is Life.FROZEN else None

    def thaw(self, incarnation: Incarnation) -> None:
        """SIGCONT, or the end of what blocked its loop."""
        for part in (incarnation.thread, incarnation):
            part.thaw()
            self._loop.thawed(part)

    def gone(self, holder: Holder) -> bool:
        """Whether the process of a lease's holder has ended."""
        alive = {(p.name, p.pid) for p in self.processes if p.life is not Life.DEAD}
        return (holder.name, holder.pid) not in alive

    def end(self, holder: Holder) -> None:
        """Another process of this machine kills the one that holds a lease."""
        for process in self.processes:
            if (process.name, process.pid) == (
                holder.name,
                holder.pid,
            ) and process.life is not Life.DEAD:
                self.ends(process)

    def bury(self) -> None:
        """Let go of everything; the world has ended."""
        self.disk.abandon()
        self._forget()
        self.disk.over = True
        for journal in self._left:
            journal.close()
        for incarnation in self.processes:
            incarnation.bury()
        self.disk.unregister()

    def leave(self) -> None:
        """Let go of a world in its middle: nothing on its loop may run, or be missed, later."""
        self.bury()
        rest = Incarnation("world", 0)
        rest.tasks = list(asyncio.all_tasks(self._loop))
        rest.bury()

    def _alive(self) -> bool:
        return any(p.life is not Life.DEAD for p in self.processes)

    def _end(self, incarnation: Incarnation) -> None:
        engine = self._engines.pop(incarnation, None)
        if engine is not None and incarnation.thread.life is Life.RUNNING:
            engine.killed()
        incarnation.kill()
        self.deaths.tell()

    def _forget(self) -> None:
        """The connection's process is gone. Nobody closes it: that would tidy up files that are not its own."""
        if self._journal is not None:
            self._left.append(self._journal)
            self._journal = None


class MachineJournal(InlineJournal):
    """A process's engine on its machine, which tells the world what became true."""

    def __init__(self, machine: Machine, process: Incarnation, draw: Random) -> None:
        super().__init__(machine.opened, draw, process.thread)
        self.present = machine.present
        self._machine = machine
        self._process = process
        self._node = process.name
        self._told = machine.disk.failed()

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> "asyncio.Future[None]":
        """See the port."""
        self._machine.traps.appending(self._process, frames)
        return super().append(epoch, after, frames)

    def _later(self, work: Callable[[], T], patience_s: float = 0.0) -> "asyncio.Future[T]":
        def of_this_process() -> T:
            self._machine.disk.told = self._told
            return work()

        return super()._later(of_this_process, patience_s)

    async def save_snapshot(self, epoch: Epoch, snapshot: Snapshot) -> None:
        """See the port."""
        self._machine.traps.at(self._process, Moment.SNAPSHOT_UNWRITTEN)
        await super().save_snapshot(epoch, snapshot)

    def appended(self, after: Seq, frames: Sequence[bytes]) -> None:
        """See the base."""
        self._machine.told(self._node, after, frames)
        self._machine.traps.appended(self._process, frames)

    def acquired(self, view: LeaseView) -> None:
        """See the base. Also told: what an append left behind whose own process never knew."""
        rows = self.opened().rows(self._machine.head, ROWS_MAX)
        self._machine.told(self._node, self._machine.head, [row.data for row in rows])
        self._machine.observer.leased(self._node, view.epoch, view.ttl_ns)
        self._machine.traps.at(self._process, Moment.LEASE_TAKEN)

    def renewed(self, epoch: Epoch) -> None:
        """See the base."""
        self._machine.observer.leased(self._node, epoch, self.opened().lease().ttl_ns)

    def released(self, epoch: Epoch) -> None:
        """See the base."""
        self._machine.observer.leased("", epoch, 0)

    def free_at(self) -> float:
        """See the base."""
        return self._machine.stalled_until

    def locked_out(self) -> bool:
        """See the base."""
        return self._machine.locked_by() not in (None, self._process)

    async def blocked_by(self, holder: Holder) -> bool:
        """See the port."""
        locker = self._machine.locked_by()
        return locker is not None and (locker.name, locker.pid) == (holder.name, holder.pid)
