"""Protections are level-triggered: whatever happens to position, orders or desk, what is held is covered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches import READ_LAG_NS, Bench, cancels, causes, effects, sent, some_limits, some_settings
from builders import BTCUSDT, STRATEGY, D, an_instrument
from desk.protections import OWNER, covered, ended, long_and_covered, protect, stops
from nightdesk.desk.attempts import REFUSED_MAX_NS, RETRY_NS
from nightdesk.desk.events import CancelAll, Flatten, Pause, Resume, Tell
from nightdesk.desk.image import decode_state, encode_state
from nightdesk.desk.protect_orders import BARE_SLACK_NS
from nightdesk.model.ids import StrategyId
from nightdesk.model.order import OrderType, Origin, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import ProtectionSet
from nightdesk.model.time import SECOND_NS
from nightdesk.reconcile.resolve import SETTLE_NS
from nightdesk.strategy.messages import Protect, Slices, Target, TargetSuspended


def test_what_is_held_gets_a_stop_and_only_one() -> None:
    bench = Bench().ready()
    protect(bench, stop="90")
    assert stops(bench) == []  # nothing is held yet
    bench.buy("2")
    (stop,) = stops(bench, 5)
    assert (stop.side, stop.type, stop.qty, stop.trigger) == (
        Side.SELL,
        OrderType.STOP,
        D(2),
        D(90),
    )
    assert stop.price == D(90)


@pytest.mark.parametrize(
    ("terms", "kinds"),
    [
        ({"stop": "90"}, [OrderType.STOP]),
        ({"take_profit": "110"}, [OrderType.TAKE_PROFIT]),
        ({"trail_bps": 100}, [OrderType.TRAILING_STOP]),
        ({"stop": "90", "take_profit": "110"}, [OrderType.STOP, OrderType.TAKE_PROFIT]),
        (
            {"trail_bps": 100, "take_profit": "110"},
            [OrderType.TRAILING_STOP, OrderType.TAKE_PROFIT],
        ),
    ],
)
def test_every_protection_is_placed_as_what_it_is(terms, kinds) -> None:
    bench = Bench().ready()
    bench.buy("2")
    protect(bench, **terms)
    made = stops(bench, 3)
    assert [intent.type for intent in made] == kinds
    assert {intent.side for intent in made} == {Side.SELL}
    assert covered(bench) == D(2)
    assert bench.state.exposure(BTCUSDT).selling == D(2)  # of a pair only one trades
    assert bench.state.funds.held["BTC"] == D(2)


def test_a_short_position_is_bought_back_above() -> None:
    bench = Bench().ready()
    bench.fill(bench.open_order(Side.SELL, "1", "100.01"))
    protect(bench, stop="110", take_profit="90")
    first, second = stops(bench, 3)
    assert (first.side, first.trigger) == (Side.BUY, D(110))
    assert (second.side, second.trigger) == (Side.BUY, D(90))


@pytest.mark.parametrize("rests", [False, True])
def test_prices_follow_a_tick_that_the_venue_has_changed(*, rests: bool) -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90.03", take_profit="110.01")
    first = sent(bench.tick())
    assert [each.trigger for each in first] == [D("90.03"), D("110.01")]
    for intent in first:
        if rests:
            bench.ack(intent)
        else:
            bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
    rules = an_instrument(tick=D("0.02"))
    again = bench.restart(some_settings(instruments=[rules])).ready()
    if rests:
        ended(again, *again.ticks(1, quoted=True))
        again.ticks(1, quoted=True)
    placed = [order.intent for order in again.state.guarding(OWNER)]
    assert [each.trigger for each in placed] == [D("90.02"), D("110.02")]
    for intent in placed:
        again.ack(intent)
    assert not [d for d in again.ticks(20, quoted=True) if cancels(d) or sent(d)]
    (kept,) = again.state.protections.values()
    assert kept.side is Side.BUY


def test_a_pair_names_its_other_and_leaves_as_one() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90", take_profit="110")
    first, second = stops(bench, 3)
    assert (first.other, second.other) == (second.client_id, first.client_id)
    assert first.pair == second.pair


def test_more_to_protect_is_a_further_piece_and_nothing_stands_bare() -> None:
    bench = Bench().ready()
    protect(bench, stop="90")
    bench.buy("1")
    assert [stop.qty for stop in stops(bench)] == [D(1)]
    bench.buy("2")
    assert [stop.qty for stop in stops(bench)] == [D(2)]
    assert covered(bench) == D(3)
    assert not [d for d in bench.ticks(5, quoted=True) if cancels(d)]


def test_beyond_two_pieces_the_newest_becomes_one_with_what_is_new() -> None:
    bench = Bench().ready()
    protect(bench, stop="90")
    for _ in range(2):
        bench.buy("1")
        stops(bench)
    bench.buy("1")
    decisions = bench.ticks(1, quoted=True)
    assert [intent.qty for intent in ended(bench, *decisions)] == [D(1)]
    assert [stop.qty for stop in stops(bench)] == [D(2)]
    assert covered(bench) == D(3)


def test_a_target_towards_flat_makes_the_protection_smaller_first() -> None:
    bench = Bench().ready()
    protect(bench, stop="90")
    bench.buy("3")
    (stop,) = stops(bench)
    bench.propose(Target(instrument=BTCUSDT, qty=D(1)))
    decisions = bench.ticks(1, quoted=True)
    assert sent(*decisions) == []
    assert ended(bench, *decisions) == [bench.order(stop).intent]
    made = sent(*bench.ticks(1, quoted=True))
    assert [(m.origin, m.type, m.qty) for m in made] == [
        (Origin.PROTECT, OrderType.STOP, D(1)),
        (Origin.TARGET, OrderType.IOC, D(2)),
    ]


def test_flat_again_the_protection_has_served_and_a_new_position_is_bare_until_declared() -> None:
    bench = Bench().ready()
    protect(bench, stop="90")
    bench.buy("1")
    (stop,) = stops(bench)
    bench.fill(stop)
    assert sent(*bench.ticks(1, quoted=True)) == []
    assert not bench.state.protections
    bench.buy("1")
    assert stops(bench, 2) == []


def test_a_stop_that_traded_suspends_the_target_that_would_buy_it_back() -> None:
    bench = Bench().ready()
    bench.propose(Target(instrument=BTCUSDT, qty=D(1)), Protect(instrument=BTCUSDT, stop=D(90)))
    (entry,) = sent(bench.quote())
    bench.ack(entry)
    bench.fill(entry)
    (stop,) = stops(bench)
    heard = effects(Tell, bench.fill(stop))
    assert [h for h in heard if isinstance(h.message, TargetSuspended)]
    assert sent(*bench.ticks(5, quoted=True)) == []
    assert bench.state.net(BTCUSDT) == 0


def test_declared_again_the_same_changes_nothing() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    stops(bench)
    for _ in range(20):
        assert protect(bench, stop="90.00").records == []
    assert not [d for d in bench.ticks(3, quoted=True) if cancels(d) or sent(d)]


def test_another_price_ends_the_old_order_before_the_new_one_is_placed() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (old,) = stops(bench)
    protect(bench, stop="95")
    decisions = bench.ticks(1, quoted=True)
    assert sent(*decisions) == []
    assert ended(bench, *decisions) == [bench.order(old).intent]
    (new,) = stops(bench)
    assert new.trigger == D(95)
    bench.tick()
    longest = bench.desk.views.bare_worst_ns
    assert SETTLE_NS < longest < SETTLE_NS + READ_LAG_NS + BARE_SLACK_NS


def test_taken_back_nothing_is_left_at_the_venue() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90", take_profit="110")
    first, second = stops(bench, 3)
    protect(bench)
    assert set(cancels(*bench.ticks(0.2))) == {first.client_id, second.client_id}
    assert not bench.state.protections


@pytest.mark.parametrize("status", [VenueStatus.CANCELLED, VenueStatus.EXPIRED])
def test_an_order_that_the_venue_drops_is_placed_anew(status) -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = stops(bench)
    bench.told(bench.report(stop, status))
    if status is VenueStatus.CANCELLED:
        bench.confirm(stop)
    (again,) = stops(bench)
    assert again.client_id != stop.client_id
    assert covered(bench) == D(1)


def test_an_order_that_vanished_everywhere_is_placed_anew_and_a_person_hears_of_it() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = stops(bench)
    bench.wait(10 * SECOND_NS)
    for _ in range(4):
        bench.not_found(stop)
        bench.wait(SECOND_NS)
        bench.quote()
    (again,) = stops(bench)
    assert again.client_id != stop.client_id
    assert causes(bench.state)["surprise"] == "REDUCE_ONLY"


def test_one_order_of_a_pair_dropped_ends_the_other_and_both_are_placed_anew() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90", take_profit="110")
    first, second = stops(bench, 3)
    bench.told(bench.report(first, VenueStatus.EXPIRED))
    decisions = bench.ticks(0.2, quoted=True)
    assert ended(bench, *decisions) == [bench.order(second).intent]
    assert [intent.type for intent in stops(bench, 3)] == [OrderType.STOP, OrderType.TAKE_PROFIT]


def test_where_the_price_is_reached_and_nothing_waits_there_the_desk_leaves_itself() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = sent(*bench.ticks(0.1))
    bench.answer(stop, Verdict.REJECTED, Reason.BY_STATE)  # it would trigger at once
    bench.wait(RETRY_NS)
    bench.quote(bid="89.5", ask="89.6")
    (exit,) = sent(bench.tick())
    assert (exit.origin, exit.type, exit.side, exit.qty) == (
        Origin.PROTECT,
        OrderType.IOC,
        Side.SELL,
        D(1),
    )
    assert exit.price < D("89.5")
    bench.ack(exit)
    bench.fill(exit)
    assert bench.state.net(BTCUSDT) == 0
    bench.tick()
    assert not bench.state.protections


def test_an_unknown_stop_covers_and_is_never_doubled() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = sent(*bench.ticks(0.1))
    bench.lose(stop)
    assert sent(*bench.ticks(3, quoted=True)) == []


def test_cancel_all_a_pause_and_a_stop_keep_what_protects() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = stops(bench)
    for event in (CancelAll(by="me"), Pause(by="me", reason="look"), CancelAll(by="stop")):
        assert stop.client_id not in cancels(bench.decide(event), *bench.ticks(4, quoted=True))


def test_cancel_all_takes_them_when_told_and_they_do_not_come_back() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = stops(bench)
    decision = bench.decide(CancelAll(by="me", protective=True))
    assert ended(bench, decision) == [bench.order(stop).intent]
    assert stops(bench, 3) == []


def test_under_pause_an_open_position_still_gets_its_stop() -> None:
    bench = Bench().ready()
    bench.buy("1")
    bench.decide(Pause(by="me", reason="look"))
    protect(bench, stop="90")
    assert [stop.qty for stop in stops(bench)] == [D(1)]


def test_a_flatten_takes_the_stops_first_and_sells_what_they_held() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = stops(bench)
    decision = bench.decide(Flatten(by="me"))
    assert ended(bench, decision) == [bench.order(stop).intent]
    made = sent(*bench.ticks(1, quoted=True))
    assert {(m.origin, m.side) for m in made} == {(Origin.FLATTEN, Side.SELL)}


def test_a_restart_keeps_declaration_and_order() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = stops(bench)
    later = bench.restart().ready()
    assert later.state.protections[OWNER].stop == D(90)
    assert [o.intent.client_id for o in later.state.guarding(OWNER)] == [stop.client_id]
    assert sent(*later.ticks(3, quoted=True)) == []
    again = decode_state(encode_state(later.state), later.wall)
    assert again.protections == later.state.protections
    assert again.exposure(BTCUSDT).selling == D(1)


def test_standing_bare_for_too_long_stops_new_risk_until_it_is_covered() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    for _ in range(40):
        for intent in sent(*bench.ticks(0.5, quoted=True)):
            bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
    assert causes(bench.state)["unprotected"] == "REDUCE_ONLY"
    stops(bench, REFUSED_MAX_NS / SECOND_NS)
    bench.ticks(2, quoted=True)
    assert "unprotected" not in causes(bench.state)


def test_what_another_strategy_holds_on_the_other_side_does_not_keep_a_stop_away() -> None:
    other = StrategyId("other")
    bench = Bench(some_settings(strategies=(STRATEGY, other))).ready()
    bench.buy("2")
    bench.fill(bench.open_order(Side.SELL, "1", "100.01", strategy=other))
    protect(bench, stop="90")
    assert [stop.qty for stop in stops(bench)] == [D(2)]


def test_crumbs_below_the_venues_minimum_wait() -> None:
    pair = an_instrument(notional_min=D(50))
    bench = Bench(some_settings(instruments=[pair])).ready()
    protect(bench, stop="90")
    bench.fill(bench.open_order(Side.BUY, "1"), "0.1")
    assert stops(bench) == []
    assert not bench.desk.views.bare_since


@pytest.mark.parametrize(
    "wish",
    [
        Protect(instrument=BTCUSDT, stop=D(-1)),
        Protect(instrument=BTCUSDT, stop=D("0.001")),  # less than a tick
        Protect(instrument=BTCUSDT, stop=D("NaN")),
        Protect(instrument=BTCUSDT, trail_bps=5),
        Protect(instrument=BTCUSDT, stop=D(90), trail_bps=50),
        Protect(instrument="binance:ETHUSDT", stop=D(90)),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_a_protection_is_refused_and_said(wish) -> None:
    bench = Bench().ready()
    decision = bench.propose(wish)
    assert not any(isinstance(r, ProtectionSet) for r in decision.records)
    assert [n.event for n in decision.at_once] == ["protection.refused"]  # type: ignore[union-attr]


MOVES = st.lists(
    st.sampled_from(
        ["buy", "sell", "protect", "reprotect", "bracket", "drop", "cancelled", "part", "lose"]
    ),
    max_size=14,
)


@settings(max_examples=60)
@given(MOVES)
def test_no_history_sells_more_than_is_held_and_in_the_end_all_is_covered(moves) -> None:
    bench = Bench(some_settings(limits=some_limits(position_max=D(100)))).ready()
    protect(bench, stop="90")
    for move in moves:
        _do(bench, move)
        _settle(bench)
        held = bench.state.position(*OWNER).qty
        assert bench.state.exposure(BTCUSDT).selling <= max(held, D(0)) or move == "sell"
    protect(bench, stop="91")
    for _ in range(6):
        _settle(bench)
    held = bench.state.position(*OWNER).qty
    assert covered(bench) == abs(held)


def _do(bench: Bench, move: str) -> None:
    declared = {"protect": {"stop": "90"}, "reprotect": {"stop": "89"}}
    if move in declared:
        protect(bench, **declared[move])
    elif move == "bracket":
        protect(bench, stop="90", take_profit="110")
    elif move == "sell":
        bench.propose(Target(instrument=BTCUSDT, qty=D(0)))
    elif move == "buy" and bench.state.position(*OWNER).qty < 4:
        bench.buy("1")
    elif move == "lose":
        for intent in sent(bench.tick()):
            bench.lose(intent)
            bench.found(intent, VenueStatus.WORKING)
    else:
        _at_the_venue(bench, move)


def _at_the_venue(bench: Bench, move: str) -> None:
    guarding = bench.state.guarding(OWNER)
    if not guarding:
        return
    order = guarding[0]
    if move == "part" and order.remaining >= 1:
        bench.fill(order.intent, "0.5")
    elif move in ("drop", "cancelled"):
        status = VenueStatus.EXPIRED if move == "drop" else VenueStatus.CANCELLED
        bench.told(bench.report(order.intent, status, order.filled))


def _settle(bench: Bench) -> None:
    """Time passes; what leaves arrives, what is cancelled ends, exits fill."""
    for _ in range(8):
        decisions = [*bench.ticks(0.6, quoted=True)]
        for intent in sent(*decisions):
            bench.ack(intent)
            if intent.type is OrderType.IOC:
                bench.fill(intent)
        for client_id in dict.fromkeys(cancels(*decisions)):
            order = bench.state.orders.live.get(client_id)
            if order is not None:
                bench.told(bench.report(order.intent, VenueStatus.CANCELLED, order.filled))
        for client_id in list(bench.state.settling):
            order = bench.state.orders.get(client_id)
            assert order is not None
            bench.confirm(order.intent)


def test_resuming_is_no_business_of_a_protection() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = stops(bench)
    bench.decide(Resume(by="me", reason="go on"))
    assert [o.intent.client_id for o in bench.state.guarding(OWNER)] == [stop.client_id]


def test_under_pause_a_stop_never_opens_what_the_desk_as_a_whole_holds() -> None:
    other = StrategyId("other")
    bench = Bench(some_settings(strategies=(STRATEGY, other))).ready()
    bench.buy("3")
    bench.fill(bench.open_order(Side.SELL, "2", "100.01", strategy=other))
    bench.decide(Pause(by="me", reason="look"))
    protect(bench, stop="90")
    assert [stop.qty for stop in stops(bench)] == [D(1)]
    bench.decide(Resume(by="me", reason="go on"))
    assert [stop.qty for stop in stops(bench)] == [D(2)]


def test_a_flatten_that_found_the_whole_flat_leaves_no_stop_behind() -> None:
    other = StrategyId("other")
    bench = Bench(some_settings(strategies=(STRATEGY, other))).ready()
    bench.buy("1")
    bench.fill(bench.open_order(Side.SELL, "1", "100.01", strategy=other))
    protect(bench, stop="90")
    (stop,) = stops(bench)
    decision = bench.decide(Flatten(by="me"))
    assert ended(bench, decision) == [bench.order(stop).intent]
    bench.ticks(1, quoted=True)
    bench.account()
    assert causes(bench.state)["flatten"] == "REDUCE_ONLY"
    assert stops(bench, 3) == []


def test_a_sliced_exit_keeps_what_is_not_sold_yet_covered() -> None:
    bench = Bench().ready()
    bench.buy("4")
    protect(bench, stop="90")
    stops(bench)
    hourly = Slices(every_ns=3600 * SECOND_NS, count=4)
    bench.propose(Target(instrument=BTCUSDT, qty=D(0), slices=hourly))
    decisions = bench.ticks(1, quoted=True)
    ended(bench, *decisions)
    made = sent(*bench.ticks(1, quoted=True))
    assert [m.qty for m in made if m.origin is Origin.PROTECT] == [D(3)]


def test_an_entry_that_settles_does_not_keep_a_stop_away() -> None:
    bench = Bench().ready()
    bench.buy("1")
    bid = bench.open_order(Side.BUY, "1", "99")
    bench.told(bench.report(bid, VenueStatus.CANCELLED))
    assert bench.state.settling
    protect(bench, stop="90")
    assert [stop.qty for stop in stops(bench, 0.2)] == [D(1)]


def test_what_an_order_on_its_way_may_be_closing_is_not_closed_a_second_time() -> None:
    bench = Bench().ready()
    bench.buy("2")
    exit_ = bench.place(Side.SELL, "1", "99", type=OrderType.IOC)
    protect(bench, stop="90")
    (stop,) = stops(bench, 5)
    assert stop.qty == 1, "nobody knows yet what became of the other one"
    bench.answer(exit_, Verdict.REJECTED, Reason.PERMANENT)
    stops(bench, 5)
    assert covered(bench) == 2


@pytest.mark.parametrize("first", [OrderType.STOP, OrderType.TAKE_PROFIT])
def test_a_pair_of_which_one_trades_in_parts_stays_as_it_is(first) -> None:
    bench = long_and_covered(stop="90", take_profit="110")
    trades, other = sorted(
        (order.intent for order in bench.state.guarding(OWNER)), key=lambda i: i.type is not first
    )
    bench.fill(trades, "0.4")  # before the other's end is told
    assert bench.state.funds.held["BTC"] == D("0.6")
    assert bench.state.exposure(BTCUSDT).selling == D("0.6")
    decisions = bench.ticks(1, quoted=True)
    bench.told(bench.report(other, VenueStatus.EXPIRED))
    decisions += bench.ticks(5, quoted=True)
    assert (cancels(*decisions), sent(*decisions)) == ([], [])
    assert bench.desk.views.bare_worst_ns <= SECOND_NS
    bench.fill(trades)
    assert bench.state.position(*OWNER).qty == 0
