"""A file of lines: read again as they were, behind a torn end, one writer at a time."""

from pathlib import Path

import msgspec
import pytest

from nightdesk.model.errors import BadInput
from nightdesk.simulation.lines import Lines


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    text: str = ""


WRITTEN = [Line(1, "one"), Line(2), Line(3, "thr\u00e9e")]


def opened(path: Path) -> Lines[Line]:
    return Lines(path, Line, "line")


def written(path: Path, lines: list[Line] = WRITTEN) -> bytes:
    with opened(path) as file:
        for line in lines:
            file.add(line)
    return path.read_bytes()


def test_what_was_written_is_told_again_in_order(tmp_path: Path) -> None:
    written(tmp_path / "k", WRITTEN[:2])
    written(tmp_path / "k", WRITTEN[2:])
    with opened(tmp_path / "k") as file:
        assert (file.told, file.torn) == (WRITTEN, 0)


def test_a_line_is_there_before_the_file_is_closed(tmp_path: Path) -> None:
    with opened(tmp_path / "k") as file:
        file.add(WRITTEN[0])
        assert (tmp_path / "k").read_bytes() == b'{"number":1,"text":"one"}\n'


def test_every_torn_end_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "k"
    whole = written(path)
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last + 1, len(whole)):
        path.write_bytes(whole[:end])
        with opened(path) as file:
            assert (file.told, file.torn) == (WRITTEN[:2], end - last)
            file.add(WRITTEN[2])
        assert path.read_bytes() == whole


@pytest.mark.parametrize("text", ["# A readme", "{}\n", "seeds\nof\nplants\n", '{"seed":1'])
def test_a_file_of_somebody_else_is_refused_and_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"k:1: not a line.*; is it another file"):
        opened(path)
    assert path.read_text() == text


def test_a_line_in_the_middle_that_is_none_is_refused_with_its_number(tmp_path: Path) -> None:
    lines = written(tmp_path / "k").splitlines(keepends=True)
    (tmp_path / "k").write_bytes(lines[0] + lines[1][:7] + b"\n" + lines[2])
    with pytest.raises(BadInput, match="k:2: not a line"):
        opened(tmp_path / "k")


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    with opened(tmp_path / "k"), pytest.raises(BadInput, match="another run is writing it"):
        opened(tmp_path / "k")
    assert written(tmp_path / "k")


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no/k: No such file"):
        opened(tmp_path / "no" / "k")
