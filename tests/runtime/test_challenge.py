"""Taking the lease from the free, the dead, the living and the unseen; waiting for it; who is killed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from builders import NOW
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.model.errors import AppendRefused, LeaseHeld, Locked
from nightdesk.model.ids import Epoch
from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.ports.journal import Holder, LeaseView
from nightdesk.runtime.challenge import (
    READS_MIN,
    STEP_MAX_NS,
    Challenger,
    Stillness,
    take,
)
from nightdesk.runtime.lease import TTL_NS, Lease, Term
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.engine import InlineJournal
from worlds import live

ME = Holder(name="me on here", machine="here", boot="b", pid=1, started=1)
NEIGHBOUR = Holder(name="neighbour on here", machine="here", boot="b", pid=2, started=2)
FAR = Holder(name="far away", machine="there", boot="x", pid=3, started=3)
SOON_NS = 200 * MS_NS


class Seen:
    """Processes of which some are known to be gone, and some end."""

    def __init__(self, *gone: Holder) -> None:
        self.dead = set(gone)
        self.killed: list[Holder] = []
        self._end = asyncio.Event()

    def me(self, name: str) -> Holder:
        return ME

    def gone(self, holder: Holder) -> bool:
        return holder in self.dead

    async def ended(self, holder: Holder) -> None:
        while holder not in self.dead:
            await self._end.wait()

    async def end(self, holder: Holder) -> bool:
        self.killed.append(holder)
        self.dies(holder)
        return True

    def dies(self, holder: Holder) -> None:
        self.dead.add(holder)
        self._end.set()
        self._end = asyncio.Event()


class Engine(InlineJournal):
    """Counts reads; may be unreadable, or have its lock held."""

    reads = 0
    unreadable = False
    lock_of: Holder | None = None
    holds_back = False  # the lock is held by nobody that can be seen
    full = False

    async def lease(self) -> LeaseView:
        self.reads += 1
        if self.unreadable:
            raise AppendRefused("not now")
        return await super().lease()

    async def acquire(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView:
        if self.full:
            raise AppendRefused("the disk is full")
        if self.lock_of is not None or self.holds_back:
            raise Locked("another process holds its lock")
        return await super().acquire(seen, holder, ttl_ns)

    async def blocked_by(self, holder: Holder) -> bool:
        return holder == self.lock_of


class Scene:
    """A journal, a clock, processes."""

    def __init__(self, engine: Engine, clock: MachineClock) -> None:
        self.engine = engine
        self.clock = clock
        self.processes = Seen()
        self.said: list[str] = []
        self.unfit = ""

    async def take(self) -> Lease:
        return await take(self.engine, self.clock, self.processes, ME)

    async def wait(self, rest_ns: int = 0) -> Lease:
        challenger = Challenger(
            self.engine,
            self.clock,
            self.processes,
            ME,
            Term(),
            say=lambda level, event, why: self.said.append(event),
            may=lambda: self.unfit,
            rest_ns=rest_ns,
        )
        return await challenger.wait()

    async def renewing(self, epoch: int) -> None:
        """The holder lives."""
        for count in range(1, 1_000):
            await asyncio.sleep(0.5)
            await self.engine.renew(Epoch(epoch), count)


def scene(
    path: Path, body: Callable[[Scene], Awaitable[None]], held_by: Holder | None = None
) -> None:
    async def main() -> None:
        journal = SqliteJournal(str(path / "j"))
        if held_by is not None:
            journal.acquire(journal.lease(), held_by, TTL_NS)
        try:
            engine = Engine(lambda: journal, Random(1))
            clock = MachineClock(TrueTime(asyncio.get_running_loop(), NOW))  # type: ignore[arg-type]
            await body(Scene(engine, clock))
        finally:
            journal.close()

    live(main)


def view(epoch: int = 1, renewals: int = 0) -> LeaseView:
    return LeaseView(epoch=Epoch(epoch), renewals=renewals, ttl_ns=TTL_NS, holder=FAR)


def at(seconds: float) -> Mono:
    return Mono(int(seconds * SECOND_NS))


# --- stillness ------------------------------------------------------------------------------


def test_unchanged_for_a_whole_ttl_it_is_expired() -> None:
    still = Stillness()
    for step in range(31):
        assert not still.read(view(), at(step / 10))
        assert still.expired is (step >= 30)


@pytest.mark.parametrize("other", [view(epoch=2), view(renewals=1)])
def test_a_change_is_a_sign_of_life_and_begins_anew(other: LeaseView) -> None:
    still = Stillness()
    for step in range(40):
        still.read(view(), at(step / 10))
    assert still.read(other, at(4))
    assert not still.expired


def test_what_was_not_read_did_not_stay_unchanged() -> None:
    still = Stillness()
    for step in range(29):
        still.read(view(), at(step / 10))
    still.unread()
    assert not still.read(view(), at(3))
    assert not still.expired


def test_time_in_which_nobody_looked_counts_for_little() -> None:
    still = Stillness()
    for seconds in (0.0, 0.1, 60.0):
        still.read(view(), at(seconds))
    assert not still.expired, "it slept through the ttl, and so may the holder have"
    reads = (TTL_NS - 100 * MS_NS) // STEP_MAX_NS
    for step in range(1, int(reads) + 1):
        still.read(view(), at(60 + step))
    assert still.expired


def test_two_reads_are_never_enough() -> None:
    still, short = Stillness(), LeaseView(epoch=Epoch(1), renewals=0, ttl_ns=1, holder=FAR)
    for step in range(READS_MIN):
        assert not still.expired
        still.read(short, at(step))
    assert still.expired


# --- at once or not at all --------------------------------------------------------------------


def test_a_free_lease_is_taken_at_once(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        lease = await made.take()
        assert (lease.epoch, (await made.engine.lease()).holder) == (1, ME)
        assert made.clock.mono() < SECOND_NS + 5 * MS_NS

    scene(tmp_path, body)


def test_the_lease_of_a_dead_neighbour_is_taken_at_once(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        made.processes.dies(NEIGHBOUR)
        lease = await made.take()
        assert (lease.epoch, lease.before) == (2, NEIGHBOUR)
        assert lease.why == "neighbour on here (pid 2) has ended"
        assert made.clock.mono() < SECOND_NS + 5 * MS_NS

    scene(tmp_path, body, NEIGHBOUR)


def test_a_living_neighbour_keeps_it_and_is_named(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        with pytest.raises(LeaseHeld, match=r"neighbour on here \(pid 2\), epoch 1"):
            await made.take()
        assert (await made.engine.lease()).holder == NEIGHBOUR

    scene(tmp_path, body, NEIGHBOUR)


def test_a_holder_that_cannot_be_seen_is_outwaited_over_several_reads(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        started = made.clock.mono()
        assert (await made.take()).epoch == 2
        assert made.clock.mono() - started >= TTL_NS
        assert made.engine.reads >= READS_MIN + 1

    scene(tmp_path, body, FAR)


def test_a_holder_that_cannot_be_seen_and_renews_keeps_it(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(made.renewing(1))
            with pytest.raises(LeaseHeld, match="far away"):
                await made.take()
            keeping.cancel()

    scene(tmp_path, body, FAR)


def test_what_this_very_process_holds_from_an_earlier_life_is_taken_back(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        assert (await made.take()).epoch == 2

    scene(tmp_path, body, ME)


# --- standing by --------------------------------------------------------------------------------


def test_it_waits_beside_one_that_lives_however_long(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(made.renewing(1))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60):
                    await made.wait()
            keeping.cancel()
        assert (await made.engine.lease()).holder == NEIGHBOUR

    scene(tmp_path, body, NEIGHBOUR)


def test_the_end_of_its_process_is_heard_of_at_once(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(made.renewing(1))
            waiting = group.create_task(made.wait())
            await asyncio.sleep(10)
            keeping.cancel()
            died = made.clock.mono()
            made.processes.dies(NEIGHBOUR)
            lease = await waiting
            assert lease.epoch == 2
            assert made.clock.mono() - died < 5 * MS_NS, "not at the next look only"

    scene(tmp_path, body, NEIGHBOUR)


def test_one_that_stands_still_is_followed_after_its_ttl(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        started = made.clock.mono()
        lease = await made.wait()
        assert TTL_NS <= made.clock.mono() - started <= TTL_NS + SOON_NS
        assert "has not renewed for 3.0 s" in lease.why
        assert made.processes.killed == []

    scene(tmp_path, body, NEIGHBOUR)


def test_while_it_cannot_read_the_lease_it_does_not_expire(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(made.wait())
            await asyncio.sleep(2.5)
            made.engine.unreadable = True
            await asyncio.sleep(30)
            assert not waiting.done()
            made.engine.unreadable = False
            began = made.clock.mono()
            await waiting
            assert made.clock.mono() - began >= TTL_NS
        assert "standby.blind" in made.said

    scene(tmp_path, body, NEIGHBOUR)


def test_a_node_that_may_not_lead_does_not_challenge(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        made.unfit = "its config is another"
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(made.wait())
            await asyncio.sleep(30)
            assert (await made.engine.lease()).epoch == 1
            assert made.said == ["standby.held_back"], "said once"
            made.unfit = ""
            assert (await waiting).epoch == 2

    scene(tmp_path, body, NEIGHBOUR)


def test_what_was_handed_over_is_left_to_others_for_a_while(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        began = made.clock.mono()
        lease = await made.wait(rest_ns=TTL_NS)
        assert made.clock.mono() - began >= TTL_NS
        assert lease.epoch == 1

    scene(tmp_path, body)


def test_it_takes_it_again_once_somebody_else_has_led(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(made.wait(rest_ns=TTL_NS))
            await asyncio.sleep(0.5)
            handed_over = made.clock.mono()
            await made.engine.release(Epoch(1))
            await waiting
            assert made.clock.mono() - handed_over < 100 * MS_NS

    scene(tmp_path, body, NEIGHBOUR)


# --- the lock ---------------------------------------------------------------------------------


def test_a_holder_that_stands_still_inside_the_lock_is_killed(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        made.engine.lock_of = NEIGHBOUR

        async def end(holder: Holder) -> bool:
            made.processes.killed.append(holder)
            made.engine.lock_of = None
            return True

        made.processes.end = end  # type: ignore[method-assign]
        assert (await made.wait()).epoch == 2
        assert made.processes.killed == [NEIGHBOUR]
        assert "standby.killed" in made.said

    scene(tmp_path, body, NEIGHBOUR)


def test_nobody_is_killed_before_the_lease_has_expired(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        made.engine.lock_of = NEIGHBOUR
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(made.renewing(1))
            waiting = group.create_task(made.wait())
            await asyncio.sleep(30)
            assert made.processes.killed == []
            keeping.cancel()
            waiting.cancel()

    scene(tmp_path, body, NEIGHBOUR)


def test_nobody_is_killed_for_a_lock_that_is_anothers(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        made.engine.holds_back = True
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(made.wait())
            await asyncio.sleep(30)
            assert made.processes.killed == []
            made.engine.holds_back = False
            await waiting
        assert "standby.refused" in made.said

    scene(tmp_path, body, NEIGHBOUR)


def test_nobody_is_killed_for_what_is_no_lock(tmp_path: Path) -> None:
    """Who tries to renew on a full disk holds the lock now and then, and lives."""

    async def body(made: Scene) -> None:
        made.engine.full, made.engine.lock_of = True, NEIGHBOUR
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(made.wait())
            await asyncio.sleep(30)
            assert made.processes.killed == []
            waiting.cancel()
        assert "standby.refused" in made.said

    scene(tmp_path, body, NEIGHBOUR)


def test_a_holder_of_another_machine_is_never_killed(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        made.engine.lock_of = FAR
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(made.wait())
            await asyncio.sleep(30)
            assert made.processes.killed == []
            waiting.cancel()

    scene(tmp_path, body, FAR)
