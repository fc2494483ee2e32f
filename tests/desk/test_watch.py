"""Unknown orders: never resent, asked for ever slower, resolved only by what the venue says."""

from itertools import pairwise

import pytest

from benches import READ_LAG_NS, TTL_NS, Bench, cancels, causes, effects, sent, some_settings
from builders import BTCUSDT, D, an_execution
from nightdesk.desk.events import (
    AskAccount,
    AskOrder,
    AskTrades,
    CancelAll,
    CancelEnded,
    OrderNotFound,
    Resume,
    TradesTold,
)
from nightdesk.model.order import Intent, OrderType, Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.records import Resolved
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.orders.lifecycle import State
from nightdesk.reconcile.resolve import SETTLE_NS
from nightdesk.strategy.messages import Place

HOUR_NS = 3600 * SECOND_NS
GRACE_S = (TTL_NS + READ_LAG_NS) / SECOND_NS
FINAL_S = (SETTLE_NS + READ_LAG_NS) / SECOND_NS


def test_an_unknown_order_counts_as_filled_and_as_unfilled() -> None:
    bench = Bench().ready()
    bench.buy("2")
    exit_ = bench.place(Side.SELL, "2", "100")
    bench.lose(exit_)
    exposure = bench.state.exposure(BTCUSDT)
    net = bench.state.net(BTCUSDT)
    assert (exposure.worst_long(net), exposure.worst_short(net)) == (D(2), D(0))
    entry = bench.place(Side.BUY, "3", "100")  # 2 held and the exit may never fill: 5 is the limit
    bench.lose(entry)
    wish = Place(
        ref="x",
        instrument=BTCUSDT,
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=D("0.1"),
        price=D(100),
    )
    refused = bench.propose(wish)
    assert sent(refused) == []
    assert bench.desk.views.refusals["position"] == 1


def test_an_unknown_exit_frees_no_closable_quantity() -> None:
    bench = Bench(some_settings()).ready()
    bench.buy("2")
    bench.lose(bench.place(Side.SELL, "2", "100"))
    second = bench.place(Side.SELL, "2", "99")  # allowed, but as a new short, not as a reduction
    (effect,) = [
        e for e in bench.desk.state.orders.live.values() if e.intent.client_id == second.client_id
    ]
    assert effect.intent.qty == D(2)
    assert bench.state.exposure(BTCUSDT).worst_short(bench.state.net(BTCUSDT)) == D(-2)


def test_silence_is_never_an_answer_and_nothing_is_sent_twice() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    decisions = bench.ticks(600)
    assert bench.order(intent).state is State.UNKNOWN
    assert sent(*decisions) == []
    asked = [e.intent.client_id for e in effects(AskOrder, *decisions)]
    assert set(asked) == {intent.client_id}
    assert 100 < len(asked) < 140, "at once, then ever slower, then every five seconds"
    assert bench.state.exposure(BTCUSDT).buying == D(1)


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        (VenueStatus.WORKING, "0", State.OPEN),
        (VenueStatus.WORKING, "0.4", State.OPEN),
        (VenueStatus.FILLED, "1", State.FILLED),
        (VenueStatus.CANCELLED, "0.4", State.CANCELLED),
        (VenueStatus.EXPIRED, "0", State.EXPIRED),
        (VenueStatus.REJECTED, "0", State.REJECTED),
    ],
)
@pytest.mark.parametrize("after_grace", [False, True])
def test_an_unknown_order_that_is_found_becomes_what_the_venue_says(
    status: VenueStatus, filled: str, state: State, after_grace: bool
) -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    if after_grace:
        bench.wait(int((GRACE_S + 10) * SECOND_NS))
    decision = bench.found(intent, status, filled)
    order = bench.order(intent)
    assert (order.state, order.filled) == (state, D(filled))
    assert bench.state.net(BTCUSDT) == D(filled)
    assert sent(decision) == []


def test_not_found_before_the_grace_means_nothing_however_often() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    for _ in range(50):
        bench.not_found(intent)
    bench.wait(int(GRACE_S * SECOND_NS) - 1)
    for _ in range(50):
        bench.not_found(intent)
    assert bench.order(intent).state is State.UNKNOWN
    assert bench.state.exposure(BTCUSDT).buying == D(1)


def test_not_found_by_its_id_alone_is_never_believed() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    for _ in range(50):
        bench.wait(int(GRACE_S * SECOND_NS))
        bench.not_found(intent, everywhere=False)
    assert bench.order(intent).state is State.UNKNOWN
    assert bench.state.exposure(BTCUSDT).buying == D(1)


def test_only_after_the_grace_is_an_unknown_order_looked_for_everywhere() -> None:
    bench = Bench().ready()
    intent = bench.place()
    placed_at = bench.wall
    bench.lose(intent)
    early = effects(AskOrder, *bench.ticks(GRACE_S - 0.1))
    late = effects(AskOrder, *bench.ticks(10))
    assert {ask.since for ask in early} == {None}
    assert late
    # Clocks differ, also a venue's own: by three seconds in a world where a trade was looked for too late.
    assert all(ask.since is not None and ask.since <= placed_at - 5 * SECOND_NS for ask in late)


def test_an_unknown_order_makes_its_instrument_cautious_until_it_is_resolved() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    bench.tick()
    assert causes(bench.state) == {"unresolved": "CAUTIOUS"}
    bench.found(intent, VenueStatus.WORKING)
    bench.quote()
    bench.tick()
    assert causes(bench.state) == {}


def test_not_found_twice_after_the_grace_frees_the_exposure_and_is_journaled() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    bench.wait(int((GRACE_S + 1) * SECOND_NS))
    bench.not_found(intent)
    assert bench.order(intent).state is State.UNKNOWN
    bench.not_found(intent)
    assert bench.order(intent).state is State.NEVER_ACCEPTED
    assert bench.state.exposure(BTCUSDT).buying == D(0)
    again = bench.restart()
    assert again.order(intent).state is State.NEVER_ACCEPTED


def test_a_question_that_left_before_the_grace_ended_does_not_count_when_it_is_answered_late() -> (
    None
):
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    asked_at = bench.wall
    bench.wait(60 * SECOND_NS)
    for _ in range(5):
        bench.decide(OrderNotFound(client_id=intent.client_id, asked_at=asked_at, everywhere=True))
    assert bench.order(intent).state is State.UNKNOWN


def test_an_order_found_after_it_was_given_up_is_a_surprise_that_stops_new_risk() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.lose(intent)
    bench.wait(int((GRACE_S + 1) * SECOND_NS))
    for _ in range(2):
        bench.not_found(intent)
    bench.told(bench.report(intent, VenueStatus.WORKING, "0.5"))
    assert bench.order(intent).state is State.OPEN
    assert bench.state.net(BTCUSDT) == D("0.5")
    assert causes(bench.state)["surprise"] == "REDUCE_ONLY"


def test_a_crash_between_journal_and_send_is_unknown_and_blocks_its_instrument() -> None:
    bench = Bench().ready()
    intent = bench.place()
    again = bench.restart()
    assert again.order(intent).state is State.UNKNOWN
    assert causes(again.state)["unresolved"] == "REDUCE_ONLY"
    decisions = [again.tick()]
    assert [e.intent.client_id for e in effects(AskOrder, *decisions)] == [intent.client_id]
    again.wait(int((GRACE_S + 1) * SECOND_NS))
    for _ in range(2):
        again.not_found(intent)
    again.tick()
    assert "unresolved" not in causes(again.state)


def test_an_order_sure_to_have_been_unsent_may_not_come_back() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.answer(intent, Verdict.NOT_SENT, Reason.LATCHED)
    assert bench.order(intent).state is State.NOT_SENT
    assert bench.state.exposure(BTCUSDT).buying == D(0)
    assert sent(*bench.ticks(30)) == []


def test_a_cancel_refused_as_unknown_order_asks_and_believes_nothing_yet() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    outcome = Outcome(verdict=Verdict.REJECTED, reason=Reason.BY_STATE, text="Unknown order sent.")
    decision = bench.decide(CancelEnded(client_id=intent.client_id, outcome=outcome))
    assert [e.intent.client_id for e in effects(AskOrder, decision)] == [intent.client_id]
    assert bench.order(intent).state is State.OPEN


def test_a_cancel_that_was_not_answered_is_repeated_until_the_order_ends() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    first = cancels(bench.decide(CancelAll(by="me")))
    again = cancels(*bench.ticks(5))
    assert first == [intent.client_id]
    assert 3 <= len(again) <= 5
    bench.told(bench.report(intent, VenueStatus.CANCELLED))
    assert cancels(*bench.ticks(5)) == []


def test_trades_short_of_the_filled_quantity_are_asked_for() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.FILLED, "1"))
    assert bench.state.untraded
    asked = effects(AskTrades, *bench.ticks(3))
    assert asked
    assert {e.intent.client_id for e in asked} == {intent.client_id}


def test_a_stale_feed_stops_entries_and_a_fresh_one_lifts_it_after_a_while() -> None:
    bench = Bench().ready()
    assert "feed" not in causes(bench.state)
    bench.ticks(3)
    assert causes(bench.state)["feed"] == "REDUCE_ONLY"
    bench.quote()
    bench.tick()
    assert causes(bench.state)["feed"] == "REDUCE_ONLY", "one quote is not a feed"
    bench.ticks(1.5, quoted=True)
    assert "feed" not in causes(bench.state)


def test_the_account_is_asked_for_now_and_then() -> None:
    bench = Bench().ready()
    bench.account()  # and agreed with
    assert 2 <= len(effects(AskAccount, *bench.ticks(30))) <= 4


def test_a_throttled_desk_goes_on_when_the_wait_is_over() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.answer(intent, Verdict.REJECTED, Reason.THROTTLED, wait_ns=7 * SECOND_NS)
    bench.ticks(6.5, quoted=True)
    assert causes(bench.state)["throttled"] == "REDUCE_ONLY"
    bench.ticks(1, quoted=True)
    assert "throttled" not in causes(bench.state)


def test_a_throttled_desk_that_restarts_goes_on_when_the_wait_is_over() -> None:
    bench = Bench().ready()
    bench.answer(bench.place(), Verdict.REJECTED, Reason.THROTTLED, wait_ns=7 * SECOND_NS)
    again = bench.restart()
    again.ticks(30, quoted=True)
    again.decide(Resume(reason="looked", by="me"))
    assert "throttled" not in causes(again.state)


def test_an_open_order_that_one_lagging_answer_missed_and_the_next_one_shows_is_no_alarm() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.not_found(intent)
    bench.found(intent, VenueStatus.WORKING)
    bench.ticks(10, quoted=True)
    assert "vanished" not in causes(bench.state)


def test_an_open_order_that_vanished_stops_new_risk_and_stays_counted() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.wait(60 * SECOND_NS)
    for _ in range(3):
        bench.not_found(intent)
    assert causes(bench.state)["vanished"] == "REDUCE_ONLY"
    assert bench.state.exposure(BTCUSDT).buying == D(1)


def vanished(bench: Bench) -> Intent:
    """An open order that the venue denies everywhere, twice."""
    intent = bench.open_order()
    bench.wait(60 * SECOND_NS)
    bench.quote()
    for _ in range(2):
        bench.not_found(intent)
    assert causes(bench.state)["vanished"] == "REDUCE_ONLY"
    return intent


def test_an_operator_who_has_looked_lets_a_vanished_order_end_when_it_is_denied_again() -> None:
    bench = Bench().ready()
    intent = vanished(bench)
    decision = bench.decide(Resume(reason="not on its page", by="ann"))
    (resolved,) = (record for record in decision.records if isinstance(record, Resolved))
    assert "ann has looked and resumed: not on its page" in resolved.evidence
    assert causes(bench.state) == {}
    assert bench.state.exposure(BTCUSDT).buying == D(1), "an operator's word alone ends nothing"
    assert [ask.intent for ask in effects(AskOrder, bench.tick())] == [intent]
    bench.not_found(intent)
    assert bench.order(intent).state is State.NEVER_ACCEPTED
    assert bench.state.exposure(BTCUSDT).buying == D(0)
    assert bench.restart().state.exposure(BTCUSDT).buying == D(0)


@pytest.mark.parametrize("heard", ["once", "again"])
def test_a_resume_lets_nothing_go_that_was_not_denied_or_is_there_again(heard: str) -> None:
    bench = Bench().ready()
    if heard == "once":
        intent = bench.open_order()
        bench.wait(60 * SECOND_NS)
        bench.not_found(intent)
    else:
        intent = vanished(bench)
        bench.found(intent, VenueStatus.WORKING)
    decision = bench.decide(Resume(reason="looked", by="ann"))
    assert not any(isinstance(record, Resolved) for record in decision.records)
    assert bench.order(intent).state is State.OPEN


def test_a_cancelled_order_is_asked_about_once_more_when_no_late_fill_can_hide_any_more() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.CANCELLED, "0"))
    early = bench.ticks(FINAL_S - 0.1, quoted=True)
    assert effects(AskOrder, *early) == [], (
        "a fill within the window may be hidden for the read lag"
    )
    asked = effects(AskOrder, *bench.ticks(0.1, quoted=True))
    assert [ask.intent.client_id for ask in asked] == [intent.client_id]
    assert bench.state.exposure(BTCUSDT).buying == D(1), "asking is no answer"
    bench.found(intent, VenueStatus.CANCELLED)
    assert bench.state.exposure(BTCUSDT).buying == D(0)
    assert bench.restart().state.exposure(BTCUSDT).buying == D(0)
    assert effects(AskOrder, *bench.ticks(10, quoted=True)) == []


def test_no_silence_makes_a_cancel_final_and_its_instrument_becomes_cautious() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.CANCELLED, "0"))
    asked = effects(AskOrder, *bench.ticks(60, quoted=True))
    assert 5 < len(asked) < 40, "asked again, and ever slower"
    assert bench.state.exposure(BTCUSDT).buying == D(1)
    assert causes(bench.state) == {"unresolved": "CAUTIOUS"}
    again = bench.restart().ready()
    assert again.state.exposure(BTCUSDT).buying == D(1)
    assert effects(AskOrder, *again.ticks(0.2, quoted=True))


@pytest.mark.parametrize(
    ("status", "filled", "ago_s"),
    [
        (VenueStatus.CANCELLED, "0", 1.5),  # asked when a fill could still be hidden
        (VenueStatus.WORKING, "0", 0),  # a replica that has not seen the cancel yet
        (
            VenueStatus.CANCELLED,
            "0.4",
            0,
        ),  # a fill nobody told: known now, and not yet by its trade
    ],
)
def test_what_does_not_confirm_a_cancel(status: VenueStatus, filled: str, ago_s: float) -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.CANCELLED, "0"))
    bench.wait(int((FINAL_S + 1) * SECOND_NS))
    bench.found(intent, status, filled, ago=int(ago_s * SECOND_NS))
    assert bench.state.exposure(BTCUSDT).buying == D(1) - D(filled)
    assert bench.state.settling


def test_a_fill_found_behind_a_cancel_is_counted_and_waits_for_a_new_confirmation() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.CANCELLED, "0"))
    bench.wait(int((FINAL_S + 1) * SECOND_NS))
    bench.fill(intent, "0.4")
    bench.found(intent, VenueStatus.CANCELLED, "0.4")
    assert bench.state.settling, "stable for a whole window, not for a moment"
    bench.confirm(intent)
    assert not bench.state.settling
    assert bench.state.net(BTCUSDT) == D("0.4")
    assert bench.state.exposure(BTCUSDT).buying == D(0)


def test_questions_about_trades_that_came_are_forgotten() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.FILLED, "1"))
    bench.ticks(2)
    assert bench.desk.views.trades_asked
    trade = an_execution(client_id=intent.client_id)
    bench.decide(TradesTold(client_id=intent.client_id, executions=[trade]))
    bench.tick()
    assert not bench.desk.views.trades_asked


def test_an_open_order_that_the_venue_did_not_list_is_asked_for_until_something_is_heard() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.wait(READ_LAG_NS + SECOND_NS)
    assert len(effects(AskOrder, bench.account(orders=()))) == 1
    assert len(effects(AskOrder, *bench.ticks(8, quoted=True))) >= 4  # no answer: asked again
    bench.found(intent, VenueStatus.WORKING)
    assert effects(AskOrder, *bench.ticks(2, quoted=True)) == []


def test_a_cancelled_order_that_the_venue_keeps_no_longer_settles() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.CANCELLED))
    bench.not_found(intent)
    assert bench.state.settling  # a late fill may still be hidden
    bench.wait(SETTLE_NS + READ_LAG_NS + SECOND_NS)
    bench.not_found(intent, everywhere=False)
    bench.not_found(intent)
    assert bench.state.settling
    bench.not_found(intent)
    assert not bench.state.settling


def test_an_order_that_was_to_end_and_stands_nowhere_has_ended() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.decide(CancelAll(by="me"))
    bench.wait(TTL_NS + READ_LAG_NS + SECOND_NS)
    for _ in range(6):
        outcome = Outcome(
            verdict=Verdict.REJECTED, reason=Reason.BY_STATE, text="Unknown order sent."
        )
        bench.decide(CancelEnded(client_id=intent.client_id, outcome=outcome))
        bench.not_found(intent)
        bench.wait(SECOND_NS)
    assert not bench.order(intent).live


def test_a_clock_that_was_an_hour_ahead_makes_no_question_wait() -> None:
    bench = Bench().ready()
    lost, open_ = bench.place(), bench.place(Side.BUY, "1", "99")
    bench.lose(lost)
    bench.ack(open_)
    bench.ticks(20, quoted=True)
    bench.decide(CancelAll(by="op"))
    bench.wall = Wall(bench.wall + HOUR_NS)
    asked = bench.ticks(2, quoted=True)
    assert effects(AskOrder, *asked)
    assert open_.client_id in cancels(*asked)
    bench.wall = Wall(bench.wall - HOUR_NS)
    decisions = bench.ticks(11, quoted=True)
    assert len(effects(AskOrder, *decisions)) >= 2
    assert cancels(*decisions).count(open_.client_id) >= 10
    assert effects(AskAccount, *decisions)


def test_a_clock_that_was_an_hour_ahead_makes_no_refusal_last() -> None:
    bench = Bench().ready()
    bench.wall = Wall(bench.wall + HOUR_NS)
    bench.answer(bench.place(), Verdict.NOT_SENT, Reason.THROTTLED)
    assert "throttled" in causes(bench.state)
    bench.wall = Wall(bench.wall - HOUR_NS)
    bench.ticks(6, quoted=True)
    assert "throttled" not in causes(bench.state)


def test_a_life_whose_books_never_agreed_asks_again_soon_and_ever_more_slowly() -> None:
    bench, asked = Bench(), []
    while len(asked) < 7:
        if effects(AskAccount, *bench.ticks(0.05)):
            asked.append(bench.mono)
            bench.account(quiet=False)
    gaps_ms = [(b - a) / MS_NS for a, b in pairwise(asked)]
    assert gaps_ms == [250, 500, 1_000, 2_000, 2_000, 2_000]
    bench.account()  # the books are opened
    bench.account()
    assert len(effects(AskAccount, *bench.ticks(30))) <= 4
