"""Where a venue gives an order that rests other terms, it follows the market in its place; both terms count
until the venue has told which are in force."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches import READ_LAG_NS, TTL_NS, Bench, cancels, causes, effects, fold, sent, some_limits
from builders import STRATEGY, D
from desk.perpetuals import PERP, VENUE, PerpBench, perp_settings
from nightdesk.desk.events import AmendEnded, AskOrder, Decision, OrderFound, Pause, SendOrder
from nightdesk.desk.image import decode_state, encode_state, state_hash
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.targets import FOLLOW_NS
from nightdesk.model.ids import StrategyId
from nightdesk.model.money import ZERO
from nightdesk.model.order import Amendment, Intent, OrderReport, Side, Urgency, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.records import AmendAsked, Reported
from nightdesk.model.time import SECOND_NS
from nightdesk.orders.lifecycle import State
from nightdesk.risk.limits import Limits
from nightdesk.strategy.messages import Slices, Target

OTHER = StrategyId("other")
SEEN = ("100", "100.10")
RUN = ("100.20", "100.30")  # the touch has run away from a resting buyer


def amending(limits: Limits | None = None) -> DeskSettings:
    made = perp_settings(strategies=(STRATEGY, OTHER))
    made = msgspec.structs.replace(made, amending=frozenset({VENUE}))
    return msgspec.structs.replace(made, limits={PERP: limits or some_limits()})


def quote(bench: Bench, prices: tuple[str, str]) -> Decision:
    return bench.quote(*prices, instrument=PERP)


def toward(bench: Bench, qty: str, slices: Slices | None = None) -> None:
    bench.propose(
        Target(instrument=PERP, qty=D(qty), urgency=Urgency.PASSIVE, slices=slices),
    )


def resting(
    qty: str = "2", slices: Slices | None = None, limits: Limits | None = None
) -> tuple[PerpBench, Intent]:
    """An order that rests for a target, for longer than it may be moved."""
    bench = PerpBench(amending(limits)).ready_with(wallet="100000")
    toward(bench, qty, slices)
    (intent,) = sent(quote(bench, SEEN))
    bench.ack(intent)
    bench.wait(FOLLOW_NS)
    return bench, intent


def asked(*decisions: Decision) -> list[Amendment]:
    """The terms that are asked for."""
    leaving = effects(SendOrder, *decisions)
    return [each.amendment for each in leaving if each.amendment is not None]


def moved(bench: Bench, prices: tuple[str, str] = RUN) -> Amendment:
    (amendment,) = asked(quote(bench, prices))
    return amendment


def on_terms(
    bench: Bench,
    intent: Intent,
    qty: str | Decimal,
    price: str | Decimal,
    *,
    filled: str | Decimal = "0",
    status: VenueStatus = VenueStatus.WORKING,
) -> OrderReport:
    report = bench.report(intent, status, filled)
    return msgspec.structs.replace(report, qty=D(qty), price=D(price))


def ended(
    bench: Bench,
    amendment: Amendment,
    verdict: Verdict,
    reason: Reason = Reason.NONE,
    report: OrderReport | None = None,
) -> Decision:
    outcome = Outcome(verdict=verdict, reason=reason, text="why", report=report)
    client_id, number = amendment.client_id, amendment.number
    return bench.decide(
        AmendEnded(client_id=client_id, number=number, outcome=outcome, sent_at=bench.wall)
    )


def taken(bench: Bench, intent: Intent, amendment: Amendment) -> Decision:
    report = on_terms(bench, intent, amendment.qty, amendment.price)
    return ended(bench, amendment, Verdict.ACKED, report=report)


def terms(bench: Bench, intent: Intent) -> tuple[Decimal, Decimal]:
    order = bench.order(intent)
    return order.intent.qty, order.intent.price


def asks(*decisions: Decision) -> int:
    return len(effects(AskOrder, *decisions))


def found(bench: Bench, report: OrderReport) -> Decision:
    """A question that left now was answered."""
    return bench.decide(OrderFound(report=report, asked_at=bench.wall))


def test_a_resting_order_follows_the_market_in_its_place() -> None:
    bench, intent = resting()
    decision = quote(bench, RUN)
    (amendment,) = asked(decision)
    assert (amendment.client_id, amendment.number) == (intent.client_id, 1)
    assert (amendment.qty, amendment.price) == (D(2), D("100.20"))
    assert (cancels(decision), sent(decision)) == ([], [])
    assert [type(record) for record in decision.records] == [AmendAsked]  # durable before it leaves
    taken(bench, intent, amendment)
    assert terms(bench, intent) == (D(2), D("100.20"))
    assert bench.order(intent).state is State.OPEN


def test_its_deadline_is_within_the_lease() -> None:
    bench, _ = resting()
    assert moved(bench).deadline == bench.wall + TTL_NS


def test_it_is_asked_for_once_and_the_larger_terms_count_until_the_venue_has_told() -> None:
    bench, intent = resting("1")
    toward(bench, "3")
    amendment = moved(bench)
    assert (amendment.qty, bench.state.exposure(PERP).buying) == (D(3), D(3))
    assert asked(*bench.ticks(0.9)) == []
    taken(bench, intent, amendment)
    assert bench.state.exposure(PERP).buying == D(3)


def test_a_smaller_quantity_frees_nothing_until_the_venue_has_told() -> None:
    bench, intent = resting("3")
    toward(bench, "1")
    amendment = moved(bench, SEEN)  # as much as that is too much, wherever the market is
    assert (amendment.qty, amendment.price) == (D(1), D(100))
    assert bench.state.exposure(PERP).buying == D(3)
    assert cancels(*bench.ticks(0.9)) == []
    taken(bench, intent, amendment)
    assert bench.state.exposure(PERP).buying == D(1)


def test_the_quantity_is_the_whole_orders_with_what_has_filled() -> None:
    bench, intent = resting("3")
    bench.trade(intent, qty="1")
    amendment = moved(bench)
    assert amendment.qty == D(3)
    assert bench.state.exposure(PERP).buying == D(2)
    bench.trade(intent, qty="1", price="100")  # while the request is on its way
    assert bench.state.exposure(PERP).buying == D(1)
    report = on_terms(bench, intent, "3", "100.20", filled="2")
    ended(bench, amendment, Verdict.ACKED, report=report)
    assert bench.order(intent).remaining == D(1)


def test_an_order_grows_with_the_next_slice_where_it_moves() -> None:
    slices = Slices(qty=D(1), every_ns=60 * SECOND_NS)
    bench, intent = resting("3", slices)
    assert intent.qty == D(1)
    bench.trade(intent, qty="0.5")
    for _ in range(1_220):
        bench.tick()
        assert asked(quote(bench, SEEN)) == []  # it keeps its place while it is where it should be
    (amendment,) = [a for d in moving(bench) for a in asked(d)]
    assert amendment.qty == D("1.5")  # what has filled, and one slice


def moving(bench: Bench) -> list[Decision]:
    """The market runs away, and is seen to for a while."""
    return [decision for _ in range(20) for decision in (bench.tick(), quote(bench, RUN))]


def test_a_refusal_leaves_the_old_terms_and_the_old_way() -> None:
    bench, intent = resting()
    amendment = moved(bench)
    decision = ended(bench, amendment, Verdict.REJECTED, Reason.BY_STATE)
    assert terms(bench, intent) == (D(2), D(100))
    assert bench.order(intent).amending is None
    assert asks(decision) == 1  # it may have ended before
    bench.wait(FOLLOW_NS)
    decision = quote(bench, RUN)
    assert (asked(decision), cancels(decision)) == ([], [intent.client_id])


def test_what_did_not_leave_is_asked_for_again() -> None:
    bench, intent = resting()
    amendment = moved(bench)
    ended(bench, amendment, Verdict.NOT_SENT, Reason.LATCHED)
    assert terms(bench, intent) == (D(2), D(100))
    bench.wait(FOLLOW_NS)
    assert moved(bench).number == 2


def test_an_answer_that_was_lost_is_asked_for_and_nothing_is_sent_again() -> None:
    bench, _, _ = doubtful()
    decisions = bench.ticks(1)
    assert (asked(*decisions), sent(*decisions), cancels(*decisions)) == ([], [], [])
    assert asks(*decisions) >= 1
    assert causes(bench.state)["unresolved"] == "CAUTIOUS"
    assert bench.state.exposure(PERP).buying == D(3)


def doubtful() -> tuple[PerpBench, Intent, Amendment]:
    bench, intent = resting("1")
    toward(bench, "3")
    amendment = moved(bench)
    bench.tick()
    ended(bench, amendment, Verdict.UNKNOWN, Reason.TIMEOUT)
    return bench, intent, amendment


def test_a_report_with_the_new_terms_says_that_they_are_in_force() -> None:
    bench, intent, _ = doubtful()
    bench.told(on_terms(bench, intent, "3", "100.20"))
    assert terms(bench, intent) == (D(3), D("100.20"))
    assert not bench.order(intent).in_doubt
    bench.tick()
    assert "unresolved" not in causes(bench.state)


def test_the_old_terms_are_believed_when_the_venue_hides_nothing_any_more() -> None:
    bench, intent, amendment = doubtful()
    for _ in range(5):
        found(bench, on_terms(bench, intent, "1", "100"))
    assert bench.order(intent).in_doubt, "the request may still come"
    bench.wait(amendment.deadline - bench.wall + READ_LAG_NS + 1)
    found(bench, on_terms(bench, intent, "1", "100"))
    assert bench.order(intent).in_doubt, "once may be an answer that lags"
    found(bench, on_terms(bench, intent, "1", "100"))
    assert bench.order(intent).amending is None
    assert terms(bench, intent) == (D(1), D(100))
    assert bench.state.exposure(PERP).buying == D(1)
    assert not bench.order(intent).unamendable


def test_a_market_that_runs_on_meanwhile_is_not_followed_in_doubt() -> None:
    bench, intent, _ = doubtful()
    bench.wait(FOLLOW_NS)
    decision = quote(bench, ("100.40", "100.50"))
    assert (asked(decision), cancels(decision)) == ([], [intent.client_id])


def test_a_start_knows_of_no_answer() -> None:
    bench, intent = resting("1")
    toward(bench, "3")
    moved(bench)
    again = PerpBench(bench.settings, history=bench.records, epoch=2, wall=bench.wall)
    assert again.order(intent).in_doubt
    assert causes(again.state)["unresolved"] == "REDUCE_ONLY"
    assert again.state.exposure(PERP).buying == D(3)
    assert asks(again.tick()) == 1
    again.told(on_terms(again, intent, "3", "100.20"))
    assert terms(again, intent) == (D(3), D("100.20"))


def test_what_is_too_much_ends_where_other_terms_do_not_come_into_force() -> None:
    bench, intent = resting("3")
    toward(bench, "1")
    amendment = moved(bench, SEEN)
    assert cancels(ended(bench, amendment, Verdict.NOT_SENT, Reason.LATCHED)) == []
    bench.wait(FOLLOW_NS)
    decision = quote(bench, SEEN)
    assert (asked(decision), cancels(decision)) == ([], [intent.client_id])


def test_what_is_not_too_much_is_asked_for_again_where_it_did_not_leave() -> None:
    bench, _ = resting("1")
    toward(bench, "3")
    ended(bench, moved(bench), Verdict.NOT_SENT, Reason.LATCHED)
    bench.wait(FOLLOW_NS)
    assert moved(bench).number == 2


def test_an_entry_grows_under_no_mode_that_forbids_new_risk() -> None:
    bench, intent = resting("-1")
    assert not intent.reduce_only
    bought = bench.place(Side.BUY, "4", "100.10", strategy=OTHER, instrument=PERP)
    bench.ack(bought)
    bench.trade(bought, qty="4", price="100.10")
    out = bench.place(Side.SELL, "3", "101", strategy=OTHER, instrument=PERP)
    assert out.reduce_only
    bench.ack(out)
    bench.decide(Pause(reason="r", by="me", keep=True))
    toward(bench, "-4")
    bench.wait(FOLLOW_NS)
    assert asked(quote(bench, ("99.80", "99.90"))) == []
    assert bench.state.exposure(PERP).worst_short(bench.state.net(PERP)) >= 0


def test_what_only_reduces_is_cancelled_and_placed_anew() -> None:
    bench, intent = resting("2")
    bench.trade(intent, qty="2")
    toward(bench, "0")
    (out,) = sent(quote(bench, SEEN))
    assert out.reduce_only
    bench.ack(out)
    bench.wait(FOLLOW_NS)
    decision = quote(bench, ("99.80", "99.90"))
    assert (asked(decision), cancels(decision)) == ([], [out.client_id])


def test_terms_that_the_venue_ended_an_order_for_are_not_taken() -> None:
    bench, intent = resting("3")
    toward(bench, "2")
    moved(bench, SEEN)
    bench.trade(intent, qty="2.5", price="100")
    bench.told(on_terms(bench, intent, "2", "100", filled="2.5", status=VenueStatus.CANCELLED))
    assert bench.order(intent).state is State.CANCELLED
    assert "surprise" not in causes(bench.state)


def test_an_older_report_takes_nothing_back() -> None:
    bench, intent = resting()
    old = on_terms(bench, intent, "2", "100", filled="0.5")
    bench.wait(1)
    amendment = moved(bench)
    taken(bench, intent, amendment)
    bench.told(old)
    assert terms(bench, intent) == (D(2), D("100.20"))
    assert bench.order(intent).filled == D("0.5")
    assert "surprise" not in causes(bench.state)


def test_a_late_report_with_terms_that_were_given_up_is_believed_and_alarms() -> None:
    bench, intent, amendment = doubtful()
    bench.wait(amendment.deadline - bench.wall + READ_LAG_NS + 1)
    for _ in range(2):
        found(bench, on_terms(bench, intent, "1", "100"))
    bench.wait(1)
    bench.told(on_terms(bench, intent, "3", "100.20"))
    assert terms(bench, intent) == (D(3), D("100.20"))
    assert bench.state.exposure(PERP).buying == D(3)
    assert causes(bench.state)["surprise"] == "REDUCE_ONLY"


def test_an_order_that_the_venue_ends_instead_is_placed_anew_once_that_is_final() -> None:
    bench, intent = resting()
    amendment = moved(bench)
    report = on_terms(bench, intent, "2", "100", status=VenueStatus.CANCELLED)
    ended(bench, amendment, Verdict.ACKED, report=report)
    assert bench.order(intent).state is State.CANCELLED
    assert terms(bench, intent) == (D(2), D(100))
    assert sent(*moving(bench)) == []
    bench.confirm(intent)
    (again,) = sent(quote(bench, RUN))
    assert again.price == D("100.20")


def test_fills_beyond_the_old_quantity_are_no_surprise_while_the_new_one_may_be_in_force() -> None:
    bench, intent = resting("1")
    toward(bench, "3")
    amendment = moved(bench)
    grown = msgspec.structs.replace(intent, qty=amendment.qty)
    bench.trade(grown, qty="1", price="100.20")
    assert bench.order(intent).state is State.OPEN
    bench.trade(grown, qty="1", price="100.20")
    assert "surprise" not in causes(bench.state)
    report = on_terms(bench, intent, "3", "100.20", filled="2")
    ended(bench, amendment, Verdict.ACKED, report=report)
    assert bench.order(intent).remaining == D(1)


def test_an_order_filled_at_the_old_quantity_has_ended_once_the_new_one_is_refused() -> None:
    bench, intent = resting("1")
    toward(bench, "3")
    amendment = moved(bench)
    bench.trade(intent, qty="1")
    ended(bench, amendment, Verdict.REJECTED, Reason.BY_STATE)
    assert bench.order(intent).state is State.FILLED


def test_an_answer_to_an_older_request_decides_nothing_about_a_newer_one() -> None:
    bench, intent = resting()
    first = moved(bench)
    bench.wait(1)
    bench.told(on_terms(bench, intent, first.qty, first.price))
    bench.wait(FOLLOW_NS)
    second = moved(bench, ("100.40", "100.50"))
    ended(bench, first, Verdict.UNKNOWN, Reason.TIMEOUT)
    assert bench.order(intent).amending == second
    assert not bench.order(intent).in_doubt


@pytest.mark.parametrize("room", ["3", "2.9"])
def test_it_is_judged_with_all_that_others_may_still_do(room: str) -> None:
    bench, intent = resting("1", limits=some_limits(position_max=D(room)))
    toward(bench, "2")
    bench.place(Side.BUY, "1", "99", strategy=OTHER, instrument=PERP)
    decision = quote(bench, RUN)
    if room == "3":
        assert [each.qty for each in asked(decision)] == [D(2)]
    else:
        assert (asked(decision), cancels(decision)) == ([], [intent.client_id])


def test_the_only_order_that_may_be_open_may_be_moved() -> None:
    bench, _ = resting(limits=some_limits(open_orders_max=1, instrument_open_orders_max=1))
    assert moved(bench)


def test_it_counts_as_an_order_of_its_second() -> None:
    bench, _ = resting()
    moved(bench)
    assert bench.state.orders_last_second(bench.wall) == 1


def test_an_order_whose_end_was_asked_for_is_left_alone() -> None:
    bench, _ = resting()
    bench.propose(Target(instrument=PERP, qty=None))
    bench.wait(FOLLOW_NS)
    assert asked(quote(bench, RUN)) == []


def test_a_snapshot_keeps_what_is_asked_for() -> None:
    bench, intent, _ = doubtful()
    again = decode_state(encode_state(bench.state), bench.wall)
    assert again.orders.live[intent.client_id] == bench.order(intent)
    assert again.exposure(PERP).buying == D(3)
    assert state_hash(fold(bench.records)) == state_hash(bench.state)


def test_a_snapshot_of_before_there_were_amendments_opens() -> None:
    bench, intent = resting()
    body = msgspec.msgpack.decode(encode_state(bench.state))
    for order in body["live"]:
        for name in (
            *("amending", "in_doubt", "amendments", "amended_at", "terms_at", "unamendable"),
        ):
            del order[name]
    again = decode_state(msgspec.msgpack.encode(body), bench.wall)
    assert again.orders.live[intent.client_id] == bench.order(intent)


class Story:
    """One order as it really is at its venue; what that tells may come late, or not at all."""

    def __init__(self) -> None:
        self.bench, self.intent = resting("2")
        self.qty, self.price, self.filled = self.intent.qty, self.intent.price, Decimal(0)
        self.open = True
        self.kept: list[OrderReport] = []
        self.market = D(100)
        self.flying: Amendment | None = None
        self.came = self.refused = False  # of what flies
        self.adrift: Amendment | None = (
            None  # nobody waits for its answer; it may come until its deadline
        )

    def may_trade(self) -> Decimal:
        """The most that it may come to."""
        coming = [] if self.came or self.flying is None else [self.flying.qty]
        if self.adrift is not None and self.bench.wall <= self.adrift.deadline:
            coming.append(self.adrift.qty)
        return max(self.qty, *coming, ZERO) if self.open else self.filled

    def tells(self) -> OrderReport:
        status = VenueStatus.WORKING if self.open else VenueStatus.CANCELLED
        if self.filled == self.qty:
            status = VenueStatus.FILLED
        self.bench.wait(1)
        told = {"filled": self.filled, "status": status}
        return on_terms(self.bench, self.intent, self.qty, self.price, **told)

    def _quoted(self, by: str) -> None:
        self.market += D(by)
        self.bench.wait(FOLLOW_NS)
        self._heed(quote(self.bench, (str(self.market), str(self.market + D("0.1")))))

    def _heed(self, *decisions: Decision) -> None:
        for amendment in asked(*decisions):
            self.flying, self.came, self.refused = amendment, False, False

    def _ended(self, verdict: Verdict, report: OrderReport | None = None) -> None:
        if self.flying is not None:
            ended(self.bench, self.flying, verdict, Reason.BY_STATE, report)
        self.flying = None

    def runs(self) -> None:
        self._quoted("0.2")

    def comes_back(self) -> None:
        self._quoted("-0.1")

    def wants_more(self) -> None:
        toward(self.bench, "4")

    def wants_less(self) -> None:
        toward(self.bench, "1.5")

    def request_comes(self) -> None:
        if self.flying is not None and not self.came:
            self.came, self.refused = True, not self.open
            self._take(self.flying)

    def late_request_comes(self) -> None:
        if self.adrift is not None and self.bench.wall <= self.adrift.deadline:
            self._take(self.adrift)
        self.adrift = None

    def _take(self, asked: Amendment) -> None:
        if self.open and asked.qty <= self.filled:
            self.open = False
        elif self.open:
            self.qty, self.price = asked.qty, asked.price

    def answer_comes(self) -> None:
        if self.came:
            self._ended(
                Verdict.REJECTED if self.refused else Verdict.ACKED,
                None if self.refused else self.tells(),
            )

    def answer_is_lost(self) -> None:
        if self.flying is not None and not self.came:
            self.adrift = self.flying
        self._ended(Verdict.UNKNOWN)

    def request_is_refused(self) -> None:
        if self.flying is not None and not self.came:
            self._ended(Verdict.REJECTED)

    def trades(self) -> None:
        if self.open:
            self.filled += min(D("0.5"), self.qty - self.filled)
            self.open = self.filled < self.qty

    def report_comes(self) -> None:
        self.bench.told(self.tells())

    def report_is_kept(self) -> None:
        self.kept.append(self.tells())

    def kept_report_comes(self) -> None:
        if self.kept:
            self.bench.told(self.kept.pop())

    def question_is_answered(self) -> None:
        self._heed(found(self.bench, self.tells()))

    def time_passes(self) -> None:
        self._heed(*self.bench.ticks(5))


EVENTS = [name for name in vars(Story) if name[0] != "_" and name not in ("may_trade", "tells")]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(EVENTS), min_size=5, max_size=60))
def test_what_the_venue_may_still_trade_is_always_counted(events: list[str]) -> None:
    story = Story()
    for event in events:
        getattr(story, event)()
        order, state, may = story.bench.order(story.intent), story.bench.state, story.may_trade()
        assert order.filled + order.at_stake >= may
        assert state.exposure(PERP).buying >= may - order.filled
        assert may <= D(4)
        assert "surprise" not in causes(state)


def test_what_is_told_anew_of_the_same_terms_is_not_journaled() -> None:
    bench, intent = resting()
    told = on_terms(bench, intent, "2", "100")
    named = bench.order(intent).venue_order_id
    decision = bench.told(msgspec.structs.replace(told, venue_order_id=named))
    assert not [r for r in decision.records if isinstance(r, Reported)]
