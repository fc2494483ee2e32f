"""A board in a file: rows of processes that live, died or were killed, and files that somebody spoilt."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nightdesk.adapters.boards import ROWS_MAX, FileBoard, boards_under
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.ports.boards import BoardAway
from nightdesk.resilience.board import Column, Rows, stamp_of

LENGTH_NS = 10 * SECOND_NS
ROWS = Rows([LENGTH_NS])
START = Mono(1_000 * SECOND_NS)
LATER = Mono(START + 2 * SECOND_NS)


class Place:
    """A directory, and the boards opened there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boards: list[FileBoard] = []

    def open(self, rows: Rows = ROWS, boot: str = "boot") -> FileBoard:
        board = FileBoard(self.folder / "address", rows, boot)
        self.boards.append(board)
        return board

    @property
    def file(self) -> Path:
        return next(iter(self.folder.glob("address.*.boot.board")))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "boards")
    yield place
    for board in place.boards:
        board.close()


def row(number: int = 1, now: Mono = START, spent: int = 3) -> bytes:
    return ROWS.sealed(number, now, LONG_AGO, [Column(LENGTH_NS).words(spent, 0)])


def test_each_reads_what_the_others_wrote(place: Place) -> None:
    one, other, third = place.open(), place.open(), place.open()
    for number, board in enumerate((one, other, third), 1):
        board.write(row(number), START)
    assert sorted(stamp_of(data)[0] for data in one.read(START).values()) == [2, 3]
    assert sorted(stamp_of(data)[0] for data in third.read(START).values()) == [1, 2]
    assert place.file.stat().st_mode & 0o777 == 0o600
    assert place.folder.stat().st_mode & 0o777 == 0o700


def test_a_row_given_back_is_read_until_it_counts_no_more_and_taken_then(place: Place) -> None:
    one, other = place.open(), place.open()
    one.write(row(), START)
    one.close()
    other.write(row(2), START)
    assert len(other.read(START)) == 1
    fresh = place.open()
    fresh.write(row(3), START)
    assert len(other.read(START)) == 2
    after = Mono(START + ROWS.keep_ns)
    late = place.open()
    late.write(row(4, after), after)
    assert sorted(stamp_of(data)[0] for data in other.read(after).values()) == [3, 4]


def test_where_all_rows_count_the_oldest_of_an_ended_process_is_taken(place: Place) -> None:
    for number in range(ROWS_MAX):
        board = place.open()
        board.write(row(number + 1, Mono(START - ROWS_MAX + number)), START)
        board.close()
    board = place.open()
    board.write(row(1_000), LATER)
    seen = [stamp_of(data)[0] for data in place.open().read(LATER).values()]
    assert sorted(seen) == [*range(3, ROWS_MAX + 1), 1_000]


def test_where_all_rows_are_in_use_it_is_away(place: Place) -> None:
    for _ in range(ROWS_MAX):
        place.open().write(row(), START)
    with pytest.raises(BoardAway, match="64 processes"):
        place.open().read(START)


def cut(file: Path) -> None:
    os.truncate(file, 100)


def overwrite(file: Path) -> None:
    file.write_bytes(b"something else entirely" * 400)


def remove(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"")
    other.chmod(0o600)
    other.rename(file)


@pytest.mark.parametrize("spoil", [cut, remove, replace])
def test_a_file_that_was_cut_or_replaced_is_away_and_then_opened_anew(
    place: Place, spoil: Callable[[Path], None]
) -> None:
    one, other = place.open(), place.open()
    one.write(row(1), START)
    other.write(row(2), START)
    spoil(place.file)
    for board in (one, other):
        with pytest.raises(BoardAway, match="address"):
            board.read(LATER)
        with pytest.raises(BoardAway):
            board.write(row(3), LATER)
    again = Mono(LATER + SECOND_NS)
    one.write(row(4), again)
    other.write(row(5), again)
    assert 5 in [stamp_of(data)[0] for data in one.read(again).values()]


def test_a_file_with_other_bytes_is_away_and_stays_so(place: Place) -> None:
    one = place.open()
    one.write(row(), START)
    overwrite(place.file)
    for now in (LATER, Mono(LATER + SECOND_NS), Mono(LATER + 5 * SECOND_NS)):
        with pytest.raises(BoardAway):
            one.read(now)


def test_one_made_for_other_limits_is_left_alone_and_another_made(place: Place) -> None:
    place.open().write(row(), START)
    other = place.open(Rows([LENGTH_NS, 5]))
    words = [Column(length).words(1, 0) for length in other.rows.lengths_ns]
    other.write(other.rows.sealed(1, START, LONG_AGO, words), START)
    assert other.read(START) == {}
    assert len(list(place.folder.iterdir())) == 2


def aged(file: Path, days: int) -> Path:
    before = file.stat(follow_symlinks=False).st_mtime - days * 86_400
    os.utime(file, (before, before), follow_symlinks=False)
    return file


def test_what_an_earlier_boot_left_is_removed_and_boards_that_nobody_wrote_to_for_days(
    place: Place,
) -> None:
    place.open(boot="earlier").write(row(), START)
    for name, days in (("kept", 1), ("left", 4)):
        board = FileBoard(place.folder / name, ROWS, "boot")
        board.write(row(), START)
        board.close()
        aged(next(iter(place.folder.glob(f"{name}.*"))), days)
    assert place.open().read(START) == {}
    assert {file.name.split(".")[0] for file in place.folder.iterdir()} == {"address", "kept"}
    assert not list(place.folder.glob("*.earlier.board"))


def test_what_is_no_board_is_never_removed(place: Place, tmp_path: Path) -> None:
    place.open(boot="earlier").write(row(), START)
    (board,) = place.folder.iterdir()
    like = board.name.replace("address", "left")
    (place.folder / "desk.toml").write_text("a config")
    (place.folder / "named.0123abcd.earlier.board").write_text("but begins as none")
    (place.folder / "begins-as-one.journal").write_bytes(board.read_bytes())
    (place.folder / "folder.0123abcd.earlier.board").mkdir()
    os.mkfifo(place.folder / "pipe.0123abcd.earlier.board")
    (tmp_path / "target").write_bytes(board.read_bytes())
    (place.folder / like).symlink_to(tmp_path / "target")
    before = {aged(file, 9).name for file in place.folder.iterdir()} - {board.name}
    assert place.open(boot="later").read(START) == {}
    assert {file.name for file in place.folder.iterdir()} - {
        file.name for file in place.folder.glob("address.*")
    } == before
    assert not board.exists()
    assert (tmp_path / "target").exists()


def test_where_nothing_can_be_tidied_it_is_used_all_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.open(boot="earlier").write(row(), START)

    def refused(_: Path) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "unlink", refused)
    assert place.open().read(START) == {}


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_directory_that_others_may_write_to_is_not_used_and_the_message_says_how_to_mend_it(
    place: Place, mode: int
) -> None:
    place.folder.mkdir()
    place.folder.chmod(mode)
    with pytest.raises(BoardAway, match=f"chmod 700 {place.folder}"):
        place.open().read(START)


def test_a_directory_that_a_person_made_is_used(place: Place) -> None:
    place.folder.mkdir()
    place.folder.chmod(0o755)
    assert place.open().read(START) == {}


def test_a_directory_that_cannot_be_made_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    board = FileBoard(tmp_path / "file" / "boards" / "address", ROWS, "boot")
    with pytest.raises(BoardAway, match="file"):
        board.read(START)


def test_a_link_in_its_place_is_not_followed(place: Place, tmp_path: Path) -> None:
    place.open().write(row(), START)
    file = place.file
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BoardAway):
        place.open().read(START)
    assert not (tmp_path / "elsewhere").exists()


def test_only_the_row_of_an_ended_process_is_mended(place: Place) -> None:
    one, other = place.open(), place.open()
    one.write(row(1), START)
    other.write(row(2), START)
    (number,) = other.read(START)
    other.mend(number)
    assert len(other.read(START)) == 1
    one.close()
    other.mend(number)
    assert other.read(START) == {}


OTHER = """
import sys
from pathlib import Path
from nightdesk.adapters.boards import FileBoard
from nightdesk.model.time import LONG_AGO, Mono
from nightdesk.resilience.board import Column, Rows
rows = Rows([int(sys.argv[2])])
board, now = FileBoard(Path(sys.argv[1]), rows, "boot"), Mono(int(sys.argv[3]))
number = 0
print("ready", flush=True)
while True:
    number += 1
    words = Column(rows.lengths_ns[0]).words(number, number % 7)
    board.write(rows.sealed(number, now, LONG_AGO, [words]), now)
"""


@pytest.mark.process
def test_rows_that_another_process_writes_all_the_time_are_whole_or_said_to_be_torn(
    place: Place,
) -> None:
    command = [sys.executable, "-c", OTHER, str(place.folder / "address"), str(LENGTH_NS)]
    with subprocess.Popen([*command, str(START)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        one, last, whole = place.open(), 0, 0
        while whole < 2_000:
            for data in one.read(START).values():
                seen = ROWS.opened(data)
                if seen is None:
                    continue
                spent, pending, *_ = seen.column(0)
                assert (spent, pending) == (seen[0], seen[0] % 7)
                assert spent >= last
                last, whole = spent, whole + 1
        other.send_signal(signal.SIGKILL)
        other.wait()
    (number,) = one.read(START)
    one.mend(number)
    assert one.read(START) == {}


def test_boards_lie_in_memory_where_the_host_has_such_a_place(tmp_path: Path) -> None:
    own = f"nightdesk-{os.getuid()}"
    assert boards_under(None, tmp_path) in (Path("/dev/shm") / own, tmp_path / "boards")
    assert boards_under(tmp_path, tmp_path / "beside") == tmp_path / own
