"""Two venues in one core: books, causes, clocks and questions of each its own; a flatten of both."""

import pytest

from benches import Bench, effects, sent
from builders import BTCUSDT, D
from desk.both import HELD, SPOT, USDM, BothBench
from desk.perpetuals import PERP
from nightdesk.desk.accounts import SOUGHT_MAX
from nightdesk.desk.events import (
    AskAccount,
    AskOrder,
    Flatten,
    FlowsTold,
    Health,
    OrderNotFound,
    Resume,
)
from nightdesk.model.account import Flow, WalletMove
from nightdesk.model.mode import Mode
from nightdesk.model.order import Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import Flowed, Reconciled, Resolved
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.modes.ladder import DESK, Action, scopes, venue_scope


def test_each_venue_opens_its_own_books() -> None:
    bench = BothBench()
    bench.tell(SPOT)
    assert set(bench.state.booked.since) == {SPOT}
    assert bench.state.opened == HELD[SPOT]
    bench.tell(USDM)
    assert bench.state.opened == HELD[SPOT] | HELD[USDM]
    assert bench.state.funds.balances == HELD[SPOT] | HELD[USDM]


def test_books_of_older_journals_are_those_of_the_one_venue_there_was() -> None:
    old = Bench()
    old.account()
    records = [(at, r) for at, r in old.records if not isinstance(r, Reconciled)]
    (written,) = [r for _, r in old.records if isinstance(r, Reconciled)]
    nameless = Reconciled(balances=written.balances, unexplained={}, surplus=written.surplus)
    bench = BothBench(history=[*records, (old.wall, nameless)], epoch=2)
    assert set(bench.state.booked.since) == {SPOT}


def test_a_difference_is_of_one_venue_and_adopted_there() -> None:
    bench = BothBench().ready()
    bench.tell(USDM, **{PERP: D(1)})
    bench.wait(6 * SECOND_NS)
    bench.tell(SPOT)
    bench.tell(USDM, **{PERP: D(1)})
    ladder = bench.state.ladder
    assert ladder.demands(venue_scope(USDM), "reconcile") is Mode.REDUCE_ONLY
    assert not ladder.holds(DESK, "reconcile")
    assert not ladder.holds(venue_scope(SPOT), "reconcile")
    decision = bench.decide(Resume(reason="mine", by="me"))
    (adopted,) = [r for r in decision.records if isinstance(r, Reconciled)]
    assert (adopted.venue, adopted.unexplained, adopted.surplus) == (USDM, {PERP: 1}, {PERP: 1})
    assert set(adopted.balances) == set(HELD[USDM])
    assert not ladder.causes


def test_an_unknown_order_of_one_venue_leaves_the_other_to_be_compared() -> None:
    bench = BothBench().ready()
    intent = bench.place(Side.BUY, "1", "100", instrument=PERP)
    bench.answer(intent, Verdict.UNKNOWN, Reason.TIMEOUT)
    bench.tell(SPOT, BTC=D(11))
    assert bench.desk.views.books_of(SPOT).difference == {"BTC": 1}
    bench.tell(USDM, **{PERP: D(1)})
    assert bench.desk.views.books_of(USDM).difference == {}


def test_a_venue_that_wants_a_wait_is_left_alone_and_the_other_traded_on() -> None:
    bench = BothBench().ready()
    intent = bench.place(Side.BUY, "1", "100", instrument=PERP)
    bench.answer(intent, Verdict.REJECTED, Reason.THROTTLED, wait_ns=3 * SECOND_NS)
    ladder = bench.state.ladder
    assert ladder.demands(venue_scope(USDM), "throttled") is Mode.REDUCE_ONLY
    assert bench.place(Side.BUY, "1", "100")
    assert not ladder.allows(Action.NEW_RISK, *scopes(intent.strategy, PERP))
    for _ in range(62):
        bench.tick()
        bench.quoted()
    assert ladder.allows(Action.NEW_RISK, *scopes(intent.strategy, PERP))


def test_causes_stand_where_the_configs_venues_look_for_them() -> None:
    one = Bench().ready()
    one.decide(Health(scope=DESK, cause="private", mode=Mode.REDUCE_ONLY, why="lost"))
    one.decide(Health(scope=DESK, cause="starved", mode=Mode.CAUTIOUS, why="slow"))
    two = BothBench(history=one.records, epoch=2)
    both = {(venue_scope(venue), "private") for venue in (SPOT, USDM)}
    assert held(two) == both | {(DESK, "starved")}
    again = Bench(history=two.records, epoch=3)
    assert held(again) == {(DESK, "private"), (DESK, "starved")}


def held(bench: Bench) -> set[tuple[str, str]]:
    return {(scope, name) for scope, name, _ in bench.state.ladder.told()}


@pytest.mark.parametrize("ahead_ms", [-3_000, 0, 3_000])
def test_a_deadline_is_on_the_clock_of_its_venue(ahead_ms: int) -> None:
    bench = BothBench().ready()
    bench.ahead_ns = ahead_ms * MS_NS
    here = bench.place(Side.BUY, "1", "100")
    there = bench.place(Side.BUY, "1", "100", instrument=PERP)
    assert there.deadline - here.deadline == bench.ahead_ns


@pytest.mark.parametrize("ahead_ms", [-3_000, 3_000])
def test_an_absence_is_believed_by_the_clock_of_the_venue(ahead_ms: int) -> None:
    bench = BothBench().ready()
    bench.ahead_ns = ahead_ms * MS_NS
    intent = bench.place(Side.BUY, "1", "100", instrument=PERP)
    bench.answer(intent, Verdict.UNKNOWN, Reason.TIMEOUT)
    grace = Wall(intent.deadline - bench.ahead_ns + bench.settings.read_lag_ns)
    for asked_at, resolved in ((grace, 0), (grace + 1, 0), (grace + 2, 1)):
        told = OrderNotFound(client_id=intent.client_id, asked_at=Wall(asked_at), everywhere=True)
        made = bench.decide(told).records
        assert sum(isinstance(r, Resolved) for r in made) == resolved


def test_each_venue_is_asked_for_its_account_in_its_own_time() -> None:
    bench = BothBench().ready()
    bench.ticks(3)
    bench.tell(USDM, quiet=False)
    asked = [e.venue for e in effects(AskAccount, *bench.ticks(5))]
    assert asked.count(USDM) >= 2
    assert asked.count(SPOT) <= 1


def test_an_order_missing_at_its_venue_is_not_missed_at_the_other() -> None:
    bench = BothBench().ready()
    intent = bench.place(Side.BUY, "1", "95", instrument=PERP)
    bench.ack(intent)
    bench.wait(20 * SECOND_NS)
    assert not effects(AskOrder, bench.tell(SPOT))
    assert effects(AskOrder, bench.tell(USDM))


def test_a_flatten_is_done_when_every_venue_has_said_so() -> None:
    bench = BothBench().ready()
    asked = effects(AskAccount, bench.decide(Flatten(by="me")), *bench.ticks(1))
    assert {e.venue for e in asked} == {SPOT, USDM}
    bench.tell(SPOT)
    assert bench.state.ladder.demands(DESK, "flatten") is Mode.FLATTENING
    bench.tell(USDM)
    assert bench.state.ladder.demands(DESK, "flatten") is Mode.REDUCE_ONLY
    again = bench.decide(Flatten(by="me"))
    assert not sent(again)
    assert bench.state.ladder.demands(DESK, "flatten") is Mode.FLATTENING, "asked anew"
    bench.tell(USDM)
    assert bench.state.ladder.demands(DESK, "flatten") is Mode.FLATTENING


def test_a_flatten_asks_and_names_whoever_has_not_said_so() -> None:
    bench = BothBench().ready()
    bench.decide(Flatten(by="me"))
    bench.ticks(1)
    bench.tell(SPOT)
    asked = effects(AskAccount, *bench.ticks(3))
    assert {e.venue for e in asked} == {USDM}
    assert bench.desk.views.flatten_said == f"nothing left to sell; asking {USDM}"


def test_what_trades_late_where_all_was_flat_takes_the_word_back() -> None:
    bench = BothBench().ready()
    late = bench.open_order(Side.BUY, "1", "99")
    bench.decide(Flatten(by="me"))
    bench.told(bench.report(late, VenueStatus.CANCELLED))
    bench.wait(20 * SECOND_NS)
    bench.confirm(late)
    bench.ticks(1)
    bench.tell(SPOT)
    bench.fill(late)  # beyond what any venue owns up to
    bench.tell(USDM)
    assert bench.state.net(BTCUSDT) == D(1)
    assert bench.state.ladder.demands(DESK, "flatten") is Mode.FLATTENING


def test_what_only_contracts_have_stands_only_where_there_are_any() -> None:
    one = Bench().ready()
    one.decide(Health(scope=DESK, cause="terms", mode=Mode.REDUCE_ONLY, why="hedge mode"))
    two = BothBench(history=one.records, epoch=2)
    assert held(two) == {(venue_scope(USDM), "terms")}


def test_a_difference_is_sought_among_the_orders_of_its_venue_however_many_ended_elsewhere() -> (
    None
):
    bench = BothBench().ready()
    lost = bench.open_order(Side.BUY, "1", "99", instrument=PERP)
    bench.told(bench.report(lost, VenueStatus.CANCELLED))
    for _ in range(SOUGHT_MAX + 2):
        other = bench.open_order(Side.BUY, "0.1", "99")
        bench.told(bench.report(other, VenueStatus.CANCELLED))
        bench.wait(2 * SECOND_NS)
        bench.quoted()
    asked = effects(AskOrder, bench.tell(USDM, **{PERP: D(1)}))
    assert lost.client_id in {e.intent.client_id for e in asked}


@pytest.mark.parametrize("ahead_ms", [-3_000, 3_000])
def test_what_moved_before_the_books_were_opened_is_told_by_the_clock_of_the_venue(
    ahead_ms: int,
) -> None:
    bench = BothBench()
    bench.ahead_ns = ahead_ms * MS_NS
    opened = bench.wall + bench.ahead_ns
    bench.ready()
    for at, taken in ((opened - 1, 0), (opened, 1)):
        move = WalletMove(
            id=str(at), kind=Flow.TRANSFER, asset="USDT", amount=D(1), at=Wall(at), instrument=None
        )
        made = bench.decide(FlowsTold(venue=USDM, moves=(move,))).records
        assert sum(isinstance(r, Flowed) for r in made) == taken
