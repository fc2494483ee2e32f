"""A clock that has stepped stops every send until the venue's time was measured again."""

import asyncio
from typing import Any

from builders import tell_time
from nightdesk.model.mode import Mode
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.node.clock_watch import ClockWatch
from nightdesk.runtime.venue_clock import STEP_NS, Reading, VenueClock
from nightdesk.simulation.loop import run


class Clocks:
    """Both clocks, in the test's hands."""

    def __init__(self) -> None:
        self.at, self.utc = 1000 * SECOND_NS, 5000 * SECOND_NS

    def mono(self) -> Mono:
        return Mono(self.at)

    def wall(self) -> Wall:
        return Wall(self.utc)


class Rig:
    """A watch whose measurements the test answers."""

    def __init__(self) -> None:
        self.clocks: Any = Clocks()
        self.clock = VenueClock(self.clocks)
        self.answers: list[int | None] = []
        self.voided = 0
        self.modes: list[Mode] = []
        self.said: list[str] = []
        self.tasks: list[asyncio.Future[None]] = []
        self.watch = ClockWatch(
            DESK,
            self.clock,
            self._measure,
            void=self._void,
            tell=lambda event: self.modes.append(event.mode),  # type: ignore[union-attr]
            say=self.said.append,
            spawn=lambda work, name: self.tasks.append(asyncio.ensure_future(work)),
        )

    async def _measure(self) -> bool:
        await asyncio.sleep(0.01)
        offset_ns = self.answers.pop(0)
        if offset_ns is not None:
            self.read(offset_ns)
        return offset_ns is not None

    def read(self, offset_ns: int) -> None:
        now, told = self.clocks.mono(), Wall(self.clocks.wall() + offset_ns - MS_NS // 2)
        self.clock.take(Reading(asked=now, heard=now, told=told))

    def _void(self) -> None:
        self.voided += 1


def rigged(body: Any) -> None:
    async def main() -> None:
        rig = Rig()
        tell_time(rig.clock, 7)
        await body(rig)
        for task in rig.tasks:
            await task

    run(main)


def test_time_passing_is_no_step_and_a_slew_is_none() -> None:
    async def body(rig: Rig) -> None:
        rig.clocks.at += 3600 * SECOND_NS
        rig.clocks.utc += 3600 * SECOND_NS + STEP_NS
        rig.watch.look()
        assert rig.clock.held()
        assert rig.voided == 0

    rigged(body)


def test_a_step_holds_everything_back_until_it_was_measured_again() -> None:
    async def body(rig: Rig) -> None:
        rig.answers = [None, None, -2 * SECOND_NS]
        rig.clocks.utc += 2 * SECOND_NS
        assert not rig.clock.held(), "even before the next tick looks"
        rig.watch.look()
        rig.watch.look()
        assert rig.voided == 1
        assert rig.modes[-1] is Mode.REDUCE_ONLY
        await asyncio.sleep(0.9)
        assert not rig.clock.held(), "nobody has told the time yet"
        await asyncio.sleep(0.2)
        assert rig.clock.held()
        assert rig.clock.offset_ns == -2 * SECOND_NS
        assert rig.modes[-1] is Mode.NORMAL
        assert len(rig.tasks) == 1

    rigged(body)


def test_a_step_while_it_is_measured_is_another_one() -> None:
    async def body(rig: Rig) -> None:
        rig.answers = [None, -2 * SECOND_NS]
        rig.watch.doubted("the venue refuses our clock")
        assert rig.voided == 0
        await asyncio.sleep(0.1)
        rig.clocks.at += 1
        rig.clocks.utc += 2 * SECOND_NS
        rig.watch.look()
        rig.watch.look()
        assert rig.voided == 1
        assert rig.clock.doubted_at == rig.clocks.at
        await rig.tasks[0]
        assert len(rig.tasks) == 1
        assert rig.clock.held()

    rigged(body)


def test_a_venue_that_never_told_its_time_is_asked_and_leaves_the_lease() -> None:
    async def main() -> None:
        rig = Rig()
        rig.answers = [None, 5]
        rig.watch.look()
        rig.watch.look()
        assert (rig.voided, rig.modes, len(rig.tasks)) == (0, [Mode.REDUCE_ONLY], 1)
        await rig.tasks[0]
        assert rig.clock.held()
        assert rig.modes[-1] is Mode.NORMAL

    run(main)


def test_a_venue_whose_clock_moved_is_followed_and_its_orders_alone_wait_for_a_renewal() -> None:
    async def body(rig: Rig) -> None:
        rig.clocks.at += 1
        rig.read(7 + STEP_NS)
        rig.watch.measured()
        assert rig.clock.doubted_at < rig.clocks.at
        rig.read(7 + 3 * STEP_NS)
        rig.watch.measured()
        assert rig.clock.doubted_at == rig.clocks.at
        assert "+500.0 ms (give or take 0.5 ms)" in rig.said[-1]
        assert rig.clock.held()
        assert rig.voided == 0

    rigged(body)


def test_a_refused_stamp_stops_that_venue_and_leaves_the_lease() -> None:
    async def body(rig: Rig) -> None:
        rig.answers = [9 * MS_NS]
        rig.watch.doubted("the venue refuses our clock")
        assert not rig.clock.held()
        assert rig.modes[-1] is Mode.REDUCE_ONLY
        await asyncio.sleep(0.02)
        assert rig.clock.held()
        assert rig.clock.doubted_at == rig.clocks.at
        assert rig.voided == 0

    rigged(body)
