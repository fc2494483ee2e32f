"""The way out: cancels, closes only what lies above the baseline, verifies at the venue, says what is left."""

from itertools import pairwise

import pytest

from benches import Bench, cancels, causes, effects, sent, some_limits, some_settings
from builders import BTCUSDT, STRATEGY, D, an_instrument
from nightdesk.desk.events import (
    AskAccount,
    AskOrder,
    AskPrice,
    Decision,
    Event,
    Flatten,
    Note,
    Pause,
    Proposed,
    Resume,
)
from nightdesk.model.mode import Mode
from nightdesk.model.order import Intent, OrderType, Origin, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import SECOND_NS
from nightdesk.modes.ladder import DESK
from nightdesk.strategy.messages import Place, Proposal, Target

OUT = Flatten(by="me", reason="enough")


class Venue:
    """Answers a flatten: every IOC fills up to `depth`, every cancel works; the account is what it is."""

    def __init__(self, bench: Bench, depth: str = "100", fee: str = "0") -> None:
        self.bench = bench
        self.depth = D(depth)
        self.fee = D(fee)
        self.balances = dict(bench.state.funds.balances)
        self.orders: list[Intent] = []
        self.said: list[str] = []

    def drive(self, *decisions: Decision, seconds: float = 20.0, quoted: bool = True) -> None:
        """Until the flatten is over."""
        todo = list(decisions)
        for _ in range(int(seconds / 0.05)):
            for decision in todo:
                self._carry_out(decision)
            if "FLATTENING" not in causes(self.bench.state).values():
                return
            self.said.append(self.bench.desk.views.flatten_said)
            todo = [self.bench.tick()]
            if quoted:
                self.bench.quote()
        raise AssertionError(f"never flat: {self.bench.desk.views.flatten_said}")

    def _carry_out(self, decision: Decision) -> None:
        bench = self.bench
        for client_id in cancels(decision):
            order = bench.state.orders.live.get(client_id)
            if order is not None and order.state == "open":
                bench.told(bench.report(order.intent, VenueStatus.CANCELLED, order.filled))
        for ask in effects(AskOrder, decision):
            order = bench.order(ask.intent)
            bench.found(ask.intent, VenueStatus.CANCELLED, order.filled)
        for intent in sent(decision):
            self.orders.append(intent)
            bench.ack(intent)
            qty = min(intent.qty, self.depth)
            fee = qty * self.fee if intent.side is Side.BUY else D(0)
            bench.fill(intent, str(qty), fee=str(fee), asset="BTC")
            self.balances["BTC"] += (qty if intent.side is Side.BUY else -qty) - fee
            if qty < intent.qty:
                bench.told(bench.report(intent, VenueStatus.EXPIRED, qty))
        if effects(AskAccount, decision):
            bench.account(self.balances)
        if effects(AskPrice, decision):
            bench.quote()


def test_it_latches_then_cancels_then_sells_what_is_above_the_baseline() -> None:
    bench = Bench(some_settings(baseline={"BTC": D(9)})).ready()  # the account opens with ten
    bench.account()  # and agrees with the books
    bench.buy("2")
    resting = bench.open_order(Side.BUY, "1", "99")
    venue = Venue(bench)
    venue.balances["BTC"] = D(12)
    first = bench.decide(OUT)
    assert bench.state.ladder.mode(DESK) is Mode.FLATTENING
    assert cancels(first) == [resting.client_id]
    assert sent(first) == [], "nothing is sold while an order is open"
    venue.drive(first)
    assert sum(i.qty for i in venue.orders) == D(3)
    assert venue.balances["BTC"] == D(9)
    assert causes(bench.state) == {"flatten": "REDUCE_ONLY"}
    assert "flat at the venue" in bench.desk.views.flatten_said


def test_without_a_baseline_what_the_account_opened_with_is_not_the_desks_to_sell() -> None:
    bench = Bench().ready()
    bench.buy("1.5")
    venue = Venue(bench)
    venue.balances["BTC"] = D("11.5")
    venue.drive(bench.decide(OUT))
    assert venue.balances["BTC"] == D(10)
    assert bench.state.net(BTCUSDT) == 0


def test_it_closes_net_of_fees_taken_in_the_base_asset() -> None:
    bench = Bench().ready()
    intent = bench.open_order(Side.BUY, "1", "100")
    bench.fill(intent, fee="0.001", asset="BTC")
    venue = Venue(bench)
    venue.balances["BTC"] = D("10.999")
    venue.drive(bench.decide(OUT))
    assert [i.qty for i in venue.orders] == [D("0.999")]
    assert venue.balances["BTC"] == D(10)


def test_a_short_is_bought_back_until_only_the_fees_dust_is_left() -> None:
    bench = Bench().ready()
    intent = bench.open_order(Side.SELL, "1", "100")
    bench.fill(intent)
    venue = Venue(bench, fee="0.001")
    venue.balances["BTC"] = D(9)
    venue.drive(bench.decide(OUT))
    assert all(i.side is Side.BUY for i in venue.orders)
    assert venue.balances["BTC"] <= D(10), "it never ends on the other side"
    assert D(10) - venue.balances["BTC"] < D("0.06"), "less than the venue's minimum notional"


def test_slices_stay_within_the_limit_and_on_the_lot() -> None:
    settings = some_settings(
        instruments=[an_instrument(lot=D("0.01"), qty_min=D("0.01"))],
        limits=some_limits(order_qty_max=D("0.7")),
    )
    bench = Bench(settings).ready()
    for _ in range(4):
        bench.buy("0.7")
        bench.tick()
        bench.quote()
    venue = Venue(bench)
    venue.balances["BTC"] = D("12.8")
    venue.drive(bench.decide(OUT))
    assert [i.qty for i in venue.orders] == [D("0.7")] * 4
    assert {i.type for i in venue.orders} == {OrderType.IOC}
    assert {i.origin for i in venue.orders} == {Origin.FLATTEN}


def test_a_thin_book_takes_several_slices_and_never_overshoots() -> None:
    bench = Bench().ready()
    bench.buy("3")
    venue = Venue(bench, depth="0.4")
    venue.balances["BTC"] = D(13)
    venue.drive(bench.decide(OUT), seconds=60)
    assert len(venue.orders) == 8
    assert venue.balances["BTC"] == D(10)


def test_dust_below_the_filters_is_stated_and_left() -> None:
    bench = Bench().ready()
    bench.buy("1")
    sell = bench.open_order(Side.SELL, "0.97", "100")
    bench.fill(sell)
    venue = Venue(bench)
    venue.balances["BTC"] = D("10.03")
    venue.drive(bench.decide(OUT))
    assert venue.orders == []
    assert "dust: 0.03 BTC" in bench.desk.views.flatten_said


def test_crumbs_of_several_strategies_that_are_sellable_together_are_sold() -> None:
    bench = Bench(some_settings(strategies=(STRATEGY, "other"))).ready()
    for strategy in (STRATEGY, "other"):
        bench.buy("1", strategy=strategy)
        sell = bench.open_order(Side.SELL, "0.96", "100", strategy=strategy)
        bench.fill(sell)
    venue = Venue(bench)
    venue.balances["BTC"] = D("10.08")  # 8 USDT; the venue's minimum is 5
    venue.drive(bench.decide(OUT))
    assert venue.balances["BTC"] == D(10)


def test_asked_twice_it_sells_once() -> None:
    bench = Bench().ready()
    bench.buy("1")
    venue = Venue(bench)
    venue.balances["BTC"] = D(11)
    one = bench.decide(OUT)
    two = bench.decide(OUT)
    assert len(sent(one, two)) == 1
    venue.drive(one, two)
    assert venue.balances["BTC"] == D(10)
    three = bench.decide(OUT)
    assert sent(three) == []
    venue.drive(three)
    assert len(venue.orders) == 1


def test_it_works_with_a_dead_feed_through_a_price_that_is_asked_for() -> None:
    bench = Bench().ready()
    bench.buy("1")
    bench.wait(60 * 10**9)
    venue = Venue(bench)
    venue.balances["BTC"] = D(11)
    first = bench.decide(OUT)
    assert sent(first) == []
    assert [e.instrument for e in effects(AskPrice, first)] == [BTCUSDT]
    venue.drive(first, quoted=False)
    assert venue.balances["BTC"] == D(10)


def test_with_an_unknown_order_it_waits_for_it_and_says_so() -> None:
    bench = Bench().ready()
    bench.buy("1")
    lost = bench.place(Side.SELL, "1", "99")
    bench.lose(lost)
    decisions = [bench.decide(OUT), *bench.ticks(30, quoted=True)]
    assert sent(*decisions) == [], "selling now could sell twice"
    assert "1 unknown" in bench.desk.views.flatten_said
    bench.fill(lost)
    venue = Venue(bench)
    venue.balances["BTC"] = D(10)
    venue.drive(bench.tick())
    assert venue.orders == []


def test_a_flatten_survives_a_crash_and_goes_on_from_where_things_are() -> None:
    bench = Bench().ready()
    bench.buy("1")
    bench.decide(OUT)  # the sale is intended; then the process is gone
    (intent,) = [o.intent for o in bench.state.orders.live.values()]
    again = bench.restart()
    assert causes(again.state)["flatten"] == "FLATTENING"
    assert sent(*again.ticks(2, quoted=True)) == [], "the first sale is unknown"
    again.told(again.report(intent, VenueStatus.EXPIRED))
    venue = Venue(again)
    venue.balances["BTC"] = D(11)
    venue.drive(again.tick())
    assert [i.qty for i in venue.orders] == [D(1)]


def test_strategies_get_nothing_in_while_it_runs_and_their_targets_are_suspended() -> None:
    bench = Bench().ready()
    bench.propose(Target(instrument=BTCUSDT, qty=D(1)))
    (intent,) = sent(bench.quote())
    bench.ack(intent)
    bench.fill(intent)
    bench.decide(OUT)
    wish = Place(
        ref="w", instrument=BTCUSDT, side=Side.SELL, type=OrderType.IOC, qty=D("0.5"), price=D(100)
    )
    asked = bench.decide(Proposed(strategy=STRATEGY, proposal=Proposal(actions=(wish,))))
    assert sent(asked) == []
    (target,) = bench.state.targets.values()
    assert target.suspended


def test_a_refused_slice_is_tried_again_and_says_why_meanwhile() -> None:
    bench = Bench().ready()
    bench.buy("1")
    (first,) = sent(bench.decide(OUT))
    bench.answer(first, Verdict.REJECTED, Reason.VENUE_ERROR)
    assert len(sent(*bench.ticks(1, quoted=True))) == 1


def test_an_account_told_while_things_move_proves_nothing() -> None:
    bench = Bench().ready()
    bench.decide(OUT)
    bench.account(quiet=False)
    assert causes(bench.state)["flatten"] == "FLATTENING"
    bench.account()
    assert causes(bench.state)["flatten"] == "REDUCE_ONLY"


def test_a_flatten_that_is_over_takes_no_further_step() -> None:
    bench = Bench().ready()
    Venue(bench).drive(bench.decide(OUT))
    said = bench.desk.views.flatten_said
    for _ in range(40):
        bench.tick()
    assert "flat at the venue" in said
    assert bench.desk.views.flatten_said == said


def test_what_the_venue_still_holds_is_not_called_flat() -> None:
    bench = Bench().ready()
    bench.decide(OUT)
    bench.account({"BTC": D("10.5"), "USDT": D(1_000_000)})
    assert causes(bench.state)["flatten"] == "FLATTENING"


def test_a_venue_that_goes_on_holding_more_is_asked_ever_more_slowly_and_once_it_is_said() -> None:
    def asked(first: Event) -> tuple[int, list[Note]]:
        """In a minute; each time costs what a dozen orders do."""
        bench = Bench().ready()
        count, said = 0, []
        todo = [bench.decide(first)]
        for _ in range(60 * 20):
            for decision in todo:
                if effects(AskAccount, decision):
                    count += 1
                    todo.append(bench.account({"BTC": D("10.5"), "USDT": D(1_000_000)}))
                said += [n for n in effects(Note, decision) if n.event == "flatten.stands"]
            todo = [bench.tick()]
        return count, said

    by_itself, _ = asked(Pause(by="me", reason="a look"))
    flattening, said = asked(OUT)
    assert 10 <= flattening - by_itself <= 20, "after 1, 2, 4 s, then every 5 s; not twice a second"
    assert sum("the venue holds 0.5" in note.fields["where"] for note in said) == 1


def test_paused_and_flattened_both_need_a_resume() -> None:
    bench = Bench().ready()
    bench.decide(Pause(reason="p", by="me"))
    Venue(bench).drive(bench.decide(OUT))
    assert causes(bench.state) == {"operator": "REDUCE_ONLY", "flatten": "REDUCE_ONLY"}
    bench.decide(Resume(reason="r", by="me"))
    assert causes(bench.state) == {}


def test_what_a_cancelled_exit_may_still_have_closed_is_not_closed_twice() -> None:
    bench = Bench().ready()
    bench.buy("2")
    exit_ = bench.open_order(Side.SELL, "1.5", "101")
    bench.decide(OUT)
    bench.told(bench.report(exit_, VenueStatus.CANCELLED, "0"))
    bench.quote()
    (slice_,) = sent(bench.tick())
    assert (slice_.side, slice_.qty) == (Side.SELL, D("0.5"))


def test_a_cancelled_entry_that_settles_keeps_nothing_waiting_but_the_word_flat() -> None:
    bench = Bench().ready()
    bench.buy("2")
    entry = bench.open_order(Side.BUY, "1", "99")
    bench.decide(OUT)
    bench.told(bench.report(entry, VenueStatus.CANCELLED, "0"))
    bench.quote()
    (slice_,) = sent(bench.tick())
    assert (slice_.side, slice_.qty) == (Side.SELL, D(2))
    bench.ack(slice_)
    bench.fill(slice_, "2")
    bench.tick()
    assert "settling" in bench.desk.views.flatten_said
    bench.account()
    assert bench.state.ladder.mode(DESK) is Mode.FLATTENING


def test_a_slice_that_nobody_took_is_tried_again_after_a_while_and_on_a_newer_quote() -> None:
    bench = Bench().ready()
    bench.buy("1")
    (first,) = sent(bench.decide(OUT))
    bench.ack(first)
    bench.told(bench.report(first, VenueStatus.EXPIRED))
    assert sent(*bench.ticks(0.4)) == []
    later = bench.ticks(0.6)
    assert sent(*later) == []  # the quote is the one that was tried
    assert [e.instrument for d in later for e in effects(AskPrice, d)] == [BTCUSDT]
    bench.quote()
    (second,) = sent(bench.tick())
    bench.ack(second)
    bench.fill(second, qty="0.4")
    bench.told(bench.report(second, VenueStatus.EXPIRED, D("0.4")))
    (third,) = sent(bench.tick())  # something traded: the rest goes at once
    assert third.qty == D("0.6")


@pytest.mark.parametrize("size_max", ["0.000001", "0.0000000001"])
def test_a_limit_below_the_least_order_keeps_nobody_in(size_max: str) -> None:
    bench = Bench(some_settings(limits=some_limits(order_qty_max=D(5)))).ready()
    bench.buy("1")
    tiny = some_settings(limits=some_limits(order_qty_max=D(size_max)))
    later = bench.restart(tiny).ready()
    made = sent(later.decide(Flatten(by="me")), *later.ticks(1, quoted=True))
    assert made
    assert made[0].side is Side.SELL


def test_a_slice_that_vanished_keeps_nobody_in_once_an_operator_has_looked() -> None:
    bench = Bench(some_settings(baseline={"BTC": D(9)})).ready()
    bench.buy("1")
    (lost,) = sent(bench.decide(OUT), *bench.ticks(0.1, quoted=True))
    bench.ack(lost)
    bench.wait(60 * SECOND_NS)
    for _ in range(3):
        bench.not_found(lost)
    assert sent(*bench.ticks(5, quoted=True)) == []
    assert "1 orders open" in bench.desk.views.flatten_said
    bench.decide(Resume(reason="not on its page", by="ann"))
    bench.not_found(lost)
    venue = Venue(bench)
    venue.balances["BTC"] = D(11)
    venue.drive(bench.decide(OUT))
    assert sum(intent.qty for intent in venue.orders) == D(2)
    assert causes(bench.state) == {"flatten": "REDUCE_ONLY"}


def test_a_slice_that_the_venue_refuses_is_tried_ever_more_slowly_for_at_most_five_seconds() -> (
    None
):
    bench = Bench().ready()
    bench.buy("1")
    decisions = [bench.decide(OUT)]
    times = []
    for _ in range(30 * 20):
        for intent in sent(*decisions):
            times.append(bench.wall)
            bench.answer(intent, Verdict.REJECTED, Reason.BY_STATE)
        bench.quote()
        decisions = [bench.tick()]
    assert [(b - a) // SECOND_NS for a, b in pairwise(times)] == [0, 1, 2, 4, 5, 5, 5, 5]
