"""What is believed of a venue's clock: the best reading, its error, and when it is believed no more."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import tell_time
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.runtime.venue_clock import (
    DRIFT_PPM,
    FINE_NS,
    ROUND_TRIP_MAX_NS,
    STEP_NS,
    Reading,
    VenueClock,
)

BEGAN, UTC = 1000 * SECOND_NS, 5000 * SECOND_NS


class Host:
    """Both clocks, and a venue whose UTC is `ahead_ns` before ours; all in the test's hands."""

    def __init__(self, ahead_ns: int = 0) -> None:
        self.at, self.utc = BEGAN, UTC
        self.ahead_ns = ahead_ns

    def mono(self) -> Mono:
        return Mono(self.at)

    def wall(self) -> Wall:
        return Wall(self.utc)

    def wait(self, ns: int) -> None:
        self.at += ns
        self.utc += ns

    def read(self, there_ns: int, back_ns: int) -> Reading:
        """A question whose two legs take that long."""
        asked = self.mono()
        self.wait(there_ns)
        told = Wall((self.utc + self.ahead_ns) // MS_NS * MS_NS)
        self.wait(back_ns)
        return Reading(asked=asked, heard=self.mono(), told=told)


def known(host: Any, *legs_ms: tuple[int, int]) -> VenueClock:
    """A clock read once for each pair of legs."""
    clock = VenueClock(host)
    for there, back in legs_ms:
        clock.take(host.read(there * MS_NS, back * MS_NS))
    clock.correct()
    return clock


def test_before_the_first_reading_nothing_is_known() -> None:
    host: Any = Host()
    clock = VenueClock(host)
    assert (clock.held(), clock.fine(), clock.error_ns()) == (False, False, None)


# What is answered late on one leg alone is wrong by half of the delay; the quick one is what counts.
LEGS = [
    ([(1, 1)], 1.0),
    ([(1, 201)], 101.0),
    ([(121, 1)], 61.0),
    ([(1, 201), (121, 1), (2, 2), (121, 201)], 2.5),
    ([(2, 2), (1, 201), (121, 1)], 2.5),
]


@pytest.mark.parametrize(("legs_ms", "error_ms"), LEGS)
def test_the_reading_with_the_least_error_counts(
    legs_ms: list[tuple[int, int]], error_ms: float
) -> None:
    host: Any = Host(ahead_ns=70 * SECOND_NS)
    clock = known(host, *legs_ms)
    assert abs(clock.offset_ns - host.ahead_ns) <= error_ms * MS_NS
    assert clock.fine() is (error_ms * MS_NS <= FINE_NS)


@pytest.mark.parametrize("step_ns", [-3600 * SECOND_NS, STEP_NS + 1, 3600 * SECOND_NS])
def test_a_step_of_this_hosts_clock_moves_no_venues_time(step_ns: int) -> None:
    host: Any = Host(ahead_ns=70 * SECOND_NS)
    clock = known(host, (1, 1))
    before = clock.now()
    host.utc += step_ns
    assert clock.now() == before
    assert not clock.held()
    host.ahead_ns -= step_ns
    clock.doubt()
    clock.take(host.read(0, 0))
    assert abs(clock.correct()) <= 2 * MS_NS, "the venue's own clock has not moved"
    assert clock.held()


def test_a_reading_loses_with_age_what_a_worse_one_wins() -> None:
    host: Any = Host()
    clock = known(host, (1, 1))
    was_ns = clock.error_ns()
    host.wait(100 * SECOND_NS)
    assert was_ns is not None
    assert clock.error_ns() == was_ns + 100 * SECOND_NS * DRIFT_PPM // 1_000_000
    assert not clock.fine()
    clock.take(host.read(20 * MS_NS, 20 * MS_NS))
    assert clock.fine()


def test_a_slow_answer_says_nothing() -> None:
    host: Any = Host()
    clock = VenueClock(host)
    assert not clock.take(host.read(ROUND_TRIP_MAX_NS, 1))
    assert clock.error_ns() is None


def test_a_worse_reading_that_cannot_be_true_beside_the_best_shows_a_clock_that_moved() -> None:
    host: Any = Host()
    clock = known(host, (1, 1))
    host.ahead_ns = 100 * MS_NS
    clock.take(host.read(80 * MS_NS, 120 * MS_NS))
    assert clock.correct() == 0, "that may be the way's"
    host.ahead_ns = 900 * MS_NS
    clock.take(host.read(80 * MS_NS, 120 * MS_NS))
    assert abs(clock.offset_ns + clock.correct() - host.ahead_ns) <= 101 * MS_NS


@pytest.mark.parametrize(("moved_ns", "doubts"), [(STEP_NS, False), (STEP_NS + 1, True)])
def test_a_clock_that_moved_far_puts_what_was_stamped_before_in_doubt(
    moved_ns: int, doubts: bool
) -> None:
    host: Any = Host()
    clock = VenueClock(host)
    tell_time(clock, 7 * SECOND_NS)
    assert clock.doubted_at < 0, "nothing was stamped before"
    host.wait(SECOND_NS)
    assert tell_time(clock, 7 * SECOND_NS - moved_ns) == -moved_ns
    assert (clock.doubted_at == host.at) is doubts
    assert clock.held()


def test_in_doubt_no_answer_to_an_earlier_question_counts() -> None:
    host: Any = Host()
    clock = known(host, (1, 1))
    under_way = host.read(MS_NS, MS_NS)
    clock.doubt()
    assert (clock.held(), clock.error_ns()) == (False, None)
    assert not clock.take(under_way)
    assert clock.take(host.read(MS_NS, MS_NS))
    assert not clock.held(), "until it is gone by"
    clock.correct()
    assert clock.held()


def test_a_slew_of_our_utc_is_followed_without_another_reading() -> None:
    host: Any = Host()
    clock = known(host, (1, 1))
    was_ns = clock.offset_ns
    host.utc += 40 * MS_NS
    host.ahead_ns -= 40 * MS_NS
    clock.take(host.read(300 * MS_NS, 2 * MS_NS))  # too bad to count
    clock.correct()
    assert clock.offset_ns == was_ns - 40 * MS_NS


legs = st.integers(0, ROUND_TRIP_MAX_NS)
reads = st.tuples(legs, legs, st.integers(0, 60 * SECOND_NS), st.integers(-500, 500))


@given(st.lists(reads, min_size=1, max_size=12))
def test_the_offset_is_never_off_by_more_than_the_error_says(
    asked: list[tuple[int, int, int, int]],
) -> None:
    host: Any = Host(ahead_ns=3 * SECOND_NS)
    clock = VenueClock(host)
    for there_ns, back_ns, then_ns, drift_ppm in asked:
        if clock.take(host.read(there_ns, back_ns)):
            clock.correct()
        host.wait(then_ns)
        host.ahead_ns += then_ns * drift_ppm // 1_000_000
        error_ns = clock.error_ns()
        if error_ns is not None:
            assert abs(clock.offset_ns - host.ahead_ns) <= error_ns + 1, "one for the rounding"
