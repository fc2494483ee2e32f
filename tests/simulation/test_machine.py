"""A machine: what its journal keeps of processes that die, stand still, share it or wait for its disk."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from adapters.journals import TTL, frames
from nightdesk.model.errors import AppendRefused, AppendUnknown, Fenced
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.ports.journal import Holder, LeaseView
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.engine import COMMIT_NS
from nightdesk.simulation.incarnation import Incarnation, Life
from nightdesk.simulation.loop import SimLoop, run
from nightdesk.simulation.machine import Machine, MachineJournal
from nightdesk.simulation.processes import MachineProcesses

START = Wall(1_723_161_254 * SECOND_NS)
LONGEST_S = COMMIT_NS[1] / SECOND_NS
MADE = frames(100)[0]


class Heard:
    """Everything that became true in the journal."""

    def __init__(self) -> None:
        self.appended_frames: list[bytes] = []
        self.leases: list[tuple[str, int]] = []

    def appended(self, node: str, after: Seq, frames: Sequence[bytes]) -> None:
        assert after == len(self.appended_frames)
        self.appended_frames += frames

    def leased(self, node: str, epoch: Epoch, ttl_ns: int) -> None:
        self.leases.append((node, epoch))


class Room:
    """One machine in virtual time and what was heard of it."""

    def __init__(self, seed: object) -> None:
        self.loop = asyncio.get_running_loop()
        assert isinstance(self.loop, SimLoop)
        self.heard = Heard()
        self.machine = Machine("home", self.loop, TrueTime(self.loop, START), seed, self.heard)

    def process(
        self, work: Callable[[Incarnation, MachineJournal], Awaitable[None]], name: str = "desk"
    ) -> Incarnation:
        made = self.machine.start(name)
        engine = self.machine.engine(made)

        async def main() -> None:
            await work(made, engine)

        self.machine.spawn(made, main(), "main")
        return made

    async def reading(self) -> int:
        """How many slots a new process finds."""
        made = self.machine.start("reader")
        stored = await self.machine.engine(made).stored()
        rows = await self.machine.engine(made).rows(Seq(0), 1_000)
        assert [row.data for row in rows] == MADE[: len(rows)]
        assert stored.head == len(rows)
        self.machine.kill(made)
        return len(rows)


@contextmanager
def a_room(seed: object = 1) -> Iterator[Room]:
    made = Room(seed)
    try:
        yield made
    finally:
        made.machine.bury()


async def lead(
    incarnation: Incarnation, engine: MachineJournal, seen: LeaseView | None = None
) -> LeaseView:
    me = Holder(name=incarnation.name, machine="home", pid=incarnation.pid)
    return await engine.acquire(seen or await engine.lease(), me, TTL)


def test_operations_happen_one_at_a_time_and_in_order() -> None:
    async def main(seed: int) -> list[int]:
        done: list[int] = []
        with a_room(seed) as room:

            async def work(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                appends = [engine.append(epoch, Seq(n), MADE[n : n + 1]) for n in range(20)]
                began = room.loop.time()
                await appends[-1]
                done.append(len(room.heard.appended_frames))
                assert room.loop.time() - began >= 19 * COMMIT_NS[0] / SECOND_NS

            room.process(work)
            await asyncio.sleep(1)
            assert room.heard.appended_frames == MADE[:20]
        return done

    for seed in range(10):
        assert run(lambda seed=seed: main(seed)) == [20]  # type: ignore[misc]  # bound now


def test_answers_come_in_the_order_of_the_questions() -> None:
    async def main(seed: int) -> list[int]:
        told: list[int] = []
        with a_room(seed) as room:

            async def work(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                for n in range(10):
                    append = engine.append(epoch, Seq(n), MADE[n : n + 1])
                    append.add_done_callback(lambda _, n=n: told.append(n))  # type: ignore[misc]

            room.process(work)
            await asyncio.sleep(1)
        return told

    for seed in range(20):
        assert run(lambda seed=seed: main(seed)) == list(range(10))  # type: ignore[misc]  # bound now


def test_what_was_under_way_at_a_kill_happened_or_not_and_a_reader_finds_what_happened() -> None:
    async def main(seed: int) -> tuple[int, int]:
        answered: list[int] = []
        with a_room(seed) as room:

            async def work(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                for n in range(50):
                    await engine.append(epoch, Seq(n), MADE[n : n + 1])
                    answered.append(n)

            killed = room.process(work)
            await asyncio.sleep(0.003 + seed * 7e-6)
            room.machine.kill(killed)
            acknowledged = len(answered)
            found = await room.reading()
            assert found == len(room.heard.appended_frames) == room.machine.head
            await asyncio.sleep(1)
            assert len(answered) == acknowledged
        return acknowledged, found

    more = set()
    for seed in range(60):
        acknowledged, found = run(lambda seed=seed: main(seed))  # type: ignore[misc]  # bound now
        more.add(found - acknowledged)
    assert more == {0, 1}


def test_of_what_was_under_way_at_a_kill_only_a_beginning_happened() -> None:
    async def main(seed: int) -> tuple[bool, bool]:
        with a_room(seed) as room:

            async def work(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                room.heard.leases.clear()
                async with asyncio.TaskGroup() as group:
                    append = engine.append(epoch, Seq(0), MADE[:1])
                    append.add_done_callback(lambda _: None)
                    group.create_task(engine.renew(epoch, 1))
                    await asyncio.sleep(0)
                    room.machine.kill(me)
                    await asyncio.sleep(1)

            room.process(work)
            await asyncio.sleep(1)
            return bool(room.heard.appended_frames), bool(room.heard.leases)

    seen = {run(lambda seed=seed: main(seed)) for seed in range(40)}  # type: ignore[misc]  # bound now
    assert seen == {(False, False), (True, False), (True, True)}


def test_a_power_loss_ends_every_process_and_keeps_what_was_acknowledged() -> None:
    async def main(seed: int) -> None:
        answered: list[int] = []
        with a_room(seed) as room:

            async def work(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                for n in range(50):
                    await engine.append(epoch, Seq(n), MADE[n : n + 1])
                    answered.append(n)

            async def idle(me: Incarnation, engine: MachineJournal) -> None:
                await asyncio.sleep(100)

            both = [room.process(work), room.process(idle, "second")]
            await asyncio.sleep(0.003 + seed * 13e-6)
            room.machine.lose_power()
            assert [each.life for each in both] == [Life.DEAD, Life.DEAD]
            assert await room.reading() >= len(answered)

    for seed in range(30):
        run(lambda seed=seed: main(seed))  # type: ignore[misc]  # bound now


def test_a_stalled_disk_answers_when_it_goes_on_and_not_before() -> None:
    async def main() -> list[float]:
        answered: list[float] = []
        with a_room() as room:

            async def work(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                room.machine.stalled_until = 5.0
                for n in range(3):
                    await engine.append(epoch, Seq(n), MADE[n : n + 1])
                    answered.append(room.loop.time())

            room.process(work)
            await asyncio.sleep(4.9)
            assert room.heard.appended_frames == []
            await asyncio.sleep(5)
        return answered

    first, *_, last = run(main)
    assert 5.0 < first <= 5.0 + LONGEST_S < last <= 5.0 + 3 * LONGEST_S


@pytest.mark.parametrize(
    ("trouble", "error"), [("full", AppendRefused), ("sync_fails", AppendUnknown)]
)
def test_a_broken_disk_is_told_as_the_engine_tells_it(trouble: str, error: type[Exception]) -> None:
    async def main() -> list[type]:
        told: list[type] = []
        with a_room() as room:

            async def work(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                setattr(room.machine.disk, trouble, True)
                head = 0
                try:
                    while True:  # the lease reserved some room
                        await engine.append(epoch, Seq(head), [MADE[0] * 500])
                        head += 1
                except (AppendRefused, AppendUnknown) as refused:
                    told.append(type(refused))

            room.machine.observer = Deaf()
            room.process(work)
            await asyncio.sleep(20)
        return told

    assert run(main) == [error]


def test_a_sync_that_failed_for_one_process_is_told_once_to_each_that_had_the_file_open() -> None:
    """As Linux 6.18 did it with ext4 on a loop device whose backing file had no room."""

    async def main() -> list[str]:
        told: list[str] = []
        with a_room() as room:

            async def writes(engine: MachineJournal, epoch: Epoch, head: int, who: str) -> None:
                try:
                    await engine.append(epoch, Seq(head), MADE[head : head + 1])
                    told.append(f"{who} writes")
                except AppendUnknown:
                    told.append(f"{who} is told")

            async def leads(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                await writes(engine, epoch, 0, "the leader")
                await asyncio.sleep(3)
                await writes(engine, epoch, 1, "the leader")
                await asyncio.sleep(10)

            async def challenges(me: Incarnation, engine: MachineJournal) -> None:
                await asyncio.sleep(1)
                room.machine.disk.sync_fails = True
                try:
                    await lead(me, engine)
                except AppendUnknown:
                    told.append("the challenger is told")
                room.machine.disk.sync_fails = False
                await asyncio.sleep(10)

            async def later(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                await writes(engine, epoch, (await engine.stored()).head, "one that came later")

            room.process(leads)
            room.process(challenges, "second")
            await asyncio.sleep(5)
            room.process(later, "third")
            await asyncio.sleep(5)
        return told

    assert run(main) == [
        "the leader writes",
        "the challenger is told",
        "the leader is told",
        "one that came later writes",
    ]


class Deaf:
    """An observer of frames that are none."""

    def appended(self, node: str, after: Seq, frames: Sequence[bytes]) -> None:
        return

    def leased(self, node: str, epoch: Epoch, ttl_ns: int) -> None:
        return


def test_two_processes_share_one_journal_and_the_later_lease_fences_the_first() -> None:
    async def main() -> tuple[list[str], list[tuple[str, int]]]:
        told: list[str] = []
        with a_room() as room:

            async def first(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                await engine.append(epoch, Seq(0), MADE[:1])
                await asyncio.sleep(2)
                try:
                    await engine.append(epoch, Seq(1), MADE[1:2])
                except Fenced:
                    told.append("the first is fenced")

            async def second(me: Incarnation, engine: MachineJournal) -> None:
                await asyncio.sleep(1)
                assert (await engine.stored()).head == 1
                epoch = (await lead(me, engine)).epoch
                await asyncio.sleep(2)
                await engine.append(epoch, Seq(1), MADE[1:3])
                told.append("the second writes")

            room.process(first)
            room.process(second, "second")
            await asyncio.sleep(10)
            assert room.heard.appended_frames == MADE[:3]
            return told, room.heard.leases

    told, leases = run(main)
    assert told == ["the first is fenced", "the second writes"]
    assert leases == [("home/desk.1", 1), ("home/second.2", 2)]


def test_a_frozen_leader_that_goes_on_is_fenced_and_wrote_nothing_meanwhile() -> None:
    async def main() -> list[str]:
        told: list[str] = []
        with a_room() as room:

            async def old(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                room.loop.call_soon(me.freeze)
                try:
                    await engine.append(epoch, Seq(0), MADE[:1])
                except Fenced:
                    told.append("fenced")

            async def new(me: Incarnation, engine: MachineJournal) -> None:
                await lead(me, engine)

            frozen = room.process(old)
            await asyncio.sleep(1)
            room.process(new, "second")
            await asyncio.sleep(1)
            assert room.heard.appended_frames == []
            room.machine.thaw(frozen)
            await asyncio.sleep(1)
            assert room.heard.appended_frames == []
        return told

    assert run(main) == ["fenced"]


@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "dies"])
def test_who_stands_still_inside_the_lock_keeps_others_from_writing_and_not_from_reading(
    dies: bool,
) -> None:
    async def main() -> list[str]:
        told: list[str] = []
        with a_room() as room:

            async def idle(me: Incarnation, engine: MachineJournal) -> None:
                await lead(me, engine)
                await asyncio.sleep(100)

            locker = room.process(idle)

            async def other(me: Incarnation, engine: MachineJournal) -> None:
                await asyncio.sleep(1)
                seen = await engine.lease()
                assert seen.holder is not None
                assert not await engine.blocked_by(seen.holder)
                room.machine.lock(locker)
                assert await engine.blocked_by(seen.holder)
                assert (await engine.lease()) == seen
                began = room.loop.time()
                try:
                    await lead(me, engine)
                except AppendRefused:
                    told.append(f"refused after {room.loop.time() - began:.1f} s")
                (room.machine.kill if dies else room.machine.thaw)(locker)
                assert not await engine.blocked_by(seen.holder)
                told.append(f"leads {(await lead(me, engine)).epoch}")

            room.process(other, "other")
            await asyncio.sleep(10)
        return told

    assert run(main) == ["refused after 0.1 s", "leads 2"]


def test_a_write_waits_for_a_lock_that_is_given_back_in_time() -> None:
    async def main() -> list[str]:
        told: list[str] = []
        with a_room() as room:

            async def idle(me: Incarnation, engine: MachineJournal) -> None:
                await asyncio.sleep(100)

            async def leads(me: Incarnation, engine: MachineJournal) -> None:
                epoch = (await lead(me, engine)).epoch
                for after, locked_s in ((0, 1.5), (1, 5.0)):
                    room.machine.lock(locker)
                    room.loop.call_later(
                        locked_s, room.machine.thaw, locker, context=contextvars.Context()
                    )
                    began = room.loop.time()
                    try:
                        await engine.append(epoch, Seq(after), MADE[after : after + 1])
                        told.append(f"written after {room.loop.time() - began:.1f} s")
                    except AppendRefused:
                        told.append(f"refused after {room.loop.time() - began:.1f} s")

            locker = room.process(idle)
            room.process(leads, "leads")
            await asyncio.sleep(20)
        return told

    assert run(main) == ["written after 1.5 s", "refused after 2.0 s"]


def test_while_one_process_lives_the_journal_stays_open_and_with_the_last_it_goes() -> None:
    async def main() -> None:
        with a_room() as room:

            async def idle(me: Incarnation, engine: MachineJournal) -> None:
                await engine.lease()
                await asyncio.sleep(100)

            first, second = room.process(idle), room.process(idle, "second")
            await asyncio.sleep(1)
            opened = room.machine.opened()
            room.machine.kill(first)
            assert room.machine.opened() is opened
            room.machine.kill(second)
            assert room.machine.opened() is not opened

    run(main)


def test_a_holder_is_gone_when_its_process_has_ended_and_not_before() -> None:
    async def main() -> None:
        with a_room() as room:
            machine = room.machine
            first, second = machine.start("desk"), machine.start("desk")
            assert first.name != second.name
            eyes = MachineProcesses(machine, second, machine.name)
            holder = MachineProcesses(machine, first, machine.name).me("desk")
            assert not eyes.gone(holder)
            first.freeze()
            assert not eyes.gone(holder)
            machine.kill(first)
            assert eyes.gone(holder)
            mine = eyes.me("desk")
            assert not eyes.gone(mine)
            elsewhere = Holder(name=first.name, machine="other", pid=first.pid)
            assert not eyes.gone(elsewhere)
            machine.ended(second)
            assert eyes.gone(mine)

    run(main)
