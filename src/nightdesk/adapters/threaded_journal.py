"""The SQLite journal behind one writer thread: a stalled disk must not stall the loop."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeVar

from nightdesk.adapters.nodes_folder import NodesFolder
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.worker import Worker, heard
from nightdesk.journal.chain import Row
from nightdesk.journal.snapshot import Snapshot
from nightdesk.model.errors import AppendRefused, AppendUnknown, Fenced
from nightdesk.model.ids import Epoch, Seq
from nightdesk.ports.journal import EngineHealth, Holder, LeaseView, Presence, Stored

T = TypeVar("T")


class ThreadedJournal:
    """Each call is queued to the one thread that owns the connection; `create` as of the journal. What nodes
    say of themselves has a thread of its own: no append waits for it.

    With `within_s` whoever asks waits no longer for opening, leading and closing, and is told `AppendUnknown`.
    """

    def __init__(self, path: str, *, create: bool = True, within_s: float | None = None) -> None:
        self._create = create
        self._within_s = within_s
        self._worker = Worker("journal")
        self._path = path
        self._journal: SqliteJournal | None = None
        self._nodes = NodesFolder(path)
        self._presence = Worker("presence")
        self._given_back: asyncio.Future[None]

    async def open(self) -> None:
        """Open the file; raises `BadInput` when it is not a journal of ours."""
        await self._in_time(self._worker.do(self._open))

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        closed = self._worker.do(self._close)
        try:
            await self._in_time(closed)
        finally:
            self._presence.end()
            self._worker.end(wait_s=5.0 if closed.done() else 0.0)

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> asyncio.Future[None]:
        """See the port."""
        return self._worker.do(lambda: self._opened().append(epoch, after, frames))

    async def lease(self) -> LeaseView:
        """See the port."""
        return await self._worker.do(lambda: self._opened().lease())

    async def acquire(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView:
        """See the port. What was given too late is given back: nobody waits for a lease that nobody uses."""
        granted: list[LeaseView] = []

        def work() -> LeaseView:
            granted.append(self._opened().acquire(seen, holder, ttl_ns))
            return granted[0]

        def give_back() -> None:
            with suppress(Fenced, AppendRefused, AppendUnknown):
                for view in granted:
                    self._opened().release(view.epoch)

        asked = self._worker.do(work)
        try:
            return await self._in_time(asked)
        except (AppendUnknown, asyncio.CancelledError):
            self._given_back = self._worker.do(give_back)
            raise

    async def blocked_by(self, holder: Holder) -> bool:
        """See the port."""
        return await self._worker.do(lambda: self._opened().blocked_by(holder))

    async def renew(self, epoch: Epoch, renewals: int) -> None:
        """See the port."""
        await self._in_time(self._worker.do(lambda: self._opened().renew(epoch, renewals)))

    async def release(self, epoch: Epoch) -> None:
        """See the port."""
        await self._in_time(self._worker.do(lambda: self._opened().release(epoch)))

    async def stored(self) -> Stored:
        """See the port."""
        return await self._worker.do(lambda: self._opened().stored())

    async def rows(self, after: Seq, limit: int) -> list[Row]:
        """See the port."""
        return await self._worker.do(lambda: self._opened().rows(after, limit))

    async def cut(self, epoch: Epoch, first: Seq) -> None:
        """See the port."""
        await self._worker.do(lambda: self._opened().cut(epoch, first))

    async def save_snapshot(self, epoch: Epoch, snapshot: Snapshot) -> None:
        """See the port."""
        await self._worker.do(lambda: self._opened().save_snapshot(epoch, snapshot))

    async def health(self) -> EngineHealth:
        """See the port."""
        return await self._worker.do(lambda: self._opened().health())

    async def restore_ballast(self) -> bool:
        """See the port."""
        return await self._worker.do(lambda: self._opened().restore_ballast())

    async def tell(self, presence: Presence) -> None:
        """See the port."""
        await self._presence.do(lambda: self._nodes.tell(presence))

    async def nodes(self) -> list[Presence]:
        """See the port."""
        return await self._presence.do(self._nodes.told)

    async def _in_time(self, asked: "asyncio.Future[T]") -> T:
        try:
            await asyncio.wait([asked], timeout=self._within_s)
        except asyncio.CancelledError:
            asked.add_done_callback(heard)
            raise
        if not asked.done():
            asked.add_done_callback(heard)
            raise AppendUnknown(
                f"journal {self._path}: its disk has not answered for {self._within_s:g} s"
            )
        return asked.result()

    def _open(self) -> None:
        self._journal = SqliteJournal(self._path, create=self._create)

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _opened(self) -> SqliteJournal:
        assert self._journal is not None, "open() comes first"
        return self._journal
