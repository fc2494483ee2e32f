"""Targets are level-triggered: a repeated signal, a lost answer or a restart cannot double anything."""

import pytest

from benches import Bench, causes, effects, sent, some_limits, some_settings
from builders import BTCUSDT, STRATEGY, D
from nightdesk.desk.events import Resume, Tell
from nightdesk.model.order import OrderType, Origin, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.strategy.messages import Target, TargetSuspended


def want(bench: Bench, qty: str | None) -> None:
    bench.propose(Target(instrument=BTCUSDT, qty=None if qty is None else D(qty)))


def step(bench: Bench, seconds: float = 1.0) -> list[Side]:
    """What leaves while the market moves on; every order fills."""
    made = []
    for _ in range(int(seconds / 0.05)):
        for decision in (bench.tick(), bench.quote()):
            for intent in sent(decision):
                made.append(intent.side)
                bench.ack(intent)
                bench.fill(intent)
    return made


def test_the_desk_goes_to_the_target_and_stays_there() -> None:
    bench = Bench().ready()
    want(bench, "2")
    assert step(bench, 5) == [Side.BUY]
    assert bench.state.net(BTCUSDT) == D(2)
    want(bench, "-1")
    assert step(bench, 5) == [Side.SELL]
    assert bench.state.net(BTCUSDT) == D(-1)


def test_the_same_signal_a_hundred_times_buys_once() -> None:
    bench = Bench().ready()
    made = []
    for _ in range(100):
        want(bench, "1")
        made += step(bench, 0.05)
    assert made == [Side.BUY]
    assert bench.state.net(BTCUSDT) == D(1)


def test_the_same_signal_while_an_order_is_under_way_sends_nothing_more() -> None:
    bench = Bench().ready()
    want(bench, "1")
    (intent,) = sent(bench.quote())
    for _ in range(20):
        want(bench, "1")
        assert sent(bench.quote(), bench.tick()) == []
    bench.ack(intent)
    assert sent(*bench.ticks(5, quoted=True)) == []


@pytest.mark.parametrize("lost", ["before_send", "after_send", "after_fill"])
def test_a_restart_cannot_double_a_target(lost: str) -> None:
    bench = Bench().ready()
    want(bench, "1")
    (intent,) = sent(bench.quote())
    if lost == "after_fill":
        bench.ack(intent)
        bench.fill(intent)
    elif lost == "after_send":
        bench.lose(intent)
    again = bench.restart()
    decisions = again.ticks(20, quoted=True)
    want(again, "1")  # the strategy says it again
    decisions += again.ticks(20, quoted=True)
    assert sent(*decisions) == []
    if lost != "after_fill":  # it did arrive, and it did fill
        again.told(again.report(intent, VenueStatus.FILLED, "1"))
    assert sent(*again.ticks(20, quoted=True)) == []
    assert again.state.net(BTCUSDT) == D(1)


def test_nothing_converges_while_an_order_of_the_instrument_is_unknown() -> None:
    bench = Bench(some_settings(strategies=(STRATEGY, "other"))).ready()
    lost = bench.place(Side.BUY, "1", "99", strategy="other")
    bench.lose(lost)
    want(bench, "1")
    assert sent(*bench.ticks(60, quoted=True)) == []
    bench.told(bench.report(lost, VenueStatus.EXPIRED))
    assert len(sent(*bench.ticks(1, quoted=True))) == 1


def test_nothing_converges_while_a_cancel_may_still_fill() -> None:
    bench = Bench().ready()
    resting = bench.open_order(Side.BUY, "1", "99")
    bench.told(bench.report(resting, VenueStatus.CANCELLED))
    want(bench, "1")
    assert sent(*bench.ticks(10, quoted=True)) == []
    bench.found(resting, VenueStatus.CANCELLED)
    assert len(sent(*bench.ticks(1, quoted=True))) == 1


def test_nothing_converges_while_a_fill_has_no_known_trade() -> None:
    bench = Bench().ready()
    want(bench, "1")
    (intent,) = sent(bench.quote())
    bench.told(bench.report(intent, VenueStatus.FILLED, "1"))
    assert bench.state.untraded
    want(bench, "2")
    assert sent(*bench.ticks(2, quoted=True)) == []


def test_a_refused_order_is_tried_again_slowly_not_at_every_tick() -> None:
    bench = Bench().ready()
    want(bench, "1")
    made = 0
    for _ in range(100):
        for intent in [*sent(bench.tick()), *sent(bench.quote())]:
            made += 1
            bench.answer(intent, Verdict.REJECTED, Reason.BY_STATE)
    assert 8 <= made <= 11, "twice a second for five seconds"


def test_a_large_target_is_reached_in_orders_within_the_limit() -> None:
    bench = Bench(some_settings(limits=some_limits(order_qty_max=D("0.4")))).ready()
    want(bench, "1")
    assert step(bench, 5) == [Side.BUY] * 3
    assert bench.state.net(BTCUSDT) == D(1)


def test_its_orders_trade_now_or_not_at_all_and_carry_what_they_were_decided_on() -> None:
    bench = Bench().ready()
    want(bench, "1")
    (intent,) = sent(bench.quote("100", "100.01"))
    assert (intent.type, intent.origin) == (OrderType.IOC, Origin.TARGET)
    assert intent.inputs is not None
    assert (intent.inputs.bid, intent.inputs.ask) == (D(100), D("100.01"))
    assert D("100.01") <= intent.price <= D("100.07")


def test_a_target_governs_the_strategys_own_position_not_the_accounts() -> None:
    bench = Bench(some_settings(strategies=(STRATEGY, "other"))).ready()
    bench.buy("1", strategy="other")
    want(bench, "1")
    assert step(bench, 3) == [Side.BUY]
    assert bench.state.net(BTCUSDT) == D(2)


def test_a_change_from_outside_that_an_operator_adopts_suspends_the_target_until_a_newer_one() -> (
    None
):
    bench = Bench().ready()
    want(bench, "1")
    step(bench, 2)
    bench.differ({**bench.state.funds.balances, "BTC": D("8")})
    assert causes(bench.state)["reconcile"] == "REDUCE_ONLY"
    decision = bench.decide(Resume(reason="I sold three", by="me"))
    told = [e.message for e in effects(Tell, decision)]
    assert any(isinstance(message, TargetSuspended) for message in told)
    assert step(bench, 10) == [], "the desk does not trade the difference away"
    again = bench.restart().ready()
    assert step(again, 10) == []
    want(again, "0")
    assert step(again, 5) == [Side.SELL]


def test_a_target_taken_back_is_not_pursued() -> None:
    bench = Bench().ready()
    want(bench, "1")
    want(bench, None)
    assert step(bench, 3) == []


def test_a_partial_fill_is_completed_and_no_more() -> None:
    bench = Bench().ready()
    want(bench, "1")
    (intent,) = sent(bench.quote())
    bench.ack(intent)
    bench.fill(intent, "0.3")
    bench.told(bench.report(intent, VenueStatus.EXPIRED, "0.3"))
    assert step(bench, 3) == [Side.BUY]
    assert bench.state.net(BTCUSDT) == D(1)
