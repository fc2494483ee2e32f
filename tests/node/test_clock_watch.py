"""A clock that has stepped stops every send until the venue's time was measured again."""

import asyncio
from typing import Any

from nightdesk.model.mode import Mode
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.node.clock_watch import ClockWatch
from nightdesk.runtime.requester import STEP_NS, Requester
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
        self.requester = Requester(self.clocks, self.clocks)
        self.answers: list[int | None] = []
        self.voided = 0
        self.modes: list[Mode] = []
        self.said: list[str] = []
        self.tasks: list[asyncio.Future[None]] = []
        self.watch = ClockWatch(
            DESK,
            self.requester,
            self._measure,
            void=self._void,
            tell=lambda event: self.modes.append(event.mode),  # type: ignore[union-attr]
            say=self.said.append,
            spawn=lambda work, name: self.tasks.append(asyncio.ensure_future(work)),
        )

    async def _measure(self) -> int | None:
        await asyncio.sleep(0.01)
        return self.answers.pop(0)

    def _void(self) -> None:
        self.voided += 1


def rigged(body: Any) -> None:
    async def main() -> None:
        rig = Rig()
        rig.watch.measured(7)
        await body(rig)
        for task in rig.tasks:
            await task

    run(main)


def test_before_the_first_measurement_no_clock_is_held() -> None:
    clocks: Any = Clocks()
    assert not Requester(clocks, clocks).clock_held()


def test_time_passing_is_no_step_and_a_slew_is_none() -> None:
    async def body(rig: Rig) -> None:
        rig.clocks.at += 3600 * SECOND_NS
        rig.clocks.utc += 3600 * SECOND_NS + STEP_NS
        rig.watch.look()
        assert rig.requester.clock_held()
        assert rig.voided == 0

    rigged(body)


def test_a_step_holds_everything_back_until_it_was_measured_again() -> None:
    async def body(rig: Rig) -> None:
        rig.answers = [None, None, -2 * SECOND_NS]
        rig.clocks.utc += 2 * SECOND_NS
        assert not rig.requester.clock_held(), "even before the next tick looks"
        rig.watch.look()
        rig.watch.look()
        assert rig.voided == 1
        assert rig.modes[-1] is Mode.REDUCE_ONLY
        await asyncio.sleep(0.9)
        assert not rig.requester.clock_held(), "nobody has told the time yet"
        await asyncio.sleep(0.2)
        assert rig.requester.clock_held()
        assert rig.requester.offset_ns == -2 * SECOND_NS
        assert rig.modes[-1] is Mode.NORMAL
        assert len(rig.tasks) == 1

    rigged(body)


def test_a_venue_whose_clock_moved_voids_the_lease_and_is_followed() -> None:
    async def body(rig: Rig) -> None:
        rig.watch.measured(7 + STEP_NS)
        assert rig.voided == 0
        rig.watch.measured(7 + 3 * STEP_NS)
        assert rig.voided == 1
        assert "+500.0 ms" in rig.said[-1]
        assert rig.requester.clock_held()

    rigged(body)


def test_a_refused_stamp_counts_as_a_step() -> None:
    async def body(rig: Rig) -> None:
        rig.answers = [9 * MS_NS]
        rig.watch.stepped("the venue refuses our clock")
        assert not rig.requester.clock_held()
        await asyncio.sleep(0.02)
        assert rig.requester.clock_held()

    rigged(body)
