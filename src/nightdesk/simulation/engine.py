"""The journal port in virtual time: the production engine's statements in turn, answered after drawn delays."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from random import Random
from typing import TypeVar

from nightdesk.adapters.sqlite_journal import ACQUIRE_TIMEOUT_MS, BUSY_TIMEOUT_MS, SqliteJournal
from nightdesk.journal.chain import Row
from nightdesk.journal.snapshot import Snapshot
from nightdesk.model.errors import Locked, OperatingError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.ports.journal import EngineHealth, Holder, LeaseView, Presence, Stored
from nightdesk.simulation.chance import between
from nightdesk.simulation.incarnation import RUNNING, Incarnation, gone

T = TypeVar("T")

COMMIT_NS = (60_000, 200_000)  # an fdatasync on a good local disk and the hop around it
LOOK_AGAIN_S = 0.01  # at a lock that another process holds


class InlineJournal:
    """One process's engine. Each statement happens at a drawn moment of its time, in the process's `thread`: a
    frozen process's waits, a dead one's may have happened unheard."""

    def __init__(
        self, opened: Callable[[], SqliteJournal], draw: Random, thread: Incarnation | None = None
    ) -> None:
        self.opened = opened
        self.present: dict[int, Presence] = {}  # shared by the processes of a machine
        self._in_thread = Context()
        self._in_thread.run(RUNNING.set, thread)
        self._draw = draw
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self._under_way: list[Callable[[], None]] = []

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> asyncio.Future[None]:
        """See the port."""

        def work() -> None:
            self.opened().append(epoch, after, frames)
            self.appended(after, frames)

        return self._locking(work)

    async def lease(self) -> LeaseView:
        """See the port."""
        return await self._later(lambda: self.opened().lease())

    async def acquire(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView:
        """See the port."""

        def work() -> LeaseView:
            view = self.opened().acquire(seen, holder, ttl_ns)
            self.acquired(view)
            return view

        return await self._locking(work, ACQUIRE_TIMEOUT_MS)

    async def blocked_by(self, holder: Holder) -> bool:
        """See the port: one connection for all, whose lock is nobody's for longer than a statement."""
        return False

    def locked_out(self) -> bool:
        """Whether another process stands still inside the journal's lock."""
        return False

    async def renew(self, epoch: Epoch, renewals: int) -> None:
        """See the port."""

        def work() -> None:
            self.opened().renew(epoch, renewals)
            self.renewed(epoch)

        await self._locking(work)

    async def release(self, epoch: Epoch) -> None:
        """See the port."""

        def work() -> None:
            self.opened().release(epoch)
            self.released(epoch)

        await self._locking(work)

    async def stored(self) -> Stored:
        """See the port."""
        return await self._later(lambda: self.opened().stored())

    async def rows(self, after: Seq, limit: int) -> list[Row]:
        """See the port."""
        return await self._later(lambda: self.opened().rows(after, limit))

    async def cut(self, epoch: Epoch, first: Seq) -> None:
        """See the port."""
        await self._locking(lambda: self.opened().cut(epoch, first))

    async def save_snapshot(self, epoch: Epoch, snapshot: Snapshot) -> None:
        """See the port."""
        await self._locking(lambda: self.opened().save_snapshot(epoch, snapshot))

    async def health(self) -> EngineHealth:
        """See the port."""
        return await self._later(lambda: self.opened().health())

    async def restore_ballast(self) -> bool:
        """See the port."""
        return await self._later(lambda: self.opened().restore_ballast())

    async def tell(self, presence: Presence) -> None:
        """See the port."""
        if not gone():
            self.present[presence.holder.pid] = presence

    async def nodes(self) -> list[Presence]:
        """See the port."""
        return list(self.present.values())

    def appended(self, after: Seq, frames: Sequence[bytes]) -> None:
        """These are durable now, whether or not the process will hear of it."""

    def acquired(self, view: LeaseView) -> None:
        """The lease is this process's."""

    def renewed(self, epoch: Epoch) -> None:
        """The lease was renewed."""

    def released(self, epoch: Epoch) -> None:
        """The lease was given back."""

    def free_at(self) -> float:
        """When the disk answers again."""
        return 0.0

    def killed(self) -> None:
        """What the process had handed to the kernel may still have happened, unheard: a beginning of it."""
        for act in list(self._under_way):
            if self._draw.random() < 0.5:
                break
            try:
                act()
            except OperatingError:
                break
        self._under_way.clear()

    def _locking(
        self, work: Callable[[], T], timeout_ms: int = BUSY_TIMEOUT_MS
    ) -> asyncio.Future[T]:
        """A statement that writes: it waits so long for a lock that another process holds."""

        def locking() -> T:
            if self.locked_out():
                raise Locked("another process holds the journal's lock")
            return work()

        return self._later(locking, timeout_ms * MS_NS / SECOND_NS)

    def _later(self, work: Callable[[], T], patience_s: float = 0.0) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        if gone():
            return future
        took = between(self._draw, *COMMIT_NS) / SECOND_NS
        begins = max(self._loop.time(), self._free_at, self.free_at())
        self._free_at = ends = begins + took
        result: list[T] = []

        def act() -> None:
            self._under_way.remove(act)
            result.append(work())

        def acting() -> None:
            now = self._loop.time()
            if self.locked_out() and now < begins + patience_s:
                # Its thread waits with it, and whatever comes behind.
                self._free_at = max(self._free_at, now + LOOK_AGAIN_S)
                self._loop.call_at(now + LOOK_AGAIN_S, acting, context=self._in_thread)
                return
            try:
                act()
            except OperatingError as error:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a process that is dead by now never looks, and nobody need be told
                return
            self._loop.call_at(max(ends, self._loop.time()), told, context=here)

        def told() -> None:
            if not future.done():
                future.set_result(result[0])

        here = copy_context()
        self._under_way.append(act)
        self._loop.call_at(begins + took * self._draw.random(), acting, context=self._in_thread)
        return future
