"""The journal's engine: each call is one statement. Batching, retries and meaning are the shell's."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from nightdesk.journal.chain import Row
from nightdesk.journal.snapshot import Snapshot
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import Mono


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lease, well enough to see whether it still runs."""

    name: str
    machine: str = ""
    boot: str = ""
    pid: int = 0
    started: int = 0  # the process's start time in clock ticks since boot: pids are reused


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """The lease as it stands; `holder` is None when it was given back."""

    epoch: Epoch
    renewals: int
    ttl_ns: int
    holder: Holder | None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What a load found: snapshots newest first with the digest of the frame in their slot."""

    snapshots: list[tuple[Snapshot, bytes | None]]
    head: Seq


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself once a second, beside the journal.

    `seq` is the last slot that it has folded, `at` when it said so (CLOCK_BOOTTIME, which is one for all of a
    machine), `lag_ns` how long before that it had folded all there was, `unfit` why it could not lead now,
    `cold` what it would ask the venues first, `rank` its place among several that stand by, least first;
    until `rests_until` it leaves what it has handed over to others.
    """

    holder: Holder
    leads: bool
    seq: Seq
    at: Mono
    lag_ns: int = 0
    unfit: str = ""
    cold: str = ""
    rank: int = 0
    rests_until: Mono = Mono(0)
    version: str = ""


class EngineHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine says of itself once a second."""

    file_bytes: int
    free_bytes: int
    file_is_ours: bool  # False: the file was unlinked or replaced under us
    ballast: bool  # the reserve for writing down that the disk is full is in place
    snapshot_seq: Seq = Seq(0)  # of the newest snapshot


class JournalEngine(Protocol):
    """One journal. Futures raise `Fenced`, `AppendRefused` or `AppendUnknown`, nothing else of theirs."""

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> "asyncio.Future[None]":
        """Durable in the slots after `after`, if `epoch` leads and `after` is the head."""
        ...

    async def lease(self) -> LeaseView: ...
    async def acquire(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView: ...
    async def blocked_by(self, holder: Holder) -> bool:
        """Whether that process holds a lock of the journal's now; False where nobody can tell."""
        ...

    async def renew(self, epoch: Epoch, renewals: int) -> None: ...
    async def release(self, epoch: Epoch) -> None: ...
    async def stored(self) -> Stored: ...
    async def rows(self, after: Seq, limit: int) -> list[Row]: ...
    async def cut(self, epoch: Epoch, first: Seq) -> None: ...
    async def save_snapshot(self, epoch: Epoch, snapshot: Snapshot) -> None: ...
    async def health(self) -> EngineHealth: ...
    async def restore_ballast(self) -> bool: ...
    async def tell(self, presence: Presence) -> None: ...
    async def nodes(self) -> list[Presence]:
        """What each node said last, this one's own among them; who has ended may still be told of."""
        ...
