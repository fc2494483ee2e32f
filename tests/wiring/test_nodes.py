"""The node processes of `up`: started again when they end, ended in order, the last to lead last."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.system import SystemProcesses
from nightdesk.control.messages import ExitCode
from nightdesk.wiring import nodes as module
from nightdesk.wiring.nodes import Nodes

pytestmark = pytest.mark.process
WITHIN_S = 20.0
WAITS = """
import signal, sys, time
out, name = sys.argv[1], sys.argv[2]
def end(*_):
    with open(out, "a") as file: file.write(name + " ended\\n")
    print("said by " + name, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
with open(out, "a") as file: file.write(" ".join([name, "began", *sys.argv[3:]]) + "\\n")
while True: time.sleep(0.05)
"""


class Scene:
    """Nodes that write down when they begin and end."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.journal = folder / "journal"
        self.said: list[str] = []
        self.nodes = Nodes(folder / "log", self.journal, self.said.append)

    def start(self, name: str, *first: str) -> None:
        self.nodes.start([sys.executable, "-c", WAITS, str(self.out), name], *first)

    @property
    def lines(self) -> list[str]:
        return self.out.read_text().splitlines() if self.out.exists() else []

    def until(self, count: int) -> list[str]:
        deadline = time.monotonic() + WITHIN_S
        while len(self.lines) < count and time.monotonic() < deadline:
            assert self.nodes.look() is None
            time.sleep(0.02)
        assert len(self.lines) == count, self.lines
        return self.lines

    def pid(self, number: int) -> int:
        return self.nodes._children[number].process.pid

    def leads(self, pid: int) -> None:
        """In the journal it does."""
        journal = SqliteJournal(str(self.journal))
        me = SystemProcesses().me("desk")
        holder = type(me)(
            name=me.name, machine=me.machine, boot=me.boot, pid=pid, started=me.started
        )
        journal.acquire(journal.lease(), holder, 1)
        journal.close()


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    made = Scene(folder)
    try:
        yield made
    finally:
        made.nodes.end()


def test_what_stands_by_ends_first_and_the_leader_s_word_is_told(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.start("one")
        made.start("two")
        made.until(2)
        made.leads(made.pid(1))
        assert made.nodes.stop() == b"said by two\n"
        assert made.lines[2:] == ["one ended", "two ended"]


def test_one_alone_needs_no_journal_to_be_the_leader(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.start("one")
        made.until(1)
        assert made.nodes.stop() == b"said by one\n"


def test_one_that_dies_is_started_again_and_begins_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_FIRST_S", 0.05)
    with scene(tmp_path) as made:
        made.start("one", "--lead")
        assert made.until(1) == ["one began --lead"]
        os.kill(made.pid(0), signal.SIGKILL)
        assert made.until(2)[1] == "one began --existing", "and not to lead"
        assert "ended with -9" in made.said[0]


def test_one_that_was_told_to_end_ends_the_desk(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.start("one")
        made.start("two")
        made.until(2)
        os.kill(made.pid(0), signal.SIGTERM)
        deadline = time.monotonic() + WITHIN_S
        code = None
        while code is None and time.monotonic() < deadline:
            code = made.nodes.look()
            time.sleep(0.02)
        assert code == ExitCode.OK


def test_one_that_stood_by_and_was_told_to_end_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_FIRST_S", 0.05)
    with scene(tmp_path) as made:
        made.start("one")
        made.nodes.start([sys.executable, "-c", ""])  # it never led, and prints nothing
        made.until(1)
        deadline = time.monotonic() + WITHIN_S
        while not made.said and time.monotonic() < deadline:
            assert made.nodes.look() is None
            time.sleep(0.02)
        assert "ended with 0" in made.said[0]


def test_where_one_is_refused_for_good_the_other_goes_on(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.start("one")
        made.nodes.start([sys.executable, "-c", "raise SystemExit(3)"])
        made.until(1)
        deadline = time.monotonic() + WITHIN_S
        while not made.said and time.monotonic() < deadline:
            assert made.nodes.look() is None
            time.sleep(0.02)
        assert "ended with 3" in made.said[0]
