"""One contract, three engines: the file itself, behind its thread, and inline in simulation."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import apsw
import pytest

from adapters.journals import ME, OTHER, TTL, frames
from nightdesk.adapters import sqlite_journal
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.journal.chain import Head
from nightdesk.journal.snapshot import KEPT, fault_of, seal
from nightdesk.model.errors import AppendRefused, Fenced
from nightdesk.model.ids import Epoch, Seq
from nightdesk.simulation.engine import InlineJournal
from nightdesk.simulation.loop import run

T = TypeVar("T")


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
            engine = InlineJournal(lambda: inner, Random(1))

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
