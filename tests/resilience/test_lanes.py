"""Which lane the next request takes, what puts one out of use, and how it comes back."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.resilience.breaker import Change, State
from nightdesk.resilience.lanes import (
    ADMIT_NS,
    HEDGE_NS,
    HEDGE_UNKNOWN_NS,
    HEDGES_SAVED_MAX,
    PROBE_IDLE_NS,
    RULES,
    SLOW_LEAST_NS,
    Lanes,
    Use,
)

NAMES = ("one", "two", "three")
START = 1_000 * SECOND_NS


class Played:
    """Three lanes, and a clock that only tests move."""

    def __init__(self, names: tuple[str, ...] = NAMES, seed: int = 1) -> None:
        self.lanes = Lanes(names, Random(seed).random)
        self.now = Mono(START)
        self.changes: list[tuple[str, Change]] = []
        self.lanes.changed = lambda lane, change: self.changes.append((lane, change))

    def wait(self, ns: int) -> None:
        self.now = Mono(self.now + ns)

    def asks(self, lane: int, ms: float = 1, well: bool | None = True, read: bool = True) -> None:
        trip = self.lanes.begin(lane, self.now, read=read)
        self.wait(int(ms * MS_NS))
        self.lanes.end(trip, self.now, well)

    def known(self, *ms: float) -> "Played":
        for lane, took in enumerate(ms):
            self.asks(lane, took)
        return self

    def use(self, lane: int) -> Use:
        return self.lanes.told(self.now)[lane].use

    def reads(self, times: int = 1_000) -> list[int]:
        ready = self.lanes.usable(self.now)
        taken = [self.lanes.for_read(ready, self.now) for _ in range(times)]
        return [taken.count(lane) for lane in range(len(NAMES))]

    def write(self) -> int:
        return self.lanes.for_write(self.lanes.usable(self.now), self.now)


def test_before_anything_is_known_the_first_lane_takes_all() -> None:
    played = Played()
    assert played.reads() == [1_000, 0, 0]
    assert played.write() == 0


def test_reads_are_spread_over_lanes_that_are_as_good_and_leave_the_worst_alone() -> None:
    played = Played().known(10, 10, 10)
    assert all(reads > 200 for reads in played.reads())
    first, second, worst = Played().known(10, 11, 80).reads()
    assert (first > 500, second > 200, worst) == (True, True, 0)


def test_a_write_takes_the_best_lane_and_stays_while_another_is_hardly_better() -> None:
    played = Played().known(30, 10, 25)
    assert played.write() == 1
    for _ in range(20):
        played.asks(2, 8)  # a little better by now
    assert played.write() == 1
    for _ in range(20):
        played.asks(1, 90)
    assert played.write() == 2


def test_what_is_unanswered_for_long_tells_of_its_lane_before_it_ends() -> None:
    played = Played().known(2, 3, 4)
    assert played.write() == 0
    played.lanes.begin(0, played.now, read=True)
    played.wait(40 * MS_NS)
    assert played.write() == 1
    assert played.reads()[0] == 0


@pytest.mark.parametrize("read", [True, False])
def test_two_failures_in_a_row_eject_a_lane_and_its_reads_go_elsewhere(read: bool) -> None:
    played = Played().known(1, 1, 1)
    played.asks(0, well=False, read=read)
    assert played.use(0) is Use.IN_USE
    played.asks(0, well=False, read=read)
    assert played.use(0) is Use.EJECTED
    assert played.reads()[0] == 0
    assert played.write() != 0
    assert [lane for lane, change in played.changes if change.after is State.OPEN] == ["one"]


def test_answers_far_slower_than_the_others_eject_a_lane_but_a_slow_order_does_not() -> None:
    slow = 6 * SLOW_LEAST_NS / MS_NS
    played = Played().known(1, 1, 1)
    for _ in range(2):
        played.asks(1, slow, read=False)
    assert played.use(1) is Use.IN_USE
    for _ in range(2):
        played.asks(1, slow)
    assert played.use(1) is Use.EJECTED
    alone = Played(("one",))
    for _ in range(30):
        alone.asks(0, slow)
    assert alone.use(0) is Use.IN_USE, "slow beside nothing"


def test_what_says_nothing_of_the_way_ejects_nothing() -> None:
    played = Played().known(1, 1, 1)
    for _ in range(50):
        played.asks(0, well=None)
    assert played.use(0) is Use.IN_USE
    assert played.lanes.told(played.now)[0].under_way == 0


def test_an_ejected_lane_is_probed_after_its_wait_and_comes_back_by_and_by() -> None:
    played = Played().known(1, 1, 1)
    for _ in range(2):
        played.lanes.missed(0, played.now, "no way")
    assert (played.use(0), played.lanes.due(played.now)) == (Use.EJECTED, [])
    played.wait(RULES.wait_ns(1))
    assert played.use(0) is Use.TRIAL
    assert played.reads()[0] == 0
    for _ in range(RULES.half_open_calls):
        assert played.lanes.due(played.now) == [0]
        assert played.lanes.due(played.now) == [], "asked once"
        played.asks(0, 1)
        played.wait(SECOND_NS)
    assert played.use(0) is Use.COMING_BACK
    few = played.reads()[0]
    assert 0 < few < 150
    assert played.write() != 0
    played.wait(ADMIT_NS // 2)
    assert few < played.reads()[0] < 400
    played.wait(ADMIT_NS)
    assert played.use(0) is Use.IN_USE
    assert played.reads()[0] > 200
    assert [change.after for lane, change in played.changes if lane == "one"] == [
        State.OPEN,
        State.HALF_OPEN,
        State.CLOSED,
    ]


def test_what_began_before_a_lane_was_tried_again_says_nothing_of_it() -> None:
    played = Played().known(1, 1, 1)
    late = played.lanes.begin(0, played.now, read=True)
    for _ in range(2):
        played.lanes.missed(0, played.now, "no way")
    played.wait(RULES.wait_ns(1))
    assert played.use(0) is Use.TRIAL
    played.lanes.end(late, played.now, well=False)
    health = played.lanes.told(played.now)[0]
    assert (health.latency_ns, health.errors_percent) == (None, 0.0)


def test_where_all_are_ejected_all_are_used() -> None:
    played = Played().known(3, 2, 1)
    for lane in range(3):
        for _ in range(2):
            played.asks(lane, well=False)
    assert [played.use(lane) for lane in range(3)] == [Use.EJECTED] * 3
    assert played.lanes.usable(played.now) == [0, 1, 2]
    assert played.write() == 2


def test_a_lane_without_reads_is_probed_seldom() -> None:
    played = Played().known(1, 1)
    assert played.lanes.due(played.now) == [2], "it is not known at all"
    played.wait(PROBE_IDLE_NS - SECOND_NS)
    played.asks(0)
    assert played.lanes.due(played.now) == []
    played.wait(SECOND_NS)
    assert played.lanes.due(played.now) == [1, 2]


def test_a_lane_in_doubt_is_probed_soon_but_not_while_it_owes_an_answer() -> None:
    played = Played().known(1, 1, 1)
    played.asks(0, well=False, read=False)
    played.wait(SECOND_NS)
    assert played.lanes.due(played.now) == [0]
    owed = played.lanes.begin(0, played.now, read=True)
    played.wait(SECOND_NS)
    assert played.lanes.due(played.now) == []
    played.lanes.end(owed, played.now, well=True)
    played.asks(1, 2 * SLOW_LEAST_NS / MS_NS)
    played.wait(SECOND_NS)
    assert played.lanes.due(played.now) == [1]


def test_a_read_is_late_when_nineteen_of_twenty_are_quicker() -> None:
    played = Played()
    assert played.lanes.hedge_ns() == HEDGE_UNKNOWN_NS
    for took in range(1, 41):
        played.asks(0, took)
    assert 36 * MS_NS <= played.lanes.hedge_ns() <= 40 * MS_NS
    for _ in range(64):
        played.asks(0, 0.1)
    assert played.lanes.hedge_ns() == HEDGE_NS[0]
    for _ in range(64):
        played.asks(0, 4_000)
    assert played.lanes.hedge_ns() == HEDGE_NS[1]


def test_at_most_a_tenth_of_all_reads_is_sent_twice() -> None:
    played, twice = Played(), 0
    for _ in range(1_000):
        played.lanes.hedge_ns()
        if played.lanes.may_hedge():
            played.lanes.hedged()
            twice += 1
    assert 100 <= twice <= 100 + HEDGES_SAVED_MAX


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 6_000),
            st.sampled_from([True, True, False, None]),
            st.booleans(),
            st.integers(0, 5_000),
        ),
        max_size=80,
    ),
    st.integers(0, 99),
)
def test_whatever_happens_a_lane_is_chosen_of_those_that_are_usable(
    calls: list[tuple[int, int, bool | None, bool, int]], seed: int
) -> None:
    played = Played(seed=seed)
    for lane, ms, well, read, pause_ms in calls:
        played.asks(lane, ms, well, read)
        played.wait(pause_ms * MS_NS)
        usable = played.lanes.usable(played.now)
        told = played.lanes.told(played.now)
        used = [n for n, h in enumerate(told) if h.use in (Use.IN_USE, Use.COMING_BACK)]
        assert usable == (used or [0, 1, 2])
        assert played.lanes.for_read(usable, played.now) in usable
        write = played.lanes.for_write(usable, played.now)
        assert write in usable
        whole = [n for n in usable if told[n].use is Use.IN_USE]
        assert not whole or write in whole, "no order on a lane that is only coming back"
        assert all(h.under_way == 0 and 0 <= h.errors_percent <= 100 for h in told)
