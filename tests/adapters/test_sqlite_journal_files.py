"""What lies under the engine: files of other programs, readers beside a writer, disks that fill up."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.e2e.disk import needed_disk

from adapters.journals import ME, OTHER, TTL, frames, whole_chain
from nightdesk.adapters import sqlite_journal
from nightdesk.adapters.journal_file import JournalFile
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.model.errors import AppendRefused, AppendUnknown, BadInput
from nightdesk.model.ids import Epoch, Seq


def test_a_write_whose_end_is_not_known_is_told_as_such(tmp_path: Path) -> None:
    """An I/O error at COMMIT: nobody may call that "not written"."""
    path = tmp_path / "j"
    journal = SqliteJournal(str(path))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch

    class Failing:
        def __init__(self, db: apsw.Connection) -> None:
            self._db = db

        def execute(self, statement: str, *rest: Any) -> Any:
            if statement == "COMMIT":
                raise apsw.IOError("fsync said EIO")
            return self._db.execute(statement, *rest)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._db, name)

    made, _ = frames(1)
    real, journal._db = journal._db, Failing(journal._db)  # type: ignore[assignment]
    with pytest.raises(AppendUnknown, match="nothing is retried"):
        journal.append(epoch, Seq(0), made)
    journal._db = real
    assert not real.in_transaction
    journal.close()


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy low, sell high\n" * 400)
    with pytest.raises(BadInput, match=r"notes\.txt.*Nightdesk journal"):
        SqliteJournal(str(path))
    assert path.read_text().startswith("buy low")


def test_a_folder_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Nightdesk journal"):
        SqliteJournal(str(tmp_path / "no" / "such" / "desk.journal"))


def test_a_newer_layout_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "desk.journal"
    SqliteJournal(str(path)).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 9")
    raw.close()
    with pytest.raises(BadInput, match="layout 9"):
        SqliteJournal(str(path))


def test_reading_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy low, sell high\n" * 400)
    with pytest.raises(BadInput):
        JournalFile(path).head()


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "firefox.sqlite"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE bookmarks (url TEXT)")
    raw.commit()
    raw.close()
    before = path.read_bytes()
    with pytest.raises(BadInput):
        SqliteJournal(str(path)).close()
    assert path.read_bytes() == before


def test_a_reader_changes_no_byte_and_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "desk.journal"
    writer = SqliteJournal(str(path))
    epoch = writer.acquire(writer.lease(), ME, TTL).epoch
    made, _ = frames(50)
    writer.append(epoch, Seq(0), made)
    writer.close()
    before = path.read_bytes()
    reader = JournalFile(path)
    assert len(list(reader.frames())) == 50
    assert reader.size()["journal"] == len(before)
    with pytest.raises((AppendRefused, AppendUnknown)):
        reader._journal.append(epoch, Seq(50), made)
    reader.close()
    assert path.read_bytes() == before


def test_a_reader_sees_what_is_committed_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "desk.journal"
    writer = SqliteJournal(str(path))
    epoch = writer.acquire(writer.lease(), ME, TTL).epoch
    made, _ = frames(3)
    writer.append(epoch, Seq(0), made[:1])
    reader = JournalFile(path)
    assert reader.head() == 1
    writer.append(epoch, Seq(1), made[1:])
    assert reader.head() == 3
    reader.close()
    writer.close()


# --- a full disk ---------------------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small disk with room for a small reserve."""
    monkeypatch.setattr(sqlite_journal, "BALLAST_BYTES", 256 << 10)
    folder = tmp_path / "disk"
    folder.mkdir()
    with needed_disk(folder, 1) as disk:
        yield disk


def fill(disk: Path, name: str = "logs.of.somebody.else") -> Path:
    """Take every byte that is left."""
    path = disk / name
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return path


def until_refused(
    journal: SqliteJournal, epoch: Epoch, count: int = 20_000
) -> tuple[int, AppendRefused]:
    """Append until the engine says no; how many were acknowledged."""
    made, _ = frames(count)
    start = done = journal.stored().head
    try:
        while done < len(made):
            journal.append(epoch, Seq(done), made[done : done + 10])
            done += len(made[done : done + 10])
    except AppendRefused as refused:
        return done - start, refused
    raise AssertionError("the disk was never full")


def test_a_full_disk_refuses_definitely_and_loses_nothing(full: Path) -> None:
    journal = SqliteJournal(str(full / "desk.journal"))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    done, refused = until_refused(journal, epoch)
    assert "disk is full" in str(refused)
    assert done > 100
    assert journal.stored().head == done
    assert whole_chain(journal) == done
    journal.close()
    again = SqliteJournal(str(full / "desk.journal"))
    assert whole_chain(again) == done
    again.close()


def test_the_ballast_gives_room_again_when_the_disk_is_full(full: Path) -> None:
    journal = SqliteJournal(str(full / "desk.journal"))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    assert journal.restore_ballast()
    fill(full)
    done, _ = until_refused(journal, epoch)
    assert not journal.health().ballast
    made, _ = frames(done + 40)
    for slot in range(done, done + 40):  # the halt, the exits
        journal.append(epoch, Seq(slot), made[slot : slot + 1])
    assert whole_chain(journal) == done + 40
    journal.close()


def test_there_is_no_ballast_where_there_is_no_room_for_it(full: Path) -> None:
    journal = SqliteJournal(str(full / "desk.journal"))
    fill(full)
    assert not journal.restore_ballast()
    assert not journal.health().ballast
    assert not Path(f"{full}/desk.journal.ballast").exists()
    journal.close()


def test_a_disk_that_is_still_full_has_no_room_for_the_ballast_again(full: Path) -> None:
    journal = SqliteJournal(str(full / "desk.journal"))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    assert journal.restore_ballast()
    fill(full)
    until_refused(journal, epoch)
    journal.close()
    again = SqliteJournal(str(full / "desk.journal"))  # the next incarnation's first steps
    try:
        assert not again.restore_ballast(), "nobody has freed anything"
    finally:
        again.close()


def test_freed_space_takes_the_ballast_and_appends_again(full: Path) -> None:
    journal = SqliteJournal(str(full / "desk.journal"))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    other = fill(full)
    done, _ = until_refused(journal, epoch)
    other.unlink()
    assert journal.restore_ballast()
    more, _ = frames(done + 10)
    journal.append(epoch, Seq(done), more[done:])
    assert whole_chain(journal) == done + 10
    journal.close()


def test_a_disk_without_room_to_spare_is_not_asked_for_a_wal(full: Path) -> None:
    path = full / "desk.journal"
    journal = SqliteJournal(str(path))
    epoch = journal.acquire(journal.lease(), ME, TTL).epoch
    assert Path(f"{path}-wal").stat().st_size < 100_000
    fill(full)
    done, _ = until_refused(journal, epoch)
    assert whole_chain(journal) == done
    journal.close()


def test_a_full_disk_keeps_nobody_from_leading_while_there_is_the_ballast(full: Path) -> None:
    """What the one that leads wrote is in the WAL, and the file has no room to take it."""
    path = full / "desk.journal"
    journal = SqliteJournal(str(path))
    epoch = journal.acquire(journal.lease(), OTHER, TTL).epoch
    assert journal.restore_ballast()
    made, _ = frames(400)
    for first in range(0, 400, 100):
        journal.append(epoch, Seq(first), made[first : first + 100])
    fill(full)
    standby = SqliteJournal(str(path))
    with pytest.raises(AppendRefused, match="disk is full"):
        standby.acquire(standby.lease(), ME, TTL)
    view = standby.acquire(standby.lease(), ME, TTL)
    more, _ = frames(420)
    standby.append(view.epoch, Seq(400), more[400:])
    assert whole_chain(standby) == 420
    journal.close()
    standby.close()


def test_a_read_that_fails_is_told_by_its_meaning(tmp_path: Path) -> None:
    """Whoever stands by goes on after it, and whoever leads begins anew: neither ends by an error of the
    library's."""
    path = tmp_path / "j"
    journal = SqliteJournal(str(path))
    journal.acquire(journal.lease(), ME, TTL)
    other = apsw.Connection(str(path))
    other.execute("DROP TABLE snapshot")  # an error of SQLite's own, whichever it is
    other.close()
    for read in (journal.health, journal.stored):
        with pytest.raises(AppendRefused, match="cannot be read"):
            read()
    journal.close()


@pytest.mark.parametrize("left", ["-wal", ".ballast", ".nodes"])
def test_none_is_begun_where_one_is_gone(tmp_path: Path, left: str) -> None:
    """It would know nothing of the desk's orders and positions."""
    path = tmp_path / "desk.journal"
    (tmp_path / f"desk.journal{left}").touch()
    with pytest.raises(BadInput, match=f"is gone, but .*{left} is there"):
        SqliteJournal(str(path))
    assert not path.exists()
    path.touch()  # whoever copies begins with an empty file
    with pytest.raises(BadInput, match=f"is gone, but .*{left} is there"):
        SqliteJournal(str(path))
    assert path.read_bytes() == b""


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_of_it_that_is_gone_or_another_is_noticed(
    tmp_path: Path, suffix: str, *, replaced: bool
) -> None:
    path = tmp_path / "desk.journal"
    journal = SqliteJournal(str(path))
    assert journal.health().file_is_ours
    journal.acquire(journal.lease(), ME, TTL)
    assert journal.health().file_is_ours
    file = tmp_path / f"desk.journal{suffix}"
    away = file.rename(tmp_path / "away")
    if replaced:
        file.write_bytes(away.read_bytes())
    assert not journal.health().file_is_ours
    with pytest.raises(AppendUnknown, match="moved or deleted"):
        journal.acquire(journal.lease(), OTHER, TTL)
    away.replace(file)
    assert journal.health().file_is_ours
    journal.close()


def test_who_may_not_make_a_journal_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "desk.journal"
    with pytest.raises(BadInput, match="there is none; find the one"):
        SqliteJournal(str(path), create=False)
    assert not path.exists()
    path.touch()
    with pytest.raises(BadInput, match="there is none; find the one"):
        SqliteJournal(str(path), create=False)
    assert path.read_bytes() == b""
