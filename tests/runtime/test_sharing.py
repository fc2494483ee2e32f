"""Processes of one host keep to one allowance together, dead or alive, and to fixed shares where none hears."""

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.ports.boards import Allowance
from nightdesk.resilience.board import Column, Rows
from nightdesk.resilience.budget import CEILING_PERCENT, WAY_OUT, Budget, Cost, Limit, Rank
from nightdesk.runtime.sharing import LOOK_EVERY_NS, TORN_MAX_NS, Sharing, columns_of
from nightdesk.simulation.boards import MachineBoard

WEIGHT = Limit(unit="weight", most=100, length_ns=10 * SECOND_NS, header="used")
ORDERS = Limit(unit="orders", most=20, length_ns=2 * SECOND_NS, header="orders", account=True)
LIMITS = (WEIGHT, ORDERS)
START = Mono(1_000 * SECOND_NS)


class Host:
    """One machine's memory: what processes left there."""

    def __init__(self) -> None:
        self.there: dict[bool, dict[int, bytes]] = {False: {}, True: {}}

    def process(self, share: int = 100, alone: int = 50) -> "Process":
        boards = {
            account: MachineBoard(
                "a board", Rows(columns_of(LIMITS, account=account)), self.there[account]
            )
            for account in (False, True)
        }
        return Process(boards, share, alone)


class Process:
    """A budget that is shared; its requests are answered at once, or never."""

    answered = True

    def __init__(self, boards: dict[bool, MachineBoard], share: int, alone: int) -> None:
        self.boards = boards
        self.budget = Budget(LIMITS, share)
        allowance = Allowance(
            share_percent=share, alone_percent=alone, address=boards[False], account=boards[True]
        )
        self.sharing = Sharing(self.budget, allowance)

    def use(self, cost: Cost, now: Mono) -> bool:
        """Whether there is room; then it is spent, answered and told."""
        if self.budget.wait_ns(cost, now):
            return False
        spent = self.budget.claim(cost, now)
        if spent is None:
            return False
        if self.answered:
            self.budget.settle(spent, now, {})
        self.sharing.post(now)
        return True


def weight(amount: int, rank: Rank = Rank.MARKET) -> Cost:
    return Cost(rank=rank, spends=((WEIGHT.unit, amount),))


def orders(amount: int = 1, rank: Rank = Rank.ENTRY) -> Cost:
    return Cost(rank=rank, spends=((ORDERS.unit, amount),))


class Wish(NamedTuple):
    """What one of three wants, `after` the one before; a new process takes its place first, where it `dies`."""

    after: int
    who: int
    amount: int
    order: int
    rank: Rank
    dies: bool


WISHES = st.builds(
    Wish,
    st.integers(0, SECOND_NS),
    st.integers(0, 2),
    st.integers(1, 20),
    st.integers(0, 3),
    st.sampled_from([rank for rank in Rank if rank not in WAY_OUT]),
    st.booleans(),
)


@settings(max_examples=60)
@given(st.lists(WISHES, max_size=100))
def test_no_window_holds_more_than_a_rank_may_use_of_all_processes_together(
    wishes: list[Wish],
) -> None:
    together(wishes)


def together(wishes: list[Wish]) -> None:
    """Three processes want what they want; what came keeps to the limits in every window."""
    host, now = Host(), START
    processes = [host.process() for _ in range(3)]
    came: list[tuple[int, Cost]] = []
    for wish in wishes:
        now = Mono(now + wish.after)
        if wish.dies:
            processes[wish.who] = host.process()
        cost = Cost(rank=wish.rank, spends=(("weight", wish.amount), ("orders", wish.order)))
        processes[wish.who].budget.exchange(now)
        if processes[wish.who].use(cost, now):
            came.append((now, cost))
    times = [at for at, _ in came]
    for limit in LIMITS:
        for first, (begins, _) in enumerate(came):
            inside = came[first : bisect_left(times, begins + limit.length_ns)]
            used = sum(dict(cost.spends)[limit.unit] for _, cost in inside)
            highest = min(cost.rank for _, cost in inside)
            assert used <= limit.most * CEILING_PERCENT[highest] // 100


def test_what_one_uses_another_has_not() -> None:
    host = Host()
    one, other = host.process(), host.process()
    assert one.use(weight(60), START)
    assert not other.use(weight(21), START)
    assert other.use(weight(20), START)
    assert one.use(orders(18), START)
    assert not other.use(orders(1), START)


def test_what_a_dead_process_used_counts_until_its_window_has_passed() -> None:
    host = Host()
    host.process().use(weight(80), START)
    fresh = host.process()
    assert fresh.budget.wait_ns(weight(1), Mono(START + WEIGHT.length_ns - 1))
    assert not fresh.budget.wait_ns(weight(80), Mono(START + 11 * SECOND_NS))


def test_of_two_at_the_same_moment_neither_goes_past_what_both_may_have() -> None:
    host = Host()
    one, other = host.process(), host.process()
    assert not one.budget.wait_ns(weight(80), START)
    assert not other.budget.wait_ns(weight(80), START)
    spent = one.budget.claim(weight(80), START)
    assert spent is not None
    assert other.budget.claim(weight(80), START) is None
    one.budget.give_back(spent)
    one.sharing.post(START)
    assert other.budget.claim(weight(80), Mono(START + LOOK_EVERY_NS)) is not None


def test_the_way_out_reads_nothing_and_is_told_once_it_has_left() -> None:
    host = Host()
    one, other = host.process(), host.process()
    assert one.use(weight(80), START)
    read: list[int] = []
    other.boards[False].read = lambda now: read.append(now) or {}  # type: ignore[method-assign,func-returns-value]
    for rank in WAY_OUT:
        assert not other.budget.wait_ns(weight(10, rank), START)
        other.budget.spend(weight(10, rank), START)
    assert not read
    other.sharing.post(START)
    one.sharing.exchange(START)
    assert one.budget.use_percent(START) == 100


def test_one_that_is_told_to_wait_holds_the_others_back() -> None:
    host = Host()
    one, other = host.process(), host.process()
    one.budget.latch(Mono(START + 3 * SECOND_NS))
    one.sharing.post(START)
    assert other.budget.latched(Mono(START + 2 * SECOND_NS))
    assert not other.budget.latched(Mono(START + 3 * SECOND_NS))


def test_strangers_are_what_the_venue_counts_beyond_all_processes() -> None:
    host = Host()
    one, other = host.process(), host.process()
    assert one.use(weight(30), START)
    spent = other.budget.claim(weight(10), START)
    assert spent is not None
    assert one.use(weight(5), Mono(START + MS_NS))
    other.budget.settle(spent, Mono(START + 2 * MS_NS), {"used": "60"})
    assert other.budget.use_percent(Mono(START + 2 * MS_NS)) == 60
    assert one.budget.use_percent(Mono(START + 4 * MS_NS)) == 45  # it was not told of them yet


@pytest.mark.parametrize("account", [False, True])
def test_while_a_board_is_away_each_keeps_to_its_fixed_share_of_what_that_counts(
    account: bool,
) -> None:
    host = Host()
    one = host.process(share=80, alone=50)
    one.boards[account].away = "gone"
    most = {False: 80, True: 16}
    most[account] //= 2
    one.sharing.look(START)
    assert "gone" in one.sharing.away
    assert [w.most for w in one.budget.windows] == [most[False], most[True]]
    one.boards[account].away = ""
    one.sharing.look(Mono(START + LOOK_EVERY_NS))
    assert not one.sharing.away
    assert [w.most for w in one.budget.windows] == [80, 16]


@pytest.mark.parametrize(("rank", "room"), [(Rank.REDUCE, 16), (Rank.ENTRY, 7)])
def test_while_a_board_is_away_what_reduces_keeps_the_share_of_the_host(
    rank: Rank, room: int
) -> None:
    one = Host().process(share=80, alone=50)
    one.boards[True].away = "gone"
    one.sharing.look(START)
    assert not one.budget.wait_ns(orders(room, rank), START)
    assert one.budget.wait_ns(orders(room + 1, rank), START)
    assert one.use(orders(7), START)
    assert one.use(orders(2, Rank.REDUCE), START)


def test_a_stranger_takes_nothing_of_a_share_before_the_whole_limit_is_used() -> None:
    one = Host().process(share=50)
    spent = one.budget.claim(weight(10), START)
    assert spent is not None
    one.budget.settle(spent, START, {"used": "60"})
    assert not one.budget.wait_ns(weight(20), START)
    assert one.budget.wait_ns(weight(21), START)
    assert one.use(weight(10), START)
    assert one.budget.wait_ns(weight(11), START)
    assert one.use(weight(10, Rank.REDUCE), START)
    assert one.budget.use_percent(START) == 80


def test_a_share_ends_where_the_limit_has_room_left() -> None:
    one = Host().process(share=50)
    assert one.budget.wait_ns(weight(41), START)
    assert one.use(weight(40), START)
    assert one.budget.use_percent(START) == 80


def test_what_was_used_while_the_board_was_away_is_told_once_it_is_back() -> None:
    host = Host()
    one, other = host.process(), host.process()
    one.boards[False].away = "gone"
    one.sharing.look(START)
    assert one.use(weight(30), START)
    assert other.budget.use_percent(START) == 0
    one.boards[False].away = ""
    one.sharing.look(Mono(START + LOOK_EVERY_NS))
    assert other.budget.use_percent(Mono(START + LOOK_EVERY_NS)) == 30


def test_a_torn_row_is_as_it_was_and_makes_the_board_away_where_it_lasts() -> None:
    host = Host()
    one, other = host.process(), host.process()
    assert one.use(weight(30), START)
    assert other.budget.use_percent(START) == 30
    host.there[False][0] = b"\7" + host.there[False][0][1:]
    now = Mono(START + LOOK_EVERY_NS)
    assert other.budget.use_percent(now) == 30
    assert not other.sharing.away
    now = Mono(now + TORN_MAX_NS)
    other.sharing.look(now)
    assert "cannot be read" in other.sharing.away
    other.sharing.look(Mono(now + LOOK_EVERY_NS))
    assert not other.sharing.away


def test_a_row_that_was_mended_is_forgotten_as_torn() -> None:
    host = Host()
    one, other = host.process(), host.process()
    assert one.use(weight(30), START)
    now = START

    def tear() -> None:
        host.there[False][0] = b"\7" + host.there[False][0][1:]

    tear()
    for after in (LOOK_EVERY_NS, TORN_MAX_NS, LOOK_EVERY_NS):
        now = Mono(now + after)
        other.sharing.look(now)
    assert not other.sharing.away
    now = Mono(now + SECOND_NS)
    assert one.use(weight(1), now)
    tear()
    other.sharing.look(now)
    assert not other.sharing.away


def test_without_a_board_nothing_is_shared() -> None:
    budget = Budget(LIMITS)
    assert not Sharing(budget, Allowance())
    assert columns_of((WEIGHT, ORDERS), account=True) == [ORDERS.length_ns]


def not_shared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Column, "heard", lambda *_: None)


def the_dead_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    process = Host.process

    def alone(self: Host) -> Process:
        for rows in self.there.values():
            rows.clear()
        return process(self)

    patch.setattr(Host, "process", alone)


def what_is_under_way_is_told_by_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Column, "words", lambda self, spent, _: [spent, 0, *self._cells])
    patch.setattr(Process, "answered", False)


@pytest.mark.parametrize(
    "plant", [not_shared, the_dead_are_forgotten, what_is_under_way_is_told_by_nobody]
)
def test_a_known_mistake_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        together([Wish(SECOND_NS // 10, n % 3, 15, 0, Rank.MARKET, n % 4 == 3) for n in range(40)])
