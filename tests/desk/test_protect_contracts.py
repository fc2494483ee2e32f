"""On a contract protective orders only reduce: each price has one, and a new one stands before the old ends."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches import cancels, causes, effects, sent, some_limits
from builders import STRATEGY, D
from desk.perpetuals import PERP, PerpBench, perp_settings
from nightdesk.desk.attempts import RETRY_NS
from nightdesk.desk.events import Decision, SendOrder
from nightdesk.desk.protect_contracts import PARTS_MAX
from nightdesk.model.ids import StrategyId
from nightdesk.model.order import Intent, OrderType, Origin, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.strategy.messages import Protect, Target

OWNER = (STRATEGY, PERP)


def protect(bench: PerpBench, **terms: str | int) -> Decision:
    made = {name: D(term) if isinstance(term, str) else term for name, term in terms.items()}
    return bench.propose(Protect(instrument=PERP, **made))  # type: ignore[arg-type]


def step(bench: PerpBench) -> tuple[list[Intent], list[str]]:
    """One turn, and what leaves in it: orders that wait, and cancels."""
    bench.wait(RETRY_NS)
    bench.quote(instrument=PERP)
    decision = bench.tick()
    for intent in sent(decision):
        bench.wait_at_venue(intent)
    return sent(decision), [str(each) for each in cancels(decision)]


def gone(bench: PerpBench, intent: Intent) -> None:
    bench.told(bench.report(intent, VenueStatus.CANCELLED, bench.order(intent).filled))


def test_a_bracket_is_two_orders_of_their_own_that_only_reduce():
    bench = PerpBench().ready_with()
    bench.go_long("2")
    protect(bench, stop="90", take_profit="110")
    made, _ = step(bench)
    assert [i.type for i in made] == [OrderType.STOP, OrderType.TAKE_PROFIT]
    for intent in made:
        assert (intent.side, intent.qty, intent.reduce_only) == (Side.SELL, D(2), True)
        assert (intent.other, intent.origin) == (None, Origin.PROTECT)
    assert bench.state.exposure(PERP).selling == 0
    assert bench.state.guarded(OWNER) == D(2)
    assert step(bench) == ([], [])


@pytest.mark.parametrize(("entry", "trigger"), [(Side.BUY, "90"), (Side.SELL, "110")])
def test_a_changed_price_stands_before_the_old_one_is_ended(entry, trigger):
    bench = PerpBench().ready_with()
    bench.trade(bench.place(entry, "1", "100", instrument=PERP))
    protect(bench, stop=trigger)
    ((old,), _) = step(bench)
    moved = str(D(trigger) + entry.sign)
    protect(bench, stop=moved)
    ((new,), ended) = step(bench)
    assert (new.trigger, ended) == (D(moved), [])
    assert step(bench) == ([], [old.client_id])
    gone(bench, old)
    assert step(bench) == ([], [])


def test_the_new_one_that_the_venue_does_not_confirm_ends_nothing():
    bench = PerpBench().ready_with()
    bench.go_long()
    protect(bench, stop="90")
    step(bench)
    protect(bench, stop="91")
    bench.wait(RETRY_NS)
    (new,) = sent(bench.tick())
    bench.lose(new)
    for _ in range(3):
        bench.wait(RETRY_NS)
        assert cancels(bench.tick()) == []


def test_a_larger_position_gets_a_larger_stop_and_a_smaller_one_a_smaller():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    protect(bench, stop="90")
    step(bench)
    bench.go_long("1")
    ((larger,), _) = step(bench)
    assert larger.qty == D(2)
    _, ended = step(bench)
    assert len(ended) == 1
    bench.propose(Target(instrument=PERP, qty=D("0.5")))
    (less,) = sent(bench.quote(instrument=PERP))  # nothing has to make room
    assert (less.qty, less.reduce_only) == (D("1.5"), True)
    bench.ack(less)
    bench.trade(less)
    ((smaller,), _) = step(bench)
    assert smaller.qty == D("0.5")


def test_a_stop_that_trades_in_parts_stays_and_its_bracket_follows():
    bench = PerpBench().ready_with()
    bench.go_long("2")
    protect(bench, stop="90", take_profit="110")
    (stop, _), _ = step(bench)
    bench.trade(stop, qty="1", price="90")
    ((profit,), _) = step(bench)
    assert (profit.type, profit.qty) == (OrderType.TAKE_PROFIT, D(1))
    bench.trade(stop, price="90")
    made, _ = step(bench)
    assert made == []
    assert bench.state.position(*OWNER).qty == 0
    assert OWNER not in bench.state.protections  # flat again, it has served


def test_where_the_price_is_reached_and_nothing_waits_the_desk_leaves_itself():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    bench.quote("90", "90.01", instrument=PERP)
    protect(bench, stop="95")
    (leaving,) = sent(bench.tick())
    assert (leaving.type, leaving.side, leaving.reduce_only) == (OrderType.IOC, Side.SELL, True)


def test_no_pair_ever_leaves():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    protect(bench, trail_bps=100, take_profit="110")
    bench.wait(RETRY_NS)
    leaving = effects(SendOrder, bench.tick())
    assert [order.other for order in leaving] == [None, None]


CHANGES = st.lists(
    st.sampled_from(["stop 90", "stop 91", "both", "buy", "sell", "step", "drop", "restart"]),
    max_size=14,
)


@given(CHANGES)
def test_whatever_changes_a_held_position_ends_up_with_its_orders(changes):  # noqa: C901 an arm a change
    bench = PerpBench().ready_with("100000")
    bench.go_long("1")
    protect(bench, stop="92")
    for change in changes:
        match change.split():
            case ["stop", price]:
                protect(bench, stop=price)
            case ["both"]:
                protect(bench, stop="90", take_profit="110")
            case ["buy"] if bench.state.position(*OWNER).qty < 3:
                bench.go_long("1")
            case ["sell"] if bench.state.position(*OWNER).qty > 1:
                bench.wait(1)
                bench.trade(bench.place(Side.SELL, "1", "100", instrument=PERP))
            case ["step"]:
                for client_id in step(bench)[1]:
                    gone(bench, bench.state.orders.live[client_id].intent)  # type: ignore[index]
            case ["drop"] if bench.state.guarding(OWNER):
                gone(bench, bench.state.guarding(OWNER)[0].intent)
            case _:
                pass
    for _ in range(8):
        for client_id in step(bench)[1]:
            gone(bench, bench.state.orders.live[client_id].intent)  # type: ignore[index]
    held = bench.state.position(*OWNER).qty
    declared = bench.state.protections[OWNER]
    standing = [(o.intent.type, o.intent.trigger, o.remaining) for o in bench.state.guarding(OWNER)]
    wanted = [(OrderType.STOP, declared.stop, held)]
    if declared.take_profit is not None:
        wanted.append((OrderType.TAKE_PROFIT, declared.take_profit, held))
    assert sorted(standing) == sorted(wanted)


def test_a_moved_stop_that_the_market_has_passed_closes_at_once():
    bench = PerpBench().ready_with()
    bench.go_long()
    protect(bench, stop="80")
    step(bench)
    protect(bench, stop="95")
    bench.wait(RETRY_NS)
    bench.quote("94", "94.1", instrument=PERP)
    (exit,) = sent(bench.tick())
    assert (exit.type, exit.side, exit.reduce_only) == (OrderType.IOC, Side.SELL, True)


def a_small_venue(qty_max: str = "2", market: str | None = None) -> PerpBench:
    """One order is at most this large, `market` one that trades at any price; there is room for many."""
    made = perp_settings()
    at_market = None if market is None else D(market)
    rules = msgspec.structs.replace(
        made.instruments[PERP], qty_max=D(qty_max), market_qty_max=at_market
    )
    limits = {PERP: some_limits(position_max=D(100))}
    changed = msgspec.structs.replace(made, instruments={PERP: rules}, limits=limits)
    return PerpBench(changed).ready_with("100000")


def test_what_is_more_than_one_order_may_be_is_protected_by_several():
    bench = a_small_venue()
    for _ in range(2):
        bench.go_long("2")
    bench.go_long("1")
    protect(bench, stop="90", take_profit="110")
    made, _ = step(bench)
    assert [(i.type, i.qty) for i in made] == [
        *((OrderType.STOP, D(qty)) for qty in (2, 2, 1)),
        *((OrderType.TAKE_PROFIT, D(qty)) for qty in (2, 2, 1)),
    ]
    assert bench.state.guarded(OWNER) == D(5)
    assert step(bench) == ([], [])
    assert not bench.desk.views.bare_since


def test_what_waits_for_a_price_is_no_more_than_trades_at_any():
    bench = a_small_venue("1000", market="2")
    bench.go_long("5")
    protect(bench, stop="90")
    made, _ = step(bench)
    assert [i.qty for i in made] == [D(2), D(2), D(1)]


def test_a_part_that_traded_or_was_dropped_is_the_only_one_that_changes():
    bench = a_small_venue()
    for _ in range(2):
        bench.go_long("2")
    protect(bench, stop="90")
    (first, second), _ = step(bench)
    gone(bench, second)
    ((again,), ended) = step(bench)
    assert (again.qty, ended) == (D(2), [])
    bench.trade(first, price="90")
    assert step(bench) == ([], [])
    assert bench.state.guarded(OWNER) == D(2)


def test_beyond_the_parts_of_one_price_it_is_told_what_stands_bare():
    bench = a_small_venue("1")
    for _ in range(PARTS_MAX + 2):
        bench.go_long("1")
    protect(bench, stop="90")
    made, _ = step(bench)
    assert [i.qty for i in made] == [D(1)] * PARTS_MAX
    for _ in range(30):
        assert step(bench) == ([], [])
    assert causes(bench.state)["unprotected"] == "REDUCE_ONLY"


def test_a_position_that_turns_ends_what_protected_its_other_side():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    protect(bench, stop="90")
    ((old,), _) = step(bench)
    bench.trade(bench.place(Side.SELL, "1.5", "100", instrument=PERP))
    made, ended = step(bench)
    assert (made, ended) == ([], [old.client_id])
    assert bench.state.position(*OWNER).qty == D("-0.5")
    assert OWNER not in bench.state.protections


def test_an_exit_that_only_reduces_what_the_venue_does_not_hold_is_tried_ever_more_slowly():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    protect(bench, stop="90")
    bench.quote("80", "80.1", instrument=PERP)
    made = 0
    for _ in range(20 * 20):
        bench.quote("80", "80.1", instrument=PERP)
        for intent in sent(bench.tick()):
            bench.answer(intent, Verdict.REJECTED, Reason.BY_STATE)
            made += 1
    assert made == 7


def test_a_moved_stop_that_the_venue_refuses_is_left_at_once_where_the_market_has_passed_it():
    bench = PerpBench().ready_with()
    bench.go_long()
    protect(bench, stop="80")
    step(bench)
    protect(bench, stop="95")
    tries = 0
    while tries < 4:  # what does not stand is tried ever more slowly
        for intent in sent(bench.tick()):
            bench.answer(intent, Verdict.REJECTED, Reason.BY_STATE)
            tries += 1
        bench.quote(instrument=PERP)
    bench.quote("94", "94.1", instrument=PERP)
    assert sent(bench.tick()) == []  # half a second after the last try, with no event since
    assert [intent.type for intent in sent(*bench.ticks(0.6))] == [OrderType.IOC]


@pytest.mark.parametrize(("opened", "covered"), [("0.4", ["0.6"]), ("1", []), ("1.5", [])])
def test_what_another_holds_the_other_way_is_not_at_the_venue_and_not_protected(opened, covered):
    other = StrategyId("other")
    bench = PerpBench(perp_settings((STRATEGY, other))).ready_with()
    bench.go_long("1")
    bench.trade(bench.place(Side.SELL, opened, "100", instrument=PERP, strategy=other))
    protect(bench, stop="90")
    made, _ = step(bench)
    assert [str(intent.qty) for intent in made] == covered
    assert step(bench) == ([], [])
    assert bench.desk.views.bare_since == {}
    bench.trade(bench.place(Side.BUY, opened, "100", instrument=PERP, strategy=other))
    made, _ = step(bench)
    assert [str(intent.qty) for intent in made] == ["1"]
