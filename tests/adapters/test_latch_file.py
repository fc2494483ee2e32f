"""The latch as a file: found, and taken away only where it is the one that was heeded."""

from pathlib import Path

from nightdesk.adapters.latch_file import LatchFile
from nightdesk.control.latch import Latch, encode_latch

LATCH = Latch(by="me", why="news", at=1)


def test_nothing_lies_where_no_file_is(tmp_path: Path) -> None:
    assert LatchFile(tmp_path / "l").found() is None


def test_it_is_found_until_it_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_bytes(encode_latch(LATCH))
    place = LatchFile(path)
    assert place.found() == LATCH
    place.take_away(LATCH)
    assert place.found() is None
    place.take_away(LATCH)


def test_one_that_was_left_since_stays(tmp_path: Path) -> None:
    path, newer = tmp_path / "l", Latch(by="me", why="out", at=2, halted=True)
    path.write_bytes(encode_latch(newer))
    LatchFile(path).take_away(LATCH)
    assert LatchFile(path).found() == newer


def test_what_cannot_be_read_halts(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.mkdir()
    found = LatchFile(path).found()
    assert found is not None
    assert found.halted
    path.rmdir()
    path.write_bytes(b'{"by":')
    found = LatchFile(path).found()
    assert found is not None
    assert found.halted
