"""A lease that is held: until when it may be trusted, renewed, voided, given back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from builders import NOW
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.model.errors import Fenced
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.ports.journal import Holder, LeaseView
from nightdesk.runtime.challenge import take
from nightdesk.runtime.lease import MARGIN_NS, RENEW_EVERY_NS, TTL_NS
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.engine import InlineJournal
from worlds import live

ME = Holder(name="me on here", machine="here", boot="b", pid=1, started=1)
NEIGHBOUR = Holder(name="neighbour on here", machine="here", boot="b", pid=2, started=2)
FAR = Holder(name="far away", machine="there", boot="x", pid=3, started=3)


class Seen:
    """Processes of which some are known to be gone."""

    def __init__(self, *gone: Holder) -> None:
        self._gone = gone

    def me(self, name: str) -> Holder:
        return ME

    def gone(self, holder: Holder) -> bool:
        return holder in self._gone


class Engine(InlineJournal):
    """Counts reads; a renewal can be held up."""

    reads = 0
    hold: asyncio.Event | None = None

    async def lease(self) -> LeaseView:
        self.reads += 1
        return await super().lease()

    async def renew(self, epoch: int, renewals: int) -> None:  # type: ignore[override]
        if self.hold is not None:
            await self.hold.wait()
        await super().renew(epoch, renewals)  # type: ignore[arg-type]


def with_engine(
    path: Path,
    body: Callable[[Engine, MachineClock], Awaitable[None]],
    held_by: Holder | None = None,
) -> None:
    async def main() -> None:
        journal = SqliteJournal(str(path / "j"))
        if held_by is not None:
            journal.acquire(journal.lease(), held_by, TTL_NS)
        try:
            engine = Engine(lambda: journal, Random(1))
            await body(engine, MachineClock(TrueTime(asyncio.get_running_loop(), NOW)))
        finally:
            journal.close()

    live(main)


def test_it_counts_from_before_it_was_asked_for_and_is_given_up_early(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        before = clock.mono()
        lease = await take(engine, clock, Seen(), ME)
        assert before <= lease.until - (TTL_NS - MARGIN_NS) <= clock.mono()
        assert lease.held(Mono(lease.until - 1))
        assert not lease.held(lease.until)
        engine.hold = asyncio.Event()
        started = clock.mono()
        renewing = asyncio.get_running_loop().create_task(lease.renew())
        await asyncio.sleep(1)
        engine.hold.set()
        await renewing
        assert lease.until == started + TTL_NS - MARGIN_NS, "not from when it was granted"

    with_engine(tmp_path, body)


def test_a_renewal_that_hangs_lets_the_lease_run_out(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        engine.hold = asyncio.Event()
        keeping = asyncio.get_running_loop().create_task(lease.keep())
        await asyncio.sleep(1.9)
        assert lease.held(clock.mono())
        await asyncio.sleep(0.2)
        assert not lease.held(clock.mono())
        keeping.cancel()
        await asyncio.wait((keeping,))

    with_engine(tmp_path, body)


def test_kept_it_is_always_held_until_another_takes_it(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        keeping = asyncio.get_running_loop().create_task(lease.keep())
        for _ in range(200):
            await asyncio.sleep(0.05)
            assert lease.held(clock.mono())
        await engine.acquire(await engine.lease(), FAR, TTL_NS)
        with pytest.raises(Fenced):
            await keeping

    with_engine(tmp_path, body)


def test_void_it_is_not_held_until_a_later_renewal(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        lease.void()
        assert not lease.held(clock.mono())
        await asyncio.sleep(0.001)
        await lease.renew()
        assert lease.held(clock.mono())

    with_engine(tmp_path, body)


def test_what_wants_a_renewal_of_its_own_waits_alone(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        engine.hold = asyncio.Event()
        renewing = asyncio.get_running_loop().create_task(lease.renew())
        await asyncio.sleep(0.01)
        doubted = clock.mono()
        engine.hold.set()
        await renewing
        assert lease.held(clock.mono())
        assert not lease.held(clock.mono(), doubted), "that one was asked for before"
        await lease.renew()
        assert lease.held(clock.mono(), doubted)

    with_engine(tmp_path, body)


def test_void_it_stays_void_when_a_renewal_from_before_commits(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        engine.hold = asyncio.Event()
        renewing = asyncio.get_running_loop().create_task(lease.renew())
        await asyncio.sleep(0.01)
        lease.void()
        engine.hold.set()
        await renewing
        assert not lease.held(clock.mono())

    with_engine(tmp_path, body)


def test_released_it_is_free_and_not_held(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        await lease.release()
        assert not lease.held(clock.mono())
        assert (await engine.lease()).holder is None

    with_engine(tmp_path, body)


def test_given_back_it_is_not_renewed_however_long_its_keeper_runs(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        keeping = asyncio.get_running_loop().create_task(lease.keep())
        await asyncio.sleep(1)
        await lease.release()
        before = await engine.lease()
        await asyncio.sleep(5)
        assert await engine.lease() == before
        assert not lease.held(clock.mono())
        await engine.acquire(before, FAR, TTL_NS)
        await asyncio.sleep(5)
        assert not keeping.done(), "it is no deposed node's"
        keeping.cancel()
        await asyncio.wait((keeping,))

    with_engine(tmp_path, body)


def test_two_renewals_may_be_lost_in_a_row() -> None:
    assert 3 * RENEW_EVERY_NS + MARGIN_NS < TTL_NS


def test_a_renewal_under_way_tells_for_how_long(tmp_path: Path) -> None:
    async def body(engine: Engine, clock: MachineClock) -> None:
        lease = await take(engine, clock, Seen(), ME)
        assert lease.waits_ns() == 0
        engine.hold = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(lease.renew())
            await asyncio.sleep(2)
            assert lease.waits_ns() == 2 * SECOND_NS
            engine.hold.set()
            await renewing
        assert lease.waits_ns() == 0

    with_engine(tmp_path, body)
