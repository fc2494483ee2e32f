"""Clocks that drift, are offset and are stepped; the one that durations are measured with only drifts."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.loop import run

START = Wall(1_723_161_254 * SECOND_NS)
T = TypeVar("T")


class FakeLoop:
    """A loop that is asked for nothing but the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now


def clocks() -> tuple[FakeLoop, TrueTime, MachineClock]:
    loop = FakeLoop()
    time = TrueTime(loop, START)  # type: ignore[arg-type]  # all it needs of a loop
    return loop, time, MachineClock(time)


def test_true_time_is_the_loops() -> None:
    async def main() -> tuple[float, int, float]:
        time = TrueTime(asyncio.get_running_loop(), START)
        await asyncio.sleep(2.5)
        return time.now(), time.wall(), time.at(START + 4 * SECOND_NS)

    assert run(main) == (2.5, START + 2_500 * MS_NS, 4.0)


def test_a_good_clock_is_true_and_counts_from_one_second() -> None:
    loop, time, clock = clocks()
    assert (clock.mono(), clock.wall()) == (SECOND_NS, START)
    loop.now = 10.0
    assert (clock.mono(), clock.wall()) == (11 * SECOND_NS, time.wall())


@pytest.mark.parametrize("ppm", [-300, -1, 0, 1, 300])
def test_drift_is_microseconds_a_second_on_both_clocks(ppm: int) -> None:
    loop, time, clock = clocks()
    loop.now = 10.0
    clock.drift(ppm)
    loop.now = 110.0
    wandered = ppm * 100 * 1_000
    assert clock.mono() == 111 * SECOND_NS + wandered
    assert clock.wall() == time.wall() + wandered


def test_a_clock_that_stops_drifting_keeps_what_it_is_off() -> None:
    loop, time, clock = clocks()
    clock.drift(200)
    loop.now = 50.0
    clock.drift(0)
    loop.now = 500.0
    assert clock.wall() - time.wall() == 200 * 50 * 1_000


@given(st.lists(st.integers(-(10**10), 10**10), max_size=8))
def test_a_step_moves_utc_and_nothing_that_durations_are_measured_with(steps: list[int]) -> None:
    loop, time, clock = clocks()
    for number, ns in enumerate(steps, 1):
        loop.now = float(number)
        before = clock.mono()
        clock.step(ns)
        assert clock.mono() == before
        assert clock.wall() == time.wall() + sum(steps[:number])


MOVES = st.lists(
    st.tuples(st.floats(1e-6, 1e4), st.sampled_from(["drift", "step", "look"]), st.integers()),
    max_size=30,
)
ACTS: dict[str, Callable[[MachineClock, int], None]] = {
    "drift": lambda clock, n: clock.drift(n % 601 - 300),
    "step": lambda clock, n: clock.step(n % (20 * SECOND_NS) - 10 * SECOND_NS),
    "look": lambda clock, n: None,
}


@given(MOVES)
def test_whatever_is_done_to_a_clock_its_durations_only_grow_and_stay_near_the_truth(
    moves: list[tuple[float, str, int]],
) -> None:
    loop, time, clock = clocks()
    last, stepped = clock.mono(), 0
    for seconds, act, number in moves:
        loop.now += seconds
        before = clock.mono()
        ACTS[act](clock, number)
        assert clock.mono() == before > last
        true_ns = (loop.now + 1) * SECOND_NS
        assert abs(clock.mono() - true_ns) <= loop.now * 300 * 1_000 + 2
        stepped += number % (20 * SECOND_NS) - 10 * SECOND_NS if act == "step" else 0
        assert abs((clock.wall() - time.wall() - stepped) - (clock.mono() - true_ns)) <= 2
        last = before


def test_a_slow_clock_never_goes_back_by_a_nanosecond() -> None:
    loop, _, clock = clocks()
    clock.drift(-300)
    seen = []
    for n in range(20_000):
        loop.now = n * 0.31e-9  # timers of jittered delays are less than a ns apart
        seen.append(clock.mono())
    assert seen == sorted(seen)
