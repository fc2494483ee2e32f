"""Who holds the journal's lock: another process, told while it stands still inside a transaction."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.sqlite_locks import writers
from nightdesk.model.errors import Locked
from nightdesk.model.ids import Epoch
from nightdesk.ports.journal import Holder

pytestmark = pytest.mark.process

HOLDS = """
import sys, apsw
db = apsw.Connection(sys.argv[1])
db.execute("BEGIN IMMEDIATE; UPDATE lease SET renewals = renewals + 1")
print("holds", flush=True)
sys.stdin.read()
"""
READS = """
import sys, apsw
db = apsw.Connection(sys.argv[1])
db.execute("BEGIN; SELECT * FROM lease").fetchall()
print("reads", flush=True)
sys.stdin.read()
"""
OPENS = """
import sys, apsw
db = apsw.Connection(sys.argv[1])
db.execute("SELECT * FROM lease").fetchall()
print("opened", flush=True)
sys.stdin.read()
"""


def holder(pid: int) -> Holder:
    return Holder(name="other", machine="here", boot="b", pid=pid, started=1)


@contextmanager
def other(program: str, path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_process_that_stands_still_inside_a_transaction_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = SqliteJournal(str(path))
    with other(HOLDS, path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(Locked, match="another process"):
            journal.acquire(journal.lease(), holder(1), 1)
        assert writers(f"{path}-shm") == {process.pid}
        assert journal.blocked_by(holder(process.pid))
        assert not journal.blocked_by(holder(os.getpid()))
    assert writers(f"{path}-shm") == set()
    assert journal.acquire(journal.lease(), holder(1), 1).epoch == Epoch(1)
    journal.close()


def test_one_that_merely_has_it_open_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = SqliteJournal(str(path))
    with other(OPENS, path) as process:
        assert writers(f"{path}-shm") == set()
        assert not journal.blocked_by(holder(process.pid))
        journal.acquire(journal.lease(), holder(1), 1)
    journal.close()


def test_one_that_stands_still_while_it_reads_keeps_nobody_from_writing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = SqliteJournal(str(path))
    journal.acquire(journal.lease(), holder(1), 1)
    with other(READS, path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        assert "READ" in locks_of(process.pid)
        assert writers(f"{path}-shm") == set()
        assert not journal.blocked_by(holder(process.pid))
        assert journal.acquire(journal.lease(), holder(1), 1).epoch == Epoch(2)
    journal.close()


def locks_of(pid: int) -> str:
    """The kernel's lines about it."""
    lines = Path("/proc/locks").read_text().splitlines()
    return "\n".join(line for line in lines if line.split()[4] == str(pid))


def test_of_a_file_that_is_not_there_nobody_holds_anything(tmp_path: Path) -> None:
    assert writers(str(tmp_path / "none")) == set()
