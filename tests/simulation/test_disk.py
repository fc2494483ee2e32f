"""A disk that forgets: what a power loss leaves, and a journal that loses nothing it called durable."""

from random import Random

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.journals import ME, OTHER, TTL, frames, whole_chain
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.model.errors import AppendRefused, AppendUnknown
from nightdesk.model.ids import Seq
from nightdesk.simulation.disk import SECTOR, Disk, DiskFile

PATH = "/desk.journal"
NAMES = iter(range(10**9))


class Computer:
    """One disk and whoever has the journal open."""

    def __init__(self) -> None:
        self.disk = Disk(f"test-{next(NAMES)}")
        self.left: list[SqliteJournal] = []
        self.opened: SqliteJournal | None = None
        self.head = Seq(0)
        self.made, _ = frames(400)

    def start(self) -> SqliteJournal:
        """A new process, which takes the lease and looks where it stands."""
        self.opened = SqliteJournal(PATH, vfs=self.disk.name)
        self.epoch = self.opened.acquire(self.opened.lease(), ME, TTL).epoch
        self.head = self.opened.stored().head
        return self.opened

    def append(self, count: int = 1) -> None:
        assert self.opened is not None
        more = self.made[self.head : self.head + count]
        self.opened.append(self.epoch, self.head, more)
        self.head = Seq(self.head + len(more))

    def append_for_ever(self) -> None:
        while True:
            self.append()

    def kill(self) -> None:
        """The process is gone; the kernel is not."""
        self.disk.abandon()
        if self.opened is not None:
            self.left.append(self.opened)

    def lose_power(self, seed: int = 1) -> None:
        self.kill()
        self.disk.lose_power(Random(seed))

    def end(self) -> None:
        self.kill()
        self.disk.over = True
        for journal in self.left:
            journal.close()
        self.disk.unregister()


@pytest.fixture
def computer():
    made = Computer()
    yield made
    made.end()


def test_what_was_synced_survives_and_what_was_not_may_not():
    file = DiskFile(b"old")
    for where, data in ((0, b"new"), (3, b"er")):
        file.seen[where : where + len(data)] = data
        file.pending.append((where, data))
    file.sync()
    assert bytes(file.durable) == b"newer"
    outcomes = set()
    for seed in range(50):
        other = file.copy()
        other.pending.append((0, b"x" * 5))
        other.lose_power(Random(seed))
        outcomes.add(bytes(other.seen))
    assert outcomes == {b"newer", b"xxxxx"}


def test_a_torn_write_ends_at_a_sector():
    cuts = set()
    for seed in range(200):
        file = DiskFile()
        file.pending.append((0, b"y" * 4 * SECTOR))
        file.lose_power(Random(seed))
        cuts.add(len(file.seen))
    assert cuts == {0, SECTOR, 2 * SECTOR, 3 * SECTOR, 4 * SECTOR}


def test_a_copy_of_an_abandoned_file_hears_nothing_of_its_old_handles(computer):
    computer.start()
    computer.append(3)
    old = computer.opened
    computer.kill()
    again = computer.start()
    assert whole_chain(again) == 3
    old.append(computer.epoch - 1, Seq(3), computer.made[3:5])  # a zombie writes into the void
    assert whole_chain(again) == 3


@given(st.integers(0, 2**32), st.lists(st.integers(1, 12), min_size=1, max_size=25))
@settings(max_examples=60)
def test_no_power_loss_takes_what_was_called_durable(seed, batches):
    computer = Computer()
    draw = Random(seed)
    try:
        computer.start()
        for batch in batches:
            computer.append(batch)
            acknowledged = computer.head
            if draw.random() < 0.3:
                computer.lose_power(draw.randrange(10**6))
                again = computer.start()
                assert whole_chain(again) == computer.head >= acknowledged
    finally:
        computer.end()


def test_a_full_disk_refuses_and_keeps_what_was_there(computer):
    journal = computer.start()
    computer.append(5)
    computer.disk.full = True
    with pytest.raises(AppendRefused, match="full"):
        computer.append_for_ever()
    held = computer.head
    computer.disk.full = False
    computer.append()
    assert whole_chain(journal) == held + 1


def test_after_a_failed_sync_a_new_process_makes_what_it_reads_durable_before_it_builds_on_it(
    computer,
):
    """The kernel calls pages clean that never reached the disk; a start that only read them would lose, at the
    next power loss, everything appended behind them."""
    computer.start()
    computer.append(5)
    computer.disk.sync_fails = True
    with pytest.raises(AppendUnknown):
        computer.append()
    computer.kill()
    computer.disk.sync_fails = False
    again = computer.start()
    seen = whole_chain(again)
    computer.append(3)
    computer.lose_power()
    assert whole_chain(computer.start()) == seen + 3


def test_a_start_on_a_disk_that_still_fails_is_no_start(computer):
    computer.start()
    computer.append(5)
    computer.disk.sync_fails = True
    with pytest.raises(AppendUnknown):
        computer.append()
    computer.kill()
    with pytest.raises(AppendUnknown):
        computer.start()


def test_a_reader_in_the_way_of_a_start_keeps_nobody_from_leading(tmp_path):
    path = str(tmp_path / "desk.journal")
    mine = SqliteJournal(path)
    epoch = mine.acquire(mine.lease(), ME, TTL).epoch
    mine.append(epoch, Seq(0), frames(3)[0])
    reader = apsw.Connection(path)
    rows = reader.execute("SELECT * FROM journal")
    next(rows)
    other = SqliteJournal(path)
    assert other.acquire(other.lease(), OTHER, TTL).epoch == epoch + 1
    assert len(other.rows(Seq(0), 10)) == 3
    rows.close()
    reader.close()
    other.close()
    mine.close()
