"""What is asked of a desk, and what is left for the next one."""

import socket
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from tests.e2e.disk import or_skip, stalling_disk

from nightdesk.adapters.latch_file import LatchFile
from nightdesk.control.latch import Latch
from nightdesk.control.messages import Request
from nightdesk.emergency.desk import ask, found, leave
from nightdesk.model.errors import BadInput

PAUSED = Latch(by="me", why="news", at=1)
HALTED = Latch(by="me", why="out", at=2, halted=True)


def test_what_is_left_is_found_by_the_desk_and_the_stricter_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "desk.journal.latch"
    assert found(path) is None
    leave(path, PAUSED)
    assert LatchFile(path).found() == PAUSED
    leave(path, HALTED)
    leave(path, PAUSED)
    assert LatchFile(path).found() == HALTED
    assert [each.name for each in tmp_path.iterdir()] == [path.name], "no draft stays behind"
    assert path.stat().st_mode & 0o077 == 0


def test_where_nothing_can_be_left_it_says_what_not_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="do not start that desk"):
        leave(tmp_path / "no" / "folder.latch", PAUSED)


@pytest.mark.process
def test_a_disk_that_does_not_answer_keeps_nobody_from_getting_out(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "disk").mkdir()
    path = tmp_path / "disk" / "desk.journal.latch"
    with or_skip(stalling_disk(tmp_path / "disk", tmp_path / "below", 8)) as disk:
        disk.stall()
        with pytest.raises(BadInput, match="does not answer; do not start that desk"):
            leave(path, HALTED)
        (leaving,) = [thread for thread in enumerate_threads() if thread.name == "latch"]
        assert leaving.daemon
        disk.answer()
        leaving.join(20)
        assert found(path) == HALTED, "it was left once the disk answered"


def test_a_desk_that_does_not_answer_in_time_is_none(tmp_path: Path) -> None:
    path, over = tmp_path / "s", Event()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def hold() -> None:
            line, _ = listening.accept()
            over.wait(30)
            line.close()

        thread = Thread(target=hold)
        thread.start()
        told = ask(path, Request(verb="pause"), timeout_s=0.2)
        over.set()
        thread.join()
    assert isinstance(told, str)
    assert "does not answer within" in told


def test_where_no_socket_is_nobody_answers(tmp_path: Path) -> None:
    told = ask(tmp_path / "none", Request(verb="status"))
    assert isinstance(told, str)
    assert "no desk answers" in told
