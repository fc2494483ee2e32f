"""No window of a limit's length holds more than the limit, and what is reserved is never lent downward."""

from bisect import bisect_left
from heapq import heappop, heappush
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nightdesk.model.mode import Mode
from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.resilience.budget import (
    CEILING_PERCENT,
    SHARE_PERCENT,
    STEPS,
    STRAY_NS,
    WAY_OUT,
    Budget,
    Cost,
    Limit,
    Rank,
)

SHORT = Limit(unit="orders", most=20, length_ns=2 * SECOND_NS, header="orders-2s")
LONG = Limit(unit="weight", most=100, length_ns=10 * SECOND_NS, header="weight-10s")
START = Mono(1_000 * SECOND_NS)
QUEUED = [rank for rank in Rank if rank not in WAY_OUT]


def weight(amount: int, rank: Rank = Rank.MARKET) -> Cost:
    return Cost(rank=rank, spends=((LONG.unit, amount),))


def orders(amount: int = 1, rank: Rank = Rank.ENTRY) -> Cost:
    return Cost(rank=rank, spends=((SHORT.unit, amount),))


def both() -> Budget:
    return Budget([SHORT, LONG])


class Wish(NamedTuple):
    """A request that is wanted `after` the one before; it arrives, and is answered, so much later."""

    after: int
    cost: Cost
    travels: int
    answered: int | None  # after it arrived; None: given up, and it may arrive later still


COSTS = st.builds(
    lambda rank, w, o: Cost(rank=rank, spends=(("weight", w), ("orders", o))),
    st.sampled_from(QUEUED),
    st.integers(1, 20),
    st.integers(0, 3),
)
WISHES = st.builds(
    Wish,
    st.integers(0, SECOND_NS),
    COSTS,
    st.integers(0, STRAY_NS),
    st.none() | st.integers(0, 3 * SECOND_NS),
)


def arrivals(budget: Budget, wishes: list[Wish]) -> list[tuple[int, Cost]]:
    """When which requests reached the venue, of those that had room."""
    now, came, ends = START, list[tuple[int, Cost]](), list[tuple[int, int, object]]()
    for number, wish in enumerate(wishes):
        now = Mono(now + wish.after)
        while ends and ends[0][0] <= now:
            at, _, end = heappop(ends)
            end(Mono(at))  # type: ignore[operator]
        if budget.wait_ns(wish.cost, now):
            continue
        spent = budget.spend(wish.cost, now)
        came.append((now + wish.travels, wish.cost))
        if wish.answered is None:
            heappush(ends, (now, number, lambda at, s=spent: budget.give_up(s, at)))
        else:
            ends_at = now + wish.travels + wish.answered
            heappush(ends, (ends_at, number, lambda at, s=spent: budget.settle(s, at, {})))
    return sorted(came, key=lambda arrival: arrival[0])


@settings(max_examples=50)
@given(st.lists(WISHES, max_size=100))
def test_no_window_of_any_phase_holds_more_than_a_rank_may_use(wishes: list[Wish]) -> None:
    came = arrivals(both(), wishes)
    times = [at for at, _ in came]
    for limit in (SHORT, LONG):
        for first, (begins, _) in enumerate(came):
            inside = came[first : bisect_left(times, begins + limit.length_ns)]
            used = sum(dict(cost.spends)[limit.unit] for _, cost in inside)
            highest = min(cost.rank for _, cost in inside)
            assert used <= limit.most * CEILING_PERCENT[highest] // 100


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(Rank), st.integers(1, 10)), max_size=60))
def test_what_is_reserved_for_a_rank_is_left_by_those_behind_it(
    wished: list[tuple[Rank, int]],
) -> None:
    budget = both()
    used = 0
    for rank, amount in wished:
        if rank not in WAY_OUT and not budget.wait_ns(weight(amount, rank), START):
            budget.spend(weight(amount, rank), START)
            used += amount
            assert used <= CEILING_PERCENT[rank]
        elif rank in WAY_OUT:
            assert not budget.wait_ns(weight(amount, rank), START)
            budget.spend(weight(amount, rank), START)
            used += amount


@settings(max_examples=50)
@given(st.lists(WISHES, max_size=60), COSTS)
def test_after_the_wait_that_is_told_there_is_room(wishes: list[Wish], cost: Cost) -> None:
    budget, now = both(), START
    for wish in wishes:
        now = Mono(now + wish.after)
        if not budget.wait_ns(wish.cost, now):
            budget.settle(budget.spend(wish.cost, now), now, {})
    wait_ns = budget.wait_ns(cost, now)
    if wait_ns:
        assert budget.wait_ns(cost, Mono(now + wait_ns - 1))
    assert not budget.wait_ns(cost, Mono(now + wait_ns))


def test_what_did_not_leave_costs_nothing() -> None:
    budget = both()
    spent = [budget.spend(weight(1), START) for _ in range(80)]
    assert budget.wait_ns(weight(1), START)
    for one in spent:
        budget.give_back(one)
    assert budget.use_percent(START) == 0
    assert not budget.wait_ns(weight(80), START)


def test_what_is_not_answered_counts_until_it_is() -> None:
    budget = both()
    spent = budget.spend(weight(80), START)
    later = Mono(START + 60 * SECOND_NS)
    assert budget.wait_ns(weight(1), later)
    budget.settle(spent, later, {})
    over = Mono(later + LONG.length_ns + LONG.length_ns // STEPS)
    assert budget.wait_ns(weight(1), Mono(later + LONG.length_ns - 1))
    assert not budget.wait_ns(weight(1), over)


def answer(budget: Budget, cost: Cost, at: Mono, counted: str) -> None:
    budget.settle(budget.spend(cost, at), at, {LONG.header: counted})


def test_what_others_use_is_learnt_from_what_the_venue_counts_beyond_ours() -> None:
    budget = both()
    answer(budget, weight(10), START, "30")
    assert budget.use_percent(START) == 30
    assert budget.wait_ns(weight(51), START)
    assert not budget.wait_ns(weight(50), START)


@pytest.mark.parametrize("said", ["", "0", "10", "-7", "9" * 30, "many", "\u0663"])
def test_a_word_that_is_low_late_or_no_number_loosens_nothing(said: str) -> None:
    budget = both()
    answer(budget, weight(10), START, "30")
    answer(budget, weight(10), Mono(START + SECOND_NS), said)
    assert budget.use_percent(Mono(START + SECOND_NS)) == 40


def test_a_late_word_takes_nothing_of_ours_for_anothers() -> None:
    budget = both()
    early = budget.spend(weight(10), START)
    end = Mono(START + LONG.length_ns + SECOND_NS // 2)
    budget.settle(early, START, {})
    asked = budget.spend(weight(1), Mono(START + LONG.length_ns - SECOND_NS))
    assert budget.use_percent(end) == 1  # the early one is forgotten when the word comes
    budget.settle(asked, end, {LONG.header: "11"})
    assert budget.use_percent(end) == 1


def test_what_others_used_is_forgotten_after_a_window_without_a_word_of_it() -> None:
    budget = both()
    answer(budget, weight(10), START, "90")
    kept = Mono(START + LONG.length_ns)
    assert budget.use_percent(kept) >= 80
    assert budget.use_percent(Mono(kept + LONG.length_ns)) == 0


def test_a_limit_counts_its_unit_alone() -> None:
    budget = both()
    for _ in range(18):
        budget.spend(orders(), START)
    assert budget.wait_ns(orders(), START)
    assert not budget.wait_ns(weight(80), START)
    assert not budget.wait_ns(orders(rank=Rank.FLATTEN), START)


def test_who_waits_within_its_share_is_left_room_by_all_but_the_way_out() -> None:
    budget = both()
    budget.spend(weight(78, Rank.RECONCILE), START)
    assert not budget.wait_ns(weight(9, Rank.RECONCILE), START)
    budget.claims = {Rank.MARKET: (("weight", 4),)}
    assert budget.wait_ns(weight(1, Rank.RECONCILE), START)
    assert budget.wait_ns(weight(1, Rank.ENTRY), START)
    assert not budget.wait_ns(weight(16, Rank.REDUCE), START)
    budget.spend(weight(SHARE_PERCENT[Rank.MARKET]), START)
    assert not budget.wait_ns(weight(1, Rank.RECONCILE), START)


def test_a_wait_is_latched_until_its_latest_end() -> None:
    budget = both()
    assert not budget.latched(START)
    budget.latch(Mono(START + 3 * MS_NS))
    budget.latch(Mono(START + MS_NS))
    assert budget.latched(Mono(START + 2 * MS_NS))
    assert not budget.latched(Mono(START + 3 * MS_NS))


@pytest.mark.parametrize(
    ("used", "before", "after"),
    [
        (80, Mode.NORMAL, Mode.NORMAL),
        (86, Mode.NORMAL, Mode.NORMAL),
        (87, Mode.NORMAL, Mode.CAUTIOUS),
        (89, Mode.NORMAL, Mode.REDUCE_ONLY),
        (100, Mode.CAUTIOUS, Mode.REDUCE_ONLY),
        (86, Mode.REDUCE_ONLY, Mode.REDUCE_ONLY),
        (85, Mode.REDUCE_ONLY, Mode.CAUTIOUS),
        (85, Mode.CAUTIOUS, Mode.CAUTIOUS),
        (84, Mode.CAUTIOUS, Mode.NORMAL),
        (0, Mode.REDUCE_ONLY, Mode.NORMAL),
    ],
)
def test_the_less_is_left_the_more_careful_a_desk_has_to_be(
    used: int, before: Mode, after: Mode
) -> None:
    budget = both()
    budget.spend(weight(used, Rank.FLATTEN), START)
    assert budget.demands(before, START) is after


def test_a_spread_holds_reads_apart_and_nothing_else() -> None:
    spread = Limit(unit=LONG.unit, most=20, length_ns=SECOND_NS, spread=True)
    budget = Budget([LONG, spread])
    budget.settle(budget.spend(weight(30, Rank.ENTRY), START), START, {})
    assert not budget.wait_ns(weight(16), START)
    budget.settle(budget.spend(weight(16), START), START, {})
    assert SECOND_NS < budget.wait_ns(weight(1), START) <= SECOND_NS + SECOND_NS // STEPS
    assert not budget.wait_ns(weight(40, Rank.ENTRY), START)
    assert budget.use_percent(START) == 46


def test_what_the_venue_tells_narrows_a_limit_and_widens_none() -> None:
    budget = Budget([SHORT, LONG], 50)
    told = [replace(SHORT, most=40), replace(LONG, most=60), replace(LONG, unit="other", most=1)]
    budget.narrow(told)
    assert [(w.limit.most, w.most) for w in budget.windows] == [(20, 10), (60, 30)]
    assert budget.wait_ns(weight(25), START)
    assert not budget.wait_ns(weight(24), START)
    budget.narrow([LONG])
    assert budget.windows[1].limit.most == 60


@pytest.mark.parametrize(
    ("uptime_ns", "elsewhere", "spent"),
    [
        (1_000 * SECOND_NS, True, True),
        (1_000 * SECOND_NS, False, False),
        (SECOND_NS, False, True),
        (2 * SECOND_NS, False, False),
    ],
)
def test_who_succeeds_an_unknown_takes_entries_for_spent_and_nothing_else(
    uptime_ns: int, elsewhere: bool, spent: bool
) -> None:
    short, day = (
        replace(limit, account=True)
        for limit in (SHORT, replace(SHORT, length_ns=86_400 * SECOND_NS, header="day"))
    )
    budget, now = Budget([short, day, LONG]), Mono(uptime_ns)
    budget.succeed(now, elsewhere=elsewhere)
    assert (budget.wait_ns(orders(), now) > 0) is spent
    assert (budget.demands(Mode.NORMAL, now) is Mode.REDUCE_ONLY) is spent
    assert not budget.wait_ns(orders(rank=Rank.FLATTEN), now)
    assert not budget.wait_ns(weight(80), now)
    assert not budget.wait_ns(orders(), Mono(now + SHORT.length_ns + SHORT.length_ns // STEPS + 1))


def test_without_limits_nothing_waits() -> None:
    budget = Budget()
    budget.settle(budget.spend(weight(10**9), START), START, {LONG.header: "7"})
    assert not budget.wait_ns(weight(10**9), START)
    assert budget.demands(Mode.NORMAL, START) is Mode.NORMAL
