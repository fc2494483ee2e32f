"""The WAL gets its size with the lease; what lies behind its end is nothing to any reader."""

import os
from pathlib import Path
from typing import Any

import apsw
import pytest

from adapters.journals import ME, OTHER, TTL, frames, whole_chain
from nightdesk.adapters import sqlite_journal, sqlite_wal
from nightdesk.adapters.journal_file import JournalFile
from nightdesk.adapters.sqlite_journal import WAL_BYTES, SqliteJournal
from nightdesk.model.errors import AppendUnknown, Fenced
from nightdesk.model.ids import Seq


def wal_size(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


def checkpointed(path: Path) -> None:
    """Everything of the WAL into the file, so that the next commit begins the WAL anew."""
    other = apsw.Connection(str(path))
    assert other.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
    other.close()


def test_who_takes_the_lease_gives_the_wal_its_size_and_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "desk.journal"
    journal = SqliteJournal(str(path))
    reader = JournalFile(path)  # open all the while, as a panel is
    before = wal_size(path)
    view = journal.acquire(journal.lease(), ME, TTL)
    assert wal_size(path) == WAL_BYTES > before
    assert journal.lease() == view, "the frames before the zeros are untouched"
    made, _ = frames(600)
    for slot, frame in enumerate(made):
        journal.append(view.epoch, Seq(slot), [frame])
        if slot == 300:
            checkpointed(path)
    assert wal_size(path) == WAL_BYTES, "written over, neither longer nor shorter"
    assert whole_chain(journal) == reader.head() == 600
    reader.close()
    journal.close()
    again = SqliteJournal(str(path))
    assert whole_chain(again) == 600
    again.close()


@pytest.mark.parametrize("fresh", [True, False])
def test_a_crash_leaves_zeros_that_the_next_start_reads_over(tmp_path: Path, fresh: bool) -> None:
    """What lies on the disk right after the zeros, and after the commits behind them."""
    path, copy = tmp_path / "desk.journal", tmp_path / "copy.journal"
    journal = SqliteJournal(str(path))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    made, _ = frames(40)
    if not fresh:
        journal.append(epoch, Seq(0), made[:30])
        checkpointed(path)  # the WAL begins anew: old frames, then zeros, behind the new ones
        journal.append(epoch, Seq(30), made[30:])
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    journal.close()
    left = SqliteJournal(str(copy))
    count = 0 if fresh else 40
    assert left.stored().head == count
    view = left.acquire(left.lease(), OTHER, TTL)
    more, _ = frames(count + 1)
    left.append(view.epoch, Seq(count), more[count:])
    assert whole_chain(left) == count + 1
    left.close()


def test_a_wal_of_nothing_but_zeros_is_an_empty_one(tmp_path: Path) -> None:
    """Killed between the zeros and the first frame of a new WAL."""
    path = tmp_path / "desk.journal"
    journal = SqliteJournal(str(path))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    made, _ = frames(3)
    journal.append(epoch, Seq(0), made)
    journal.close()
    Path(f"{path}-wal").write_bytes(bytes(WAL_BYTES))
    again = SqliteJournal(str(path))
    assert whole_chain(again) == 3
    view = again.acquire(again.lease(), OTHER, TTL)
    again.append(view.epoch, Seq(3), frames(4)[0][3:])
    assert whole_chain(again) == 4
    again.close()


def test_a_takeover_grows_no_wal_over_the_frames_of_the_one_it_deposes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "desk.journal"
    mine, theirs = SqliteJournal(str(path)), SqliteJournal(str(path))
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_journal, "WAL_BYTES", 0)  # as an older release leaves it
        epoch = mine.acquire(mine.lease(), ME, TTL).epoch
    made, _ = frames(20)
    for slot in range(20):
        mine.append(epoch, Seq(slot), made[slot : slot + 1])
    view = theirs.acquire(theirs.lease(), OTHER, TTL)
    assert wal_size(path) == WAL_BYTES
    assert whole_chain(theirs) == whole_chain(mine) == 20
    with pytest.raises(Fenced):
        mine.append(epoch, Seq(20), made[:1])
    theirs.append(view.epoch, Seq(20), frames(21)[0][20:])
    mine.close()
    theirs.close()


@pytest.mark.parametrize("failing", ["open", "pwrite"])
def test_a_wal_that_cannot_grow_stays_as_it_is_and_the_lease_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "desk.journal"
    journal = SqliteJournal(str(path))
    before, written = wal_size(path), 0
    write = os.pwrite

    def failed(*given: Any) -> int:
        nonlocal written
        written += 1
        if failing == "pwrite" and written < 50:
            return write(*given)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_wal.os, failing, failed)
        epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    assert written
    assert wal_size(path) < before + 3 * 4120, "given back but for the lease's own frames"
    journal.append(epoch, Seq(0), frames(1)[0])
    assert whole_chain(journal) == 1
    journal.close()


def test_a_reader_that_does_not_end_keeps_nobody_from_leading(tmp_path: Path) -> None:
    """Another node that stands still, a command stopped with Ctrl-Z, a copy being made: the lease of a leader
    that has ended is taken, with all that it wrote, and what was read again is written again."""
    path = tmp_path / "desk.journal"
    mine, theirs = SqliteJournal(str(path)), SqliteJournal(str(path))
    epoch = mine.acquire(mine.lease(), ME, TTL).epoch
    made, _ = frames(31)
    mine.append(epoch, Seq(0), made[:30])
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    count = "SELECT count(*) FROM journal"
    assert reader.execute(count).fetchone()[0] == 30
    view = theirs.acquire(theirs.lease(), OTHER, TTL)
    with pytest.raises(Fenced):
        mine.append(epoch, Seq(30), made[30:])
    theirs.append(view.epoch, Seq(30), frames(31)[0][30:])
    assert reader.execute(count).fetchone()[0] == 30, "what it reads stands still"
    reader.execute("COMMIT")
    assert reader.execute(count).fetchone()[0] == 31
    for connection in (reader, mine, theirs):
        connection.close()
    again = SqliteJournal(str(path))
    assert whole_chain(again) == 31
    again.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_nobody_leads_by_a_file_that_was_moved_away(tmp_path: Path, replaced: bool) -> None:
    """Its leader saw that first and ended, which tells the one that stands by to lead at once. And the WAL
    beside the path is another's by now: it is not to be written."""
    path = tmp_path / "desk.journal"
    theirs = SqliteJournal(str(path))
    path.rename(tmp_path / "elsewhere")
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").rename(tmp_path / f"elsewhere{suffix}")
    new = SqliteJournal(str(path)) if replaced else None
    before = wal_size(path) if replaced else 0
    with pytest.raises(AppendUnknown, match="moved or deleted"):
        theirs.acquire(theirs.lease(), OTHER, TTL)
    assert theirs.lease().epoch == 0
    if new is not None:
        assert wal_size(path) == before
        new.close()
    theirs.close()
