"""Targets are level-triggered: a repeated signal, a lost answer or a restart cannot double anything."""

from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches import Bench, cancels, causes, effects, sent, some_limits, some_settings
from builders import BTCUSDT, STRATEGY, D
from nightdesk.desk.events import AskOrder, Decision, Resume, Tell
from nightdesk.desk.targets import FOLLOW_NS
from nightdesk.model.order import Intent, OrderType, Origin, Side, Urgency, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import SECOND_NS
from nightdesk.strategy.messages import Slices, Target, TargetSuspended


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


def unfilled(bench: Bench, seconds: float, *, quoted: bool) -> list[float]:
    """When orders leave, in seconds from the first; each finds nobody."""
    times = []
    for _ in range(int(seconds / 0.05)):
        for decision in (bench.tick(), *([bench.quote()] if quoted else [])):
            for intent in sent(decision):
                times.append(bench.wall)
                bench.ack(intent)
                bench.told(bench.report(intent, VenueStatus.EXPIRED))
    return [(at - times[0]) / SECOND_NS for at in times]


@pytest.mark.parametrize("quoted", [True, False])  # told again that it stands, or not at all
def test_what_found_nobody_waits_for_another_quote_or_five_seconds(quoted: bool) -> None:
    settings = some_settings(limits=some_limits(stale_after_ns=60 * SECOND_NS))
    bench = Bench(settings).ready()
    want(bench, "1")
    assert unfilled(bench, 16, quoted=quoted) == [0, 5, 10, 15]
    bench.tick()
    assert len(sent(bench.quote(bid="99.99"))) == 1


def test_a_quote_that_moves_at_once_is_answered_half_a_second_after_the_order() -> None:
    bench = Bench().ready()
    want(bench, "1")
    (intent,) = sent(bench.quote())
    bench.ack(intent)
    bench.told(bench.report(intent, VenueStatus.EXPIRED))
    bench.tick()
    bench.quote(bid="99.99")
    sooner = [sent(bench.tick()) for _ in range(8)]
    assert sooner == [[]] * 8
    assert len(sent(*bench.ticks(0.2))) == 1


def test_what_found_a_part_goes_on_at_once() -> None:
    bench = Bench().ready()
    want(bench, "2")
    (intent,) = sent(bench.quote())
    bench.ack(intent)
    bench.fill(intent, "1")
    bench.told(bench.report(intent, VenueStatus.EXPIRED, "1"))
    (rest,) = sent(*bench.ticks(0.6))
    assert rest.qty == 1


def test_what_the_venue_refuses_is_tried_ever_more_slowly_until_something_changes() -> None:
    bench = Bench().ready()
    want(bench, "1")
    times = []
    for n in range(40 * 20):
        for decision in (bench.tick(), bench.quote(bid=f"99.{90 + n % 9}")):
            for intent in sent(decision):
                times.append(bench.wall)
                bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
    assert [(b - a) // SECOND_NS for a, b in pairwise(times)] == [0, 1, 2, 4, 8, 16]
    want(bench, "0.9")
    assert len(sent(bench.quote())) == 1


def test_the_same_target_declared_again_does_not_hurry_what_the_venue_refuses() -> None:
    bench = Bench().ready()
    times = []
    for n in range(20 * 20):
        decisions = [bench.tick()]
        if n % 4 == 0:
            decisions.append(bench.propose(Target(instrument=BTCUSDT, qty=D(1))))
        decisions.append(bench.quote(bid=f"99.{90 + n % 9}"))
        for intent in sent(*decisions):
            times.append(bench.wall)
            bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
    assert 5 <= len(times) <= 7
    want(bench, "2")
    assert len(sent(bench.quote())) == 1, "another target is tried at once"


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


# --- urgency and slices -----------------------------------------------------------------------


def toward(bench: Bench, qty: str, urgency: Urgency, slices: Slices | None = None) -> None:
    bench.propose(Target(instrument=BTCUSDT, qty=D(qty), urgency=urgency, slices=slices))


def one_order(bench: Bench, bid: str = "100", ask: str = "100.10") -> Intent:
    (intent,) = sent(bench.quote(bid, ask))
    bench.ack(intent)
    return intent


@pytest.mark.parametrize(
    ("urgency", "qty", "price"),
    [
        (Urgency.PASSIVE, "1", "100"),
        (Urgency.PASSIVE, "-1", "100.10"),
        (Urgency.MID, "1", "100.05"),
        (Urgency.MID, "-1", "100.06"),
    ],
)
def test_who_is_not_in_a_hurry_rests(urgency: Urgency, qty: str, price: str) -> None:
    bench = Bench().ready()
    toward(bench, qty, urgency)
    intent = one_order(bench, "100", "100.10" if price != "100.06" else "100.11")
    assert (intent.type, intent.origin) == (OrderType.POST_ONLY, Origin.TARGET)
    assert intent.price == D(price)
    assert sent(*bench.ticks(5, quoted=True)) == [], "one order at a time"


def test_a_resting_order_follows_a_touch_that_runs_away_once_its_cancel_is_final() -> None:
    bench = Bench().ready()
    toward(bench, "1", Urgency.PASSIVE)
    first = one_order(bench)
    assert cancels(bench.quote("100.20", "100.30")) == [], "not at once"
    bench.wait(FOLLOW_NS)
    assert cancels(bench.quote("100.20", "100.30")) == [first.client_id]
    bench.told(bench.report(first, VenueStatus.CANCELLED))
    assert sent(*bench.ticks(1), bench.quote("100.20", "100.30")) == []
    bench.confirm(first)
    (second,) = sent(bench.quote("100.20", "100.30"))
    assert second.price == D("100.20")


def test_a_touch_that_comes_nearer_is_let_come() -> None:
    bench = Bench().ready()
    toward(bench, "1", Urgency.PASSIVE)
    one_order(bench)
    bench.wait(5 * FOLLOW_NS)
    assert cancels(bench.quote("99.90", "100.10")) == []


@pytest.mark.parametrize("newer", ["0.5", "0", "-1"])
def test_an_order_that_is_too_much_for_a_newer_target_is_cancelled(newer: str) -> None:
    bench = Bench().ready()
    toward(bench, "1", Urgency.PASSIVE)
    resting = one_order(bench)
    toward(bench, newer, Urgency.PASSIVE)
    decision = bench.quote("100", "100.10")
    assert cancels(decision) == [resting.client_id]
    assert sent(decision) == []


def test_a_target_taken_back_or_in_a_hurry_now_cancels_what_rests() -> None:
    bench = Bench().ready()
    toward(bench, "1", Urgency.PASSIVE)
    resting = one_order(bench)
    decision = bench.propose(Target(instrument=BTCUSDT, qty=None))
    assert cancels(decision) == [resting.client_id]
    again = Bench().ready()
    toward(again, "1", Urgency.MID)
    resting = one_order(again)
    toward(again, "1", Urgency.TAKE)
    assert cancels(again.quote("100", "100.10")) == [resting.client_id]


def test_what_rests_for_a_suspended_target_is_cancelled() -> None:
    bench = Bench().ready()
    toward(bench, "1", Urgency.PASSIVE)
    resting = one_order(bench)
    bench.differ({**bench.state.funds.balances, "BTC": D("12")})
    bench.decide(Resume(reason="I bought two", by="me"))
    assert resting.client_id in cancels(bench.quote("100", "100.10")) or (
        bench.order(resting).cancel_asked
    )


def held_after(bench: Bench, seconds: int) -> list[Decimal]:
    """The position at the end of each second, while every order fills."""
    held = []
    for _ in range(seconds):
        step(bench, 1)
        held.append(bench.state.net(BTCUSDT))
    return held


def test_slices_are_taken_one_for_each_time_that_began() -> None:
    bench = Bench().ready()
    toward(bench, "1", Urgency.TAKE, Slices(every_ns=3_500_000_000, qty=D("0.4")))
    held = held_after(bench, 9)
    assert held == [D("0.4")] * 3 + [D("0.8")] * 3 + [D(1)] * 3


def test_a_count_of_slices_shares_what_is_missing() -> None:
    bench = Bench().ready()
    bench.buy("1")
    toward(bench, "-2", Urgency.TAKE, Slices(every_ns=2_500_000_000, count=3))
    assert held_after(bench, 6) == [0, 0, -1, -1, -2, -2]


def test_slices_that_are_declared_again_go_on_and_do_not_begin_anew() -> None:
    bench = Bench().ready()
    slices = Slices(every_ns=10 * SECOND_NS, count=4)
    for _ in range(15):
        toward(bench, "1", Urgency.TAKE, slices)
        step(bench, 1)
    assert bench.state.net(BTCUSDT) == D("0.5")


def test_slices_go_on_where_they_were_after_a_restart() -> None:
    bench = Bench().ready()
    toward(bench, "1", Urgency.TAKE, Slices(every_ns=60 * SECOND_NS, count=4))
    step(bench, 2)
    again = bench.restart().ready()
    assert set(held_after(again, 2)) == {D("0.25")}
    again.ticks(60, quoted=False)
    again.ready()
    assert len(again.state.orders.live) == 1, "the second slice, and no third"


@given(
    st.randoms(use_true_random=False),
    st.sampled_from(Urgency),
    st.sampled_from([None, Slices(SECOND_NS, D("0.3")), Slices(SECOND_NS, count=5)]),
    st.lists(st.integers(-20, 20), min_size=1, max_size=3),
)
@settings(max_examples=40)
def test_a_target_is_reached_in_a_fair_market_and_never_overshot(
    draw: Random, urgency: Urgency, slices: Slices | None, tenths: list[int]
) -> None:
    """Orders fill by and by, cancels lose races, the touch wanders; the position stays between where it was and
    where it is to be."""
    bench, market = Bench().ready(), Fair(draw)
    for tenth in tenths:
        wanted, began = D(tenth) / 10, bench.state.net(BTCUSDT)
        bench.propose(Target(instrument=BTCUSDT, qty=wanted, urgency=urgency, slices=slices))
        low, high = sorted((began, wanted))
        for _ in range(3_000):
            market.move(bench)
            held = bench.state.net(BTCUSDT)
            assert low <= held <= high
            if held == wanted and not bench.state.orders.live and not bench.state.settling:
                break
        assert bench.state.net(BTCUSDT) == wanted


class Fair:
    """A market that wanders a little and fills what rests, by and by."""

    def __init__(self, draw: Random) -> None:
        self.draw, self.mid = draw, 10_000
        self.resting: list[Intent] = []

    def move(self, bench: Bench) -> None:
        self.mid += self.draw.choice((-1, 0, 0, 1))
        bid, ask = D(self.mid) / 100, D(self.mid + self.draw.randint(1, 3)) / 100
        for decision in (bench.tick(), bench.quote(str(bid), str(ask))):
            self._hear(bench, decision)
        for intent in list(self.resting):
            if self.draw.random() < 0.1:
                part = bench.order(intent).remaining
                if part > D("0.01") and self.draw.random() < 0.5:
                    part = (part / 2).quantize(D("0.01"))
                bench.fill(intent, str(part))
                if not bench.order(intent).live:
                    self.resting.remove(intent)

    def _hear(self, bench: Bench, decision: Decision) -> None:
        for intent in sent(decision):
            bench.ack(intent)
            if intent.type is OrderType.POST_ONLY:
                self.resting.append(intent)
                continue
            part = intent.qty if self.draw.random() < 0.5 else D("0.01")
            bench.fill(intent, str(min(part, intent.qty)))
            order = bench.order(intent)
            if order.live:
                bench.told(bench.report(intent, VenueStatus.EXPIRED, order.filled))
        for client_id in cancels(decision):
            for intent in [i for i in self.resting if i.client_id == client_id]:
                self.resting.remove(intent)
                bench.told(bench.report(intent, VenueStatus.CANCELLED, bench.order(intent).filled))
        for ask in effects(AskOrder, decision):
            order = bench.order(ask.intent)
            status = VenueStatus.WORKING if order.live else VenueStatus.CANCELLED
            bench.found(ask.intent, status, order.filled)
