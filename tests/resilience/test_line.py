"""Who waits is served by rank, gets its share, blocks nobody for ever, and has cost nothing if it leaves."""

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.resilience.budget import STEPS, WAY_OUT, Budget, Cost, Limit, Rank
from nightdesk.resilience.line import WAITING_MAX, Line, Waiting

LIMIT = Limit(unit="weight", most=100, length_ns=10 * SECOND_NS)
OTHER = Limit(unit="other", most=100, length_ns=10 * SECOND_NS)
START = Mono(1_000 * SECOND_NS)
LATER = Mono(START + LIMIT.length_ns + LIMIT.length_ns // STEPS)
NEVER = Mono(START + 10_000 * SECOND_NS)
QUEUED = [rank for rank in Rank if rank not in WAY_OUT]


def cost(amount: int, rank: Rank, unit: str = "weight") -> Cost:
    return Cost(rank=rank, spends=((unit, amount),))


class Rig:
    """A line behind a budget, of which `used` is in use until `LATER`."""

    def __init__(self, used: int = 0) -> None:
        self.budget = Budget([LIMIT, OTHER])
        self.line = Line(self.budget)
        if used:
            spent = self.budget.spend(cost(used, Rank.FLATTEN), START)
            self.budget.settle(spent, START, {})

    def join(self, amount: int, rank: Rank, unit: str = "weight", until: Mono = NEVER) -> Waiting:
        waiting = self.line.join(cost(amount, rank, unit), until)
        assert waiting is not None
        return waiting


def test_who_has_room_and_nobody_before_it_need_not_wait() -> None:
    rig = Rig(used=79)
    assert rig.line.free(cost(1, Rank.MARKET), START)
    assert not rig.line.free(cost(2, Rank.MARKET), START)
    rig.join(2, Rank.MARKET)
    assert not rig.line.free(cost(1, Rank.MARKET), START)


def test_ranks_are_served_in_their_order_and_each_as_it_came() -> None:
    rig = Rig(used=100)
    wanted = [rig.join(1, rank) for rank in (Rank.RECONCILE, Rank.REDUCE) for _ in range(2)]
    assert rig.line.serve(START) == []
    assert rig.line.serve(LATER) == [*wanted[2:], *wanted[:2]]
    assert len(rig.line) == 0


def test_the_heavy_is_not_passed_by_the_light_that_want_the_same() -> None:
    rig = Rig(used=60)
    heavy, light = rig.join(40, Rank.RECONCILE), rig.join(1, Rank.MARKET)
    other = rig.join(1, Rank.MARKET, "other")
    assert rig.line.serve(START) == []
    rig.line.leave(light)
    assert rig.line.serve(START) == [other]
    assert rig.line.serve(LATER) == [heavy]


def test_who_leaves_has_cost_nothing_served_or_not() -> None:
    rig = Rig(used=70)
    served, waits = rig.join(10, Rank.MARKET), rig.join(10, Rank.MARKET)
    assert rig.line.serve(START) == [served]
    rig.line.leave(waits)
    rig.line.leave(served)
    assert rig.budget.use_percent(START) == 70
    assert rig.budget.claims == {}


def test_who_waited_too_long_is_let_go_without_room() -> None:
    rig = Rig(used=100)
    waiting = rig.join(1, Rank.MARKET, until=Mono(START + SECOND_NS))
    assert rig.line.due(START) == START + SECOND_NS
    assert rig.line.serve(Mono(START + SECOND_NS)) == [waiting]
    assert waiting.spent is None
    assert rig.line.due(START) is None


def test_a_line_has_an_end() -> None:
    rig = Rig(used=100)
    for _ in range(WAITING_MAX):
        rig.join(1, Rank.MARKET)
    assert rig.line.join(cost(1, Rank.RECONCILE), NEVER) is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(QUEUED), st.integers(1, 30)), max_size=30))
def test_the_line_is_looked_at_again_when_it_can_go_on_and_comes_to_an_end(
    wanted: list[tuple[Rank, int]],
) -> None:
    rig, now = Rig(used=80), START
    waiting = [rig.join(amount, rank) for rank, amount in wanted]
    for _ in range(1_000):
        for served in rig.line.serve(now):
            assert served.spent is not None
            rig.budget.settle(served.spent, now, {})
            waiting.remove(served)
        due = rig.line.due(now)
        if due is None:
            break
        assert due > now, "it would be looked at for ever"
        now = due
    assert waiting == []


@settings(max_examples=50)
@given(
    st.sampled_from([Rank.RECONCILE, Rank.PRIVATE, Rank.MARKET]),
    st.lists(st.sampled_from([Rank.ENTRY, Rank.RECONCILE, Rank.PRIVATE]), min_size=1, max_size=3),
)
def test_who_is_within_its_share_is_served_whatever_others_want(
    rank: Rank, others: list[Rank]
) -> None:
    rig, now = Rig(), START
    step = Mono(LIMIT.length_ns // STEPS)
    for _ in range(3 * STEPS):  # the others take all that they can get, for three lengths
        now = Mono(now + step)
        take_all(rig, others, now)
    mine = rig.join(3, rank)
    until = now + 2 * LIMIT.length_ns
    while mine.spent is None and now < until:
        now = Mono(now + step)
        for served in rig.line.serve(now):
            assert served.spent is not None
            rig.budget.settle(served.spent, now, {})
        take_all(rig, [other for other in others if other != rank], now)
    assert mine.spent is not None


def take_all(rig: Rig, ranks: list[Rank], now: Mono) -> None:
    for rank in ranks:
        while not rig.budget.wait_ns(cost(1, rank), now):
            rig.budget.settle(rig.budget.spend(cost(1, rank), now), now, {})
