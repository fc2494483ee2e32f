"""One contract, three engines: the file itself, behind its thread, and inline in simulation."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import apsw
import pytest

from nightdesk.adapters import sqlite_journal
from nightdesk.adapters.journal_file import JournalFile
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.journal.chain import Head
from nightdesk.journal.snapshot import KEPT, fault_of, seal
from nightdesk.model.errors import AppendRefused, AppendUnknown, BadInput, Fenced
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.journal import Holder
from nightdesk.simulation.loop import run
from nightdesk.simulation.world import InlineJournal
from worlds import frames, whole_chain

T = TypeVar("T")
ME = Holder(name="me", machine="m", boot="b", pid=11, started=1)
OTHER = Holder(name="other", machine="m", boot="b", pid=12, started=2)
TTL = 3 * SECOND_NS


class Direct:
    """The synchronous engine with the port's face."""

    def __init__(self, path: str) -> None:
        self.inner = SqliteJournal(path)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any) -> Any:
            return getattr(self.inner, name)(*args)

        return call


class Contract:
    """Runs one test body on one kind of engine, on the loop that engine belongs to."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self.path = kind, path
        self._opened: list[Any] = []

    def run(self, body: Callable[[], Awaitable[T]]) -> T:
        async def main() -> T:
            try:
                return await body()
            finally:
                for engine in self._opened:
                    await engine.close()

        return run(main) if self.kind == "inline" else asyncio.run(main())

    async def open(self) -> Any:
        path = str(self.path)
        engine: Any
        if self.kind == "direct":
            engine = Direct(path)
        elif self.kind == "threaded":
            engine = ThreadedJournal(path)
            await engine.open()
        else:
            inner = SqliteJournal(path)
            engine = InlineJournal(inner, Random(1))

            async def close() -> None:
                inner.close()

            engine.close = close
        self._opened.append(engine)
        return engine

    async def led(self) -> tuple[Any, Epoch]:
        """An engine whose lease we hold."""
        engine = await self.open()
        view = await engine.acquire(await engine.lease(), ME, TTL)
        return engine, view.epoch


@pytest.fixture(params=["direct", "threaded", "inline"])
def contract(request: pytest.FixtureRequest, tmp_path: Path) -> Contract:
    return Contract(request.param, tmp_path / "desk.journal")


async def append(engine: Any, epoch: int, after: int, made: list[bytes]) -> None:
    await engine.append(Epoch(epoch), Seq(after), made)


def test_what_was_appended_is_read_back_in_order_by_a_new_session(contract: Contract) -> None:
    made, head = frames(7)

    async def body() -> None:
        engine, epoch = await contract.led()
        await append(engine, epoch, 0, made[:3])
        await append(engine, epoch, 3, made[3:])
        again = await contract.open()
        rows = await again.rows(Seq(0), 100)
        assert [row.data for row in rows] == made
        assert [row.seq for row in await again.rows(Seq(2), 3)] == [3, 4, 5]
        assert (await again.stored()).head == head.seq

    contract.run(body)


def test_an_append_of_a_stale_epoch_is_refused_and_leaves_nothing(contract: Contract) -> None:
    made, _ = frames(4)

    async def body() -> None:
        old, first = await contract.led()
        await append(old, first, 0, made[:2])
        new = await contract.open()
        view = await new.acquire(await new.lease(), OTHER, TTL)
        assert view.epoch == first + 1
        with pytest.raises(Fenced, match="leads"):
            await append(old, first, 2, made[2:])
        assert (await new.stored()).head == 2
        await append(new, view.epoch, 2, made[2:])

    contract.run(body)


@pytest.mark.parametrize("after", [0, 1, 3, 99])
def test_an_append_behind_another_head_than_the_last_is_refused(
    contract: Contract, after: int
) -> None:
    made, _ = frames(4)

    async def body() -> None:
        engine, epoch = await contract.led()
        await append(engine, epoch, 0, made[:2])
        with pytest.raises(Fenced, match="head"):
            await append(engine, epoch, after, made[2:])
        assert (await engine.stored()).head == 2

    contract.run(body)


def test_a_second_writer_of_the_same_epoch_is_refused(contract: Contract) -> None:
    made, _ = frames(3)

    async def body() -> None:
        engine, epoch = await contract.led()
        twin = await contract.open()
        await append(engine, epoch, 0, made[:1])
        with pytest.raises(Fenced):
            await append(twin, epoch, 0, made[:1])
        await append(twin, epoch, 1, made[1:2])
        with pytest.raises(Fenced):
            await append(engine, epoch, 1, made[1:2])

    contract.run(body)


def test_of_two_that_saw_the_same_lease_only_one_takes_it(contract: Contract) -> None:
    async def body() -> None:
        one, two = await contract.open(), await contract.open()
        seen = await one.lease()
        assert seen == await two.lease()
        assert seen.holder is None
        won = await one.acquire(seen, ME, TTL)
        with pytest.raises(Fenced, match="took the lease first"):
            await two.acquire(seen, OTHER, TTL)
        now = await two.lease()
        assert (now.holder, now.epoch, now.ttl_ns, now.renewals) == (ME, won.epoch, TTL, 0)

    contract.run(body)


def test_a_renewal_seen_meanwhile_defeats_a_challenger(contract: Contract) -> None:
    async def body() -> None:
        engine, epoch = await contract.led()
        other = await contract.open()
        seen = await other.lease()
        await engine.renew(epoch, 1)
        with pytest.raises(Fenced):
            await other.acquire(seen, OTHER, TTL)
        assert (await other.lease()).renewals == 1

    contract.run(body)


def test_a_deposed_holder_can_neither_renew_nor_release_nor_cut_nor_save(
    contract: Contract,
) -> None:
    made, head = frames(2)

    async def body() -> None:
        old, first = await contract.led()
        await append(old, first, 0, made)
        new = await contract.open()
        await new.acquire(await new.lease(), OTHER, TTL)
        snapshot = seal(seq=head.seq, epoch=first, chain=head.digest, body=b"state")
        for act in (
            lambda: old.renew(first, 5),
            lambda: old.release(first),
            lambda: old.cut(first, Seq(1)),
            lambda: old.save_snapshot(first, snapshot),
        ):
            with pytest.raises(Fenced):
                await act()
        after = await new.lease()
        assert after.holder == OTHER
        assert after.renewals == 0
        stored = await new.stored()
        assert (stored.head, stored.snapshots) == (2, [])

    contract.run(body)


def test_a_released_lease_has_no_holder_and_still_refuses_the_old_view(contract: Contract) -> None:
    async def body() -> None:
        engine, epoch = await contract.led()
        before = await engine.lease()
        await engine.release(epoch)
        now = await engine.lease()
        assert now.holder is None
        with pytest.raises(Fenced):
            await engine.acquire(before, OTHER, TTL)
        assert (await engine.acquire(now, OTHER, TTL)).epoch == epoch + 1

    contract.run(body)


def test_only_the_newest_snapshots_are_kept_and_they_name_their_frame(contract: Contract) -> None:
    made, _ = frames(KEPT + 3)

    async def body() -> None:
        engine, epoch = await contract.led()
        await append(engine, epoch, 0, made)
        for seq in range(1, len(made) + 1):
            digest = made[seq - 1][-16:]
            await engine.save_snapshot(
                epoch, seal(seq=Seq(seq), epoch=epoch, chain=digest, body=b"%d" % seq)
            )
        stored = await engine.stored()
        assert [s.seq for s, _ in stored.snapshots] == [6, 5, 4]
        assert [fault_of(s, digest) for s, digest in stored.snapshots] == [None, None, None]

    contract.run(body)


def test_a_cut_keeps_the_torn_bytes_aside(contract: Contract) -> None:
    made, head = frames(5)

    async def body() -> None:
        engine, epoch = await contract.led()
        await append(engine, epoch, 0, made)
        await engine.cut(epoch, Seq(4))
        assert (await engine.stored()).head == 3
        more, _ = frames(1, head=Head(seq=Seq(3), digest=made[2][-16:], epoch=Epoch(1)))
        await append(engine, epoch, 3, more)

    contract.run(body)
    with sqlite3.connect(contract.path) as raw:
        kept = raw.execute("SELECT seq, frame FROM torn ORDER BY seq").fetchall()
    raw.close()
    assert kept == [(4, made[3]), (5, made[4])]
    assert head.seq == 5


def test_an_unlinked_or_replaced_file_is_noticed(contract: Contract) -> None:
    async def body() -> None:
        engine, _ = await contract.led()
        assert (await engine.health()).file_is_ours
        contract.path.rename(contract.path.with_suffix(".gone"))
        assert not (await engine.health()).file_is_ours
        contract.path.write_bytes(b"another")
        assert not (await engine.health()).file_is_ours
        contract.path.unlink()
        assert not (await engine.health()).file_is_ours

    contract.run(body)


def test_the_ballast_is_set_aside_once_and_told(contract: Contract) -> None:
    async def body() -> None:
        engine, _ = await contract.led()
        assert not (await engine.health()).ballast
        assert await engine.restore_ballast()
        assert await engine.restore_ballast()
        health = await engine.health()
        assert health.ballast
        assert health.file_bytes > 0
        assert health.free_bytes > 0

    contract.run(body)
    assert Path(f"{contract.path}.ballast").stat().st_size == sqlite_journal.BALLAST_BYTES


def test_a_lock_held_by_another_refuses_the_append_and_says_so(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_journal, "BUSY_TIMEOUT_MS", 50)
    made, _ = frames(1)

    async def body() -> None:
        engine, epoch = await contract.led()
        holder = apsw.Connection(str(contract.path))
        holder.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(AppendRefused, match="lock"):
                await append(engine, epoch, 0, made)
        finally:
            holder.execute("ROLLBACK")
            holder.close()
        await append(engine, epoch, 0, made)

    contract.run(body)


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


# --- other files ---------------------------------------------------------------------------------------------


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


# --- races ---


def _write_much(
    path: str, epoch: int, start: "multiprocessing.synchronize.Event", out: Any
) -> None:
    """Append one frame at a time behind the true head until refused; how many got in."""
    journal = SqliteJournal(path)
    start.wait()
    done = 0
    made, _ = frames(2_000)
    try:
        while done < len(made):
            journal.append(Epoch(epoch), Seq(done), [made[done]])
            done += 1
    except Fenced:
        pass
    out.put(done)
    journal.close()


@pytest.mark.process
def test_a_takeover_in_the_middle_of_appends_leaves_no_hole_and_nothing_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "desk.journal"
    mine = SqliteJournal(str(path))
    first = mine.acquire(mine.lease(), OTHER, TTL)
    context = multiprocessing.get_context("spawn")
    start, out = context.Event(), context.Queue()
    writer = context.Process(target=_write_much, args=(str(path), first.epoch, start, out))
    writer.start()
    start.set()
    while mine.stored().head < 20:
        assert writer.is_alive()
    mine.acquire(mine.lease(), ME, TTL)
    at_takeover = mine.stored().head  # everything from here on must be ours
    accepted = out.get(timeout=30)
    writer.join(30)
    assert writer.exitcode == 0
    assert accepted == at_takeover == mine.stored().head
    assert whole_chain(mine) == at_takeover
    mine.close()


def test_two_connections_race_for_the_same_slot_and_one_wins(tmp_path: Path) -> None:
    path = str(tmp_path / "desk.journal")

    async def main() -> None:
        one, two = ThreadedJournal(path), ThreadedJournal(path)
        await one.open()
        await two.open()
        epoch = (await one.acquire(await one.lease(), ME, TTL)).epoch
        made, _ = frames(200)
        for slot in range(200):
            racers = [e.append(epoch, Seq(slot), [made[slot]]) for e in (one, two)]
            await asyncio.wait(racers)
            errors = [r.exception() for r in racers]
            assert sum(error is None for error in errors) == 1
            assert sum(isinstance(error, Fenced) for error in errors) == 1
        await one.close()
        await two.close()

    asyncio.run(main())
    reader = SqliteJournal(path, readonly=True)
    assert whole_chain(reader) == 200
    reader.close()


_VICTIM = """
import sys
sys.path.insert(0, sys.argv[2])
from worlds import frames
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.model.ids import Seq
from nightdesk.ports.journal import Holder
journal = SqliteJournal(sys.argv[1])
epoch = journal.acquire(journal.lease(), Holder(name="victim"), 1).epoch
made, _ = frames(60_000, epoch=epoch)
done = 0
print("go", flush=True)
while done < len(made):
    journal.append(epoch, Seq(done), made[done : done + 7])
    done += len(made[done : done + 7])
    print(done, flush=True)
"""


@pytest.mark.process
@pytest.mark.parametrize("acknowledged", [7, 700, 2_100])
def test_a_process_killed_in_the_middle_of_appending_leaves_a_readable_chain(
    tmp_path: Path, acknowledged: int
) -> None:
    path = tmp_path / "desk.journal"
    victim = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(_VICTIM),
            str(path),
            str(Path(__file__).parents[1]),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    seen = 0
    for line in victim.stdout:
        if line.strip() != "go":
            seen = int(line)
        if seen >= acknowledged:
            os.kill(victim.pid, signal.SIGKILL)
            break
    rest = victim.stdout.read().split()
    if rest and rest[-1].isdigit():
        seen = max(seen, int(rest[-1]))
    victim.stdout.close()
    assert victim.wait() == -signal.SIGKILL
    journal = SqliteJournal(str(path))
    count = whole_chain(journal)
    assert count >= seen, "an acknowledged frame is gone"
    assert count % 7 == 0, "half a batch is there"
    view = journal.acquire(journal.lease(), ME, TTL)
    made, _ = frames(count + 1)
    journal.append(view.epoch, Seq(count), made[count:])
    journal.close()


# --- a full disk ---------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """A real file system of a megabyte."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        message = f"no tmpfs can be mounted: {made.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small disk with room for a small reserve."""
    monkeypatch.setattr(sqlite_journal, "BALLAST_BYTES", 256 << 10)
    with small_disk(tmp_path / "disk") as disk:
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
