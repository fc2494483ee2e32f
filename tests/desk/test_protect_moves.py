"""Where a venue ends one order and places another in one request, what is held is never left bare by a move."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches import READ_LAG_NS, Bench, cancels, causes, effects, sent, some_limits, some_settings
from builders import BTCUSDT, STRATEGY, D, an_instrument
from desk.protections import OWNER, covered, ended, protect, stops
from nightdesk.desk.attempts import RETRY_NS
from nightdesk.desk.events import AskOrder, CancelAll, CancelEnded, Decision, Flatten, Pause
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.verdict import verdict_on
from nightdesk.model.ids import ClientOrderId, Seq, StrategyId, VenueId
from nightdesk.model.order import Intent, OrderType, Origin, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.records import CancelAsked, Intended
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.reconcile.resolve import SETTLE_NS
from nightdesk.strategy.messages import Target

HERE = frozenset({VenueId("binance")})


def replacing(**changed) -> DeskSettings:
    return msgspec.structs.replace(some_settings(**changed), replacing=HERE)


def held(qty: str = "1", **terms) -> tuple[Bench, Intent]:
    """Something is held, and its stop rests at a venue that replaces."""
    bench = Bench(replacing()).ready()
    bench.buy(qty)
    protect(bench, **terms or {"stop": "90"})
    (stop,) = stops(bench)
    bench.tick()
    bench.desk.views.bare_worst_ns = 0
    return bench, stop


def moved(bench: Bench, **terms) -> tuple[Intent, Decision]:
    """Declare another price; what leaves for it."""
    bench.wait(RETRY_NS)
    bench.quote()
    protect(bench, **terms)
    decision = bench.tick()
    (new,) = sent(decision)
    return new, decision


def carried_out(bench: Bench, new: Intent) -> None:
    """The venue did both."""
    assert new.replaces is not None
    old = bench.state.orders.live[new.replaces].intent
    report = bench.report(old, VenueStatus.CANCELLED)
    cancel_ended(bench, old, Verdict.ACKED, report=report)
    bench.ack(new)


def cancel_ended(bench: Bench, old: Intent, verdict: Verdict, **told) -> Decision:
    outcome = Outcome(verdict=verdict, reason=Reason.BY_STATE, text="why", **told)
    return bench.decide(CancelEnded(client_id=old.client_id, outcome=outcome))


def test_another_price_is_one_request_and_both_orders_are_counted() -> None:
    bench, old = held("2")
    new, decision = moved(bench, stop="95")
    assert (new.replaces, new.trigger, new.qty) == (old.client_id, D(95), D(2))
    assert cancels(decision) == []  # nothing but the request itself
    kinds = [type(record) for record in decision.records]
    assert kinds == [Intended, CancelAsked]  # durable before it leaves
    assert bench.state.exposure(BTCUSDT).selling == D(4)
    carried_out(bench, new)
    assert bench.state.exposure(BTCUSDT).selling == D(4)  # until the old one's end is final
    bench.confirm(old)
    assert bench.state.exposure(BTCUSDT).selling == D(2)
    assert covered(bench) == D(2)


def test_nothing_stands_bare_while_the_request_is_on_its_way() -> None:
    bench, _ = held()
    new, _ = moved(bench, stop="95")
    bench.ticks(1, quoted=True)
    carried_out(bench, new)
    bench.tick()
    assert bench.desk.views.bare_worst_ns == 0  # the old one stands until its end is told


def test_it_is_moved_again_once_the_end_of_the_last_one_is_final() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    carried_out(bench, new)
    protect(bench, stop="96")
    assert not [d for d in bench.ticks(5, quoted=True) if sent(d) or cancels(d)]
    assert covered(bench) == D(1)  # where it was
    bench.confirm(old)
    bench.quote()
    (again,) = sent(bench.tick())
    assert (again.replaces, again.trigger) == (new.client_id, D(96))


def test_two_pieces_move_each_by_itself() -> None:
    bench, first = held()
    bench.buy("2")
    (second,) = stops(bench)
    bench.wait(RETRY_NS)
    bench.quote()
    protect(bench, stop="95")
    made = sent(*bench.ticks(1, quoted=True))
    assert [(m.replaces, m.qty) for m in made] == [
        (first.client_id, D(1)),
        (second.client_id, D(2)),
    ]


def test_less_to_protect_makes_it_smaller_in_its_place() -> None:
    bench, stop = held("3")
    bench.wait(RETRY_NS)
    bench.propose(Target(instrument=BTCUSDT, qty=D(1)))
    (new,) = sent(bench.tick())
    assert (new.replaces, new.qty) == (stop.client_id, D(1))
    carried_out(bench, new)
    assert sent(*bench.ticks(2, quoted=True)) == []  # the target waits for the old one's end
    bench.confirm(stop)
    (exit_,) = sent(*bench.ticks(1, quoted=True))
    assert (exit_.origin, exit_.qty) == (Origin.TARGET, D(2))


def test_beyond_two_pieces_the_newest_grows_in_its_place() -> None:
    bench, _ = held()
    bench.buy("1")
    (second,) = stops(bench)
    bench.wait(RETRY_NS)
    bench.buy("1")
    (new,) = sent(*bench.ticks(0.2, quoted=True))
    assert (new.replaces, new.qty) == (second.client_id, D(2))
    carried_out(bench, new)
    assert covered(bench) == D(3)


def test_what_could_not_be_ended_is_asked_for_and_stands_where_it_was() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    asked = effects(AskOrder, cancel_ended(bench, old, Verdict.REJECTED))
    assert [ask.intent for ask in asked] == [old]
    bench.answer(new, Verdict.NOT_SENT, Reason.BY_STATE)
    assert covered(bench) == D(1)
    assert not bench.order(old).cancel_asked
    bench.found(old, VenueStatus.WORKING)
    bench.tick()
    assert bench.desk.views.bare_worst_ns == 0
    (again,) = sent(*bench.ticks(2, quoted=True))
    assert again.replaces == old.client_id
    assert again.client_id != new.client_id


def test_a_cancel_leg_that_nobody_vouches_for_is_asked_about() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    decisions = [cancel_ended(bench, old, Verdict.UNKNOWN)]
    bench.answer(new, Verdict.NOT_SENT, Reason.BY_STATE)
    decisions += bench.ticks(0.4, quoted=True)
    assert old.client_id in {asked.intent.client_id for asked in effects(AskOrder, *decisions)}


def test_without_a_lease_nothing_that_protects_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, _ = held()
    bench.wait(RETRY_NS)
    bench.quote()
    moment = bench.moment()
    lapsed = msgspec.structs.replace(moment, lease_until=Mono(0))
    with monkeypatch.context() as patch:
        patch.setattr(bench, "moment", lambda: lapsed)
        decisions = [protect(bench, stop="95"), bench.tick()]
    assert sent(*decisions) == []
    assert cancels(*decisions) == []
    assert sent(bench.tick()), "as soon as there is one again"


@pytest.mark.parametrize("made", [some_settings, lambda **rest: replacing(**rest)])
def test_more_than_two_orders_at_the_market_are_as_many(made) -> None:
    at_market = an_instrument(market_qty_max=D(1))
    bench = Bench(made(instruments=[at_market])).ready()
    bench.buy("2.5")
    protect(bench, stop="90")
    stops(bench, 3)
    assert covered(bench) == D("2.5")
    gone = [ended(bench, *bench.ticks(0.5, quoted=True)) for _ in range(60)]
    assert not any(gone)


def test_of_pairs_there_are_two_and_what_they_leave_is_bare() -> None:
    bench = Bench(replacing(instruments=[an_instrument(market_qty_max=D(1))])).ready()
    bench.buy("2.5")
    protect(bench, stop="90", take_profit="110")
    stops(bench, 3)
    gone = [ended(bench, *bench.ticks(0.5, quoted=True)) for _ in range(60)]
    assert not any(gone)
    assert causes(bench.state)["unprotected"] == "REDUCE_ONLY"


def test_what_had_traded_is_not_sold_again() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    cancel_ended(bench, old, Verdict.REJECTED)
    bench.answer(new, Verdict.NOT_SENT, Reason.BY_STATE)
    bench.fill(old)
    assert bench.state.net(BTCUSDT) == 0
    assert sent(*bench.ticks(5, quoted=True)) == []
    assert not bench.state.protections


def test_where_only_the_old_one_ended_it_is_placed_anew_once_that_is_final() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    cancel_ended(bench, old, Verdict.ACKED, report=bench.report(old, VenueStatus.CANCELLED))
    bench.answer(new, Verdict.REJECTED, Reason.BY_STATE)
    assert covered(bench) == 0
    assert sent(*bench.ticks(3, quoted=True)) == []
    bench.confirm(old)
    (again,) = stops(bench, 3)
    assert (again.replaces, again.trigger) == (None, D(95))


def test_without_an_answer_both_may_live_and_nothing_is_sent_again() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    cancel_ended(bench, old, Verdict.UNKNOWN)
    bench.lose(new)
    decisions = bench.ticks(4, quoted=True)
    assert sent(*decisions) == []
    asked = {ask.intent.client_id for ask in effects(AskOrder, *decisions)}
    assert asked == {old.client_id, new.client_id}
    assert cancels(*decisions) == []  # it may be all that protects
    assert bench.state.exposure(BTCUSDT).selling == D(2)
    bench.told(bench.report(old, VenueStatus.CANCELLED))
    bench.found(new, VenueStatus.WORKING)
    bench.confirm(old)
    assert sent(*bench.ticks(3, quoted=True)) == []
    assert bench.state.exposure(BTCUSDT).selling == covered(bench) == D(1)


def test_a_request_that_never_came_leaves_the_old_one_where_it_was() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    cancel_ended(bench, old, Verdict.UNKNOWN)
    bench.lose(new)
    bench.wait(10 * SECOND_NS)
    bench.quote()
    for _ in range(2):
        bench.not_found(new)
    assert bench.order(new).state == "never_accepted"
    (again,) = sent(*bench.ticks(2, quoted=True))
    assert again.replaces == old.client_id
    assert bench.desk.views.bare_worst_ns == 0
    assert "unprotected" not in causes(bench.state)


@pytest.mark.parametrize("way_out", [Flatten(by="me"), CancelAll(by="me", protective=True)])
def test_a_way_out_does_not_wait_for_what_is_unknown(way_out) -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    cancel_ended(bench, old, Verdict.UNKNOWN)
    bench.lose(new)
    decisions = [bench.decide(way_out), *bench.ticks(1.5, quoted=True)]
    assert {old.client_id, new.client_id} <= set(cancels(*decisions))


def test_a_life_that_ends_in_between_asks_for_both() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    later = bench.restart().ready()
    assert later.order(new).state == "unknown"
    assert later.order(old).cancel_asked
    decisions = later.ticks(3, quoted=True)
    assert (sent(*decisions), cancels(*decisions)) == ([], [])
    asked = {ask.intent.client_id for ask in effects(AskOrder, *decisions)}
    assert asked == {old.client_id, new.client_id}


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.NOT_SENT])
def test_what_was_refused_as_a_whole_is_tried_ever_more_slowly_and_the_old_one_stays(
    verdict,
) -> None:
    bench, old = held()
    tries = 0
    protect(bench, stop="95")
    for _ in range(60):
        for intent in sent(*bench.ticks(0.5, quoted=True)):
            cancel_ended(bench, old, Verdict.NOT_SENT)
            bench.answer(intent, verdict, Reason.PERMANENT)
            tries += 1
    assert 3 < tries < 10
    assert covered(bench) == D(1)
    assert "unprotected" not in causes(bench.state)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"stop": "90"}, {"stop": "90", "take_profit": "110"}),
        ({"stop": "90"}, {"stop": "105"}),  # the price is reached: the desk itself leaves
    ],
)
def test_what_no_single_order_does_is_ended_first(before, after) -> None:
    bench, old = held("1", **before)
    protect(bench, **after)
    decisions = bench.ticks(1, quoted=True)
    assert sent(*decisions) == []
    assert ended(bench, *decisions) == [bench.order(old).intent]


def test_one_that_trades_is_ended_and_not_moved() -> None:
    bench, old = held("2")
    bench.fill(old, "0.5")
    protect(bench, stop="95")
    decisions = bench.ticks(1, quoted=True)
    assert sent(*decisions) == []
    assert old.client_id in cancels(*decisions)


def test_one_that_nobody_vouches_for_is_ended_and_not_moved() -> None:
    bench = Bench(replacing()).ready()
    bench.buy("1")
    protect(bench, stop="90")
    (stop,) = sent(*bench.ticks(0.1))
    bench.lose(stop)
    protect(bench, stop="95")
    decisions = bench.ticks(1, quoted=True)
    assert sent(*decisions) == []
    assert stop.client_id in cancels(*decisions)


def test_what_both_together_may_not_come_to_is_moved_the_old_way() -> None:
    other = StrategyId("other")
    settings = replacing(strategies=(STRATEGY, other), limits=some_limits(position_max=D(4)))
    bench = Bench(settings).ready()
    bench.buy("3")
    bench.fill(bench.open_order(Side.SELL, "2", "100.01", strategy=other))
    protect(bench, stop="90")
    (old,) = stops(bench)
    protect(bench, stop="95")
    decisions = bench.ticks(1, quoted=True)  # 1 held, 3 and 3 to be sold: 5 short at worst
    assert sent(*decisions) == []
    assert ended(bench, *decisions) == [bench.order(old).intent]


def test_under_pause_a_stop_is_moved_the_old_way() -> None:
    bench, old = held()
    bench.decide(Pause(by="me", reason="look"))
    protect(bench, stop="95")
    decisions = bench.ticks(1, quoted=True)
    assert ended(bench, *decisions) == [bench.order(old).intent]
    assert [stop.trigger for stop in stops(bench)] == [D(95)]


def test_what_the_gate_weighed_is_told_again_from_the_journal() -> None:
    bench, _ = held("3")
    new, _ = moved(bench, stop="95")
    slots = enumerate(bench.records, 1)
    told = verdict_on(new.client_id, ((Seq(n), at, record) for n, (at, record) in slots))
    assert {weighed.rule for weighed in told} >= {"filter", "balance", "position"}
    assert all(weighed.kept for weighed in told)


def test_a_flatten_takes_both() -> None:
    bench, old = held()
    new, _ = moved(bench, stop="95")
    carried_out(bench, new)
    decisions = [bench.decide(Flatten(by="me")), *bench.ticks(1, quoted=True)]
    assert new.client_id in cancels(*decisions)
    ended(bench, *decisions)
    bench.confirm(old)
    bench.ticks(1, quoted=True)
    assert bench.state.net(BTCUSDT) + bench.state.exposure(BTCUSDT).buying >= 0


def test_the_settle_window_is_not_stood_bare() -> None:
    """The same move without and with replacing."""
    without = Bench().ready()
    without.buy("1")
    protect(without, stop="90")
    stops(without)
    protect(without, stop="95")
    ended(without, *without.ticks(1, quoted=True))
    stops(without)
    without.tick()
    bench, _ = held()
    new, _ = moved(bench, stop="95")
    carried_out(bench, new)
    bench.tick()
    assert without.desk.views.bare_worst_ns > SETTLE_NS + READ_LAG_NS
    assert bench.desk.views.bare_worst_ns < SECOND_NS


ANSWERS = st.lists(
    st.tuples(
        st.sampled_from(["stop", "trail", "buy", "less", "bracket", "wait"]),
        st.sampled_from(["both", "neither", "only ended", "lost, done", "lost, not done"]),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(ANSWERS)
def test_no_history_of_moves_sells_more_than_is_held_and_in_the_end_all_is_covered(moves) -> None:
    bench = Bench(replacing(limits=some_limits(position_max=D(100)))).ready()
    venue = Venue(bench)
    bench.buy("2")
    for number, (what, answer) in enumerate(moves):
        venue.answers = answer
        _wish(bench, what, number)
        venue.pass_time(12)
    venue.answers = "both"
    protect(bench, stop="80")
    venue.pass_time(80)
    assert covered(bench) == abs(bench.state.position(*OWNER).qty)


def _wish(bench: Bench, what: str, number: int) -> None:
    match what:
        case "stop":
            protect(bench, stop=str(80 + number))
        case "trail":
            protect(bench, trail_bps=50 + number)
        case "bracket":
            protect(bench, stop=str(80 + number), take_profit="130")
        case "buy" if bench.state.position(*OWNER).qty < 4 and not causes(bench.state):
            bench.buy("1")
        case "less":
            bench.propose(Target(instrument=BTCUSDT, qty=D(1)))
        case _:
            pass


class Venue:
    """Carries out what leaves; never lets two orders stand for what one was to replace."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.answers = bench, "both"
        self.stand: dict[str, Intent] = {}

    def pass_time(self, halves: int) -> None:
        for _ in range(halves):
            decisions = self.bench.ticks(0.5, quoted=True)
            for intent in sent(*decisions):
                self._arrives(intent)
            for client_id in dict.fromkeys(cancels(*decisions)):
                self._ends(client_id)
            for ask in effects(AskOrder, *decisions):
                self._asked(ask.intent)
            resting = sum((i.qty for i in self.stand.values() if i.other is None), D(0))
            assert resting <= self.bench.state.position(*OWNER).qty

    def _arrives(self, intent: Intent) -> None:
        if intent.replaces is not None:
            self._replaces(intent)
            return
        self.bench.ack(intent)
        if intent.type is OrderType.IOC:
            self.bench.fill(intent)
        else:
            self.stand[intent.client_id] = intent

    def _replaces(self, intent: Intent) -> None:
        bench, done = self.bench, self.answers in ("both", "lost, done")
        assert intent.replaces is not None
        old = self.stand.get(intent.replaces)
        ends = old is not None and self.answers in ("both", "only ended", "lost, done")
        if ends:
            del self.stand[intent.replaces]
        if ends and done:
            self.stand[intent.client_id] = intent
        known = bench.state.orders.live[intent.replaces].intent
        if self.answers.startswith("lost"):
            cancel_ended(bench, known, Verdict.UNKNOWN)
            bench.lose(intent)
        elif not ends:
            cancel_ended(bench, known, Verdict.REJECTED)
            bench.answer(intent, Verdict.NOT_SENT, Reason.BY_STATE)
        else:
            report = bench.report(known, VenueStatus.CANCELLED)
            cancel_ended(bench, known, Verdict.ACKED, report=report)
            if done:
                bench.ack(intent)
            else:
                bench.answer(intent, Verdict.REJECTED, Reason.BY_STATE)

    def _ends(self, client_id: str) -> None:
        intent = self.stand.pop(client_id, None)
        order = self.bench.state.orders.live.get(ClientOrderId(client_id))
        if intent is not None:
            self.bench.told(self.bench.report(intent, VenueStatus.CANCELLED))
        elif order is not None:
            for ask in effects(AskOrder, cancel_ended(self.bench, order.intent, Verdict.REJECTED)):
                self._asked(ask.intent)

    def _asked(self, intent: Intent) -> None:
        order = self.bench.state.orders.get(intent.client_id)
        if intent.client_id in self.stand:
            self.bench.found(intent, VenueStatus.WORKING)
        elif order is not None and order.venue_order_id:
            self.bench.found(intent, VenueStatus.CANCELLED, order.filled)
        elif order is not None:
            self.bench.not_found(intent)
