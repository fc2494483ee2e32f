"""The journal in SQLite through apsw: WAL, synchronous=FULL, one statement per call, no thread in here.

apsw bundles its own SQLite: the one Python links is often inside the range of the WAL-reset corruption bug
(fixed in 3.51.3). Every write checks epoch and head inside its own BEGIN IMMEDIATE, which is the fence. No
callback and no await ever runs inside a transaction.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import msgspec

from nightdesk.adapters.sqlite_files import BALLAST, identity, is_there, refuse_if_gone, size
from nightdesk.adapters.sqlite_locks import writers
from nightdesk.adapters.sqlite_wal import grow, write_again
from nightdesk.journal.chain import REBUILD, Row
from nightdesk.journal.frame import digest_of
from nightdesk.journal.snapshot import KEPT, Snapshot
from nightdesk.model.errors import (
    AppendRefused,
    AppendUnknown,
    BadInput,
    CorruptionError,
    Fenced,
    Locked,
)
from nightdesk.model.ids import Epoch, Seq
from nightdesk.ports.journal import EngineHealth, Holder, LeaseView, Stored

SQLITE_MIN = (3, 51, 3)
BUSY_TIMEOUT_MS = 2_000
BEGIN_TRIES, BEGIN_AGAIN_S = 40, 0.05  # as long as it waits for other locks
ACQUIRE_TIMEOUT_MS = 100  # who challenges looks again by itself
BALLAST_BYTES = 16 << 20  # room to write down that the disk is full, and every exit after it
LAYOUT = 1
# What SQLite's 1,000 pages and the largest batch behind them take. Nobody truncates a WAL that is open: after a
# checkpoint it is written again from its beginning.
WAL_BYTES = 17 << 18

_LEADS_AND_HEAD = "SELECT epoch, (SELECT coalesce(max(seq), 0) FROM journal) FROM lease"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, frame BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS lease (
  id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, renewals INTEGER NOT NULL,
  ttl_ns INTEGER NOT NULL, holder BLOB) STRICT;
CREATE TABLE IF NOT EXISTS snapshot (
  seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, chain BLOB NOT NULL, format INTEGER NOT NULL,
  checksum BLOB NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS torn (seq INTEGER, frame BLOB, cut_by INTEGER) STRICT;
INSERT OR IGNORE INTO lease VALUES (1, 0, 0, 0, NULL);
"""


def check_library() -> None:
    """Refuse a SQLite that may corrupt a WAL shared by two processes."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_MIN:
        raise BadInput(
            f"SQLite {apsw.sqlite_lib_version()} may corrupt the journal; install apsw >= 3.51.3"
        )


class SqliteJournal:
    """Synchronous; whoever calls it decides on which thread, always the same one. `create` makes one where
    there is none."""

    def __init__(
        self, path: str, *, vfs: str | None = None, readonly: bool = False, create: bool = True
    ) -> None:
        check_library()
        self.path = path
        self._ballast = Path(f"{path}{BALLAST}")
        flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
        if create and not readonly:
            flags |= apsw.SQLITE_OPEN_CREATE
        if vfs is None:
            refuse_if_gone(path, create=create and not readonly)
        try:
            self._db = apsw.Connection(path, flags=flags, vfs=vfs)
            self._db.set_busy_timeout(BUSY_TIMEOUT_MS)
            if vfs is not None:  # one without shared memory: the file is this connection's alone
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            if not readonly:
                self._prepare(create)
            self._recognise()  # and by that read what is not there yet of the files is made
            self._identity = identity(path) if vfs is None else None
        except apsw.Error as error:
            raise BadInput(f"journal {path}: {error}; is it a Nightdesk journal?") from error

    def close(self) -> None:
        """Close; the WAL is checkpointed by SQLite when nobody else has it open."""
        self._db.close()

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> None:
        """Durable in the slots after `after`, if `epoch` leads and `after` is the head."""
        rows = [(after + index, frame) for index, frame in enumerate(frames, 1)]
        with _Transaction(self):
            leads, head = self._one(_LEADS_AND_HEAD)
            self._led(leads, epoch)
            if head != after:
                raise Fenced(f"the journal's head is {head}, not {after}: another writer was here")
            self._db.executemany("INSERT INTO journal VALUES (?, ?)", rows)

    def lease(self) -> LeaseView:
        """The lease as it stands."""
        with self._reading():
            row = self._one("SELECT epoch, renewals, ttl_ns, holder FROM lease")
        epoch, renewals, ttl_ns, holder = row
        return LeaseView(
            epoch=Epoch(epoch),
            renewals=renewals,
            ttl_ns=ttl_ns,
            holder=None if holder is None else msgspec.json.decode(holder, type=Holder),
        )

    def acquire(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView:
        """Take the lease if nobody touched it since it was seen."""
        self._db.set_busy_timeout(ACQUIRE_TIMEOUT_MS)
        try:
            return self._acquired(seen, holder, ttl_ns)
        finally:
            self._db.set_busy_timeout(BUSY_TIMEOUT_MS)

    def _acquired(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView:
        rewritten = self._rewrite()
        with _Transaction(self):  # busy here: another process holds the lock of writers
            if self._identity is not None and identity(self.path) != self._identity:
                raise AppendUnknown(
                    f"journal {self.path}: the file was moved or deleted; find it, then start again"
                )
            now = self.lease()
            if (now.epoch, now.renewals) != (seen.epoch, seen.renewals):
                raise Fenced(f"epoch {now.epoch} took the lease first")
            self._db.execute(
                "UPDATE lease SET epoch = epoch + 1, renewals = 0, ttl_ns = ?, holder = ?",
                (ttl_ns, msgspec.json.encode(holder)),
            )
            if not rewritten:
                self._rewrite_wal()
            self._grow_wal()
        return self.lease()

    def blocked_by(self, holder: Holder) -> bool:
        """Whether that process, of this machine, holds the lock of writers."""
        return holder.pid in writers(f"{self.path}-shm")

    def renew(self, epoch: Epoch, renewals: int) -> None:
        """Count one renewal: the same path and lock as an append, so that one cannot work alone."""
        with _Transaction(self):
            self._fence(epoch)
            self._db.execute("UPDATE lease SET renewals = ?", (renewals,))

    def release(self, epoch: Epoch) -> None:
        """Give the lease back."""
        with _Transaction(self):
            self._fence(epoch)
            self._db.execute("UPDATE lease SET holder = NULL, renewals = renewals + 1")

    def stored(self) -> Stored:
        """Snapshots, newest first, and the head."""
        snapshots = []
        query = (
            "SELECT s.seq, s.epoch, s.chain, s.format, s.checksum, s.body, j.frame "
            "FROM snapshot s LEFT JOIN journal j ON j.seq = s.seq ORDER BY s.seq DESC"
        )
        with self._reading():
            rows: list[tuple[Any, ...]] = self._db.execute(query).fetchall()
        for seq, epoch, chain, schema, checksum, body, frame in rows:
            snapshot = Snapshot(
                seq=Seq(seq),
                epoch=Epoch(epoch),
                chain=chain,
                schema=schema,
                checksum=checksum,
                body=body,
            )
            snapshots.append((snapshot, None if frame is None else digest_of(frame)))
        return Stored(snapshots=snapshots, head=self._head())

    def rows(self, after: Seq, limit: int) -> list[Row]:
        """The slots behind `after`, in order."""
        query = "SELECT seq, frame FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._reading():
            return [Row(seq=Seq(s), data=f) for s, f in self._db.execute(query, (after, limit))]

    def cut(self, epoch: Epoch, first: Seq) -> None:
        """Take a torn tail out of the journal; its bytes are kept aside."""
        with _Transaction(self):
            self._fence(epoch)
            self._db.execute(
                "INSERT INTO torn SELECT seq, frame, ? FROM journal WHERE seq >= ?", (epoch, first)
            )
            self._db.execute("DELETE FROM journal WHERE seq >= ?", (first,))

    def save_snapshot(self, epoch: Epoch, snapshot: Snapshot) -> None:
        """Keep a snapshot, and the two before it."""
        s = snapshot
        with _Transaction(self):
            self._fence(epoch)
            self._db.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)",
                (s.seq, s.epoch, s.chain, s.schema, s.checksum, s.body),
            )
            self._db.execute(
                "DELETE FROM snapshot WHERE seq NOT IN "
                "(SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?)",
                (KEPT,),
            )

    def health(self) -> EngineHealth:
        """File size, room left, and whether the file is still the one that was opened."""
        if self._identity is None:
            return EngineHealth(
                file_bytes=0,
                free_bytes=1 << 60,
                file_is_ours=True,
                ballast=True,
                snapshot_seq=self._snapshot_seq(),
            )
        disk = os.statvfs(self.path if is_there(self.path) else ".")
        return EngineHealth(
            file_bytes=size(self.path),
            free_bytes=disk.f_bavail * disk.f_frsize,
            file_is_ours=identity(self.path) == self._identity,
            ballast=self._ballast.exists(),
            snapshot_seq=self._snapshot_seq(),
        )

    def restore_ballast(self) -> bool:
        """Set the reserve aside (again); False when there is no room for it."""
        if self._identity is None or self._ballast.exists():
            return True
        if self.health().free_bytes < 2 * BALLAST_BYTES:
            return False  # the room just given away is not room to take again
        try:
            with self._ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        except OSError:
            self._ballast.unlink(missing_ok=True)
            return False
        return True

    def _recognise(self) -> int:
        """The file's layout, 0 when it is new; raises `BadInput` for somebody else's database. Both are read
        as of one moment: another node may just begin it."""
        with self._db:
            (layout,) = self._one("PRAGMA user_version")
            (tables,) = self._one("SELECT count(*) FROM sqlite_master")
        if layout != LAYOUT and (layout or tables):
            raise BadInput(
                f"journal {self.path}: not a journal this release knows (layout {layout}, {tables} tables)"
            )
        return int(layout)

    def _prepare(self, create: bool) -> None:
        layout = self._recognise()
        self._write_ahead()
        self._db.execute("PRAGMA synchronous = FULL")
        if layout == 0 and create:
            self._db.execute(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {LAYOUT}; COMMIT")

    def _write_ahead(self) -> None:
        """Of a file that another node begins at the same time: for this one lock SQLite does not wait."""
        for left in reversed(range(BEGIN_TRIES)):
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except apsw.BusyError:
                if not left:
                    raise
                time.sleep(BEGIN_AGAIN_S)
            else:
                return

    def _rewrite(self) -> bool:
        """Write what is read again before building on it; False where somebody's open read keeps the WAL, and
        `_acquired` is to write that again in its place.

        After a failed sync the kernel keeps pages that never reached the disk and calls them clean: a process
        that starts then reads them, and no later sync would write them. What can be in that state lies in the
        WAL; checkpointing it all makes those pages new writes, and the WAL begins empty.
        """
        try:
            busy, _, _ = self._one("PRAGMA wal_checkpoint(TRUNCATE)")
        except apsw.FullError as error:
            self._ballast.unlink(missing_ok=True)  # the next try has that much room
            raise AppendRefused(f"journal {self.path}: the disk is full; free space") from error
        except apsw.Error as error:
            raise AppendUnknown(
                f"journal {self.path}: {error}; what it holds may be lost"
            ) from error
        return not busy

    def _rewrite_wal(self) -> None:
        """The same beside a reader that does not end (one that stands still, a copy being made): nobody leads
        must not be what comes of it. The commit behind it makes all of it durable."""
        try:
            write_again(f"{self.path}-wal")
        except OSError as error:
            raise AppendUnknown(
                f"journal {self.path}: {error}; what it holds may be lost"
            ) from error

    def _grow_wal(self) -> None:
        """Give the WAL its size, so that a commit overwrites and its sync has no growth to make durable. Only
        inside our own transaction: its lock keeps every other writer out of the file."""
        if self._identity is None or self.health().free_bytes < 2 * BALLAST_BYTES + WAL_BYTES:
            return
        with suppress(
            OSError
        ):  # slower commits, and the disk will tell by itself what is wrong with it
            grow(f"{self.path}-wal", WAL_BYTES)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise CorruptionError(f"journal {self.path}: {error}. {REBUILD}") from error
        except apsw.Error as error:
            raise AppendRefused(f"journal {self.path} cannot be read: {error}") from error

    def _one(self, query: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._db.execute(query).fetchone()
        assert row is not None, f"{query} always has a row"
        return row

    def _fence(self, epoch: Epoch) -> None:
        (leads,) = self._one("SELECT epoch FROM lease")
        self._led(leads, epoch)

    def _led(self, leads: int, epoch: Epoch) -> None:
        if leads != epoch:
            raise Fenced(f"epoch {leads} leads; epoch {epoch} stands down")

    def _snapshot_seq(self) -> Seq:
        with self._reading():
            (newest,) = self._one("SELECT coalesce(max(seq), 0) FROM snapshot")
        return Seq(newest)

    def _head(self) -> Seq:
        with self._reading():
            (head,) = self._one("SELECT coalesce(max(seq), 0) FROM journal")
        return Seq(head)


class _Transaction:
    """BEGIN IMMEDIATE to COMMIT, with SQLite's errors told by what they leave us believing."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self._db = journal._db  # noqa: SLF001 the other half of the same module

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise self._meaning(error, began=False) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            try:
                self._db.execute("COMMIT")
            except apsw.Error as failed:
                self._roll_back()
                raise self._meaning(failed, began=True) from failed
            return
        self._roll_back()
        if isinstance(error, apsw.Error):
            raise self._meaning(error, began=True) from error

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _meaning(self, error: apsw.Error, *, began: bool) -> Exception:
        path = self._journal.path
        if isinstance(error, apsw.FullError):
            Path(f"{path}{BALLAST}").unlink(missing_ok=True)
            return AppendRefused(f"journal {path}: the disk is full; free space, then resume")
        if isinstance(error, (apsw.BusyError, apsw.LockedError)):
            return Locked(f"journal {path}: another process holds its lock ({error})")
        if isinstance(error, apsw.ConstraintError) or not began:
            return AppendRefused(f"journal {path}: {error}")
        return AppendUnknown(f"journal {path}: {error}; nothing is retried after a failed write")
