"""Desk against venue: a difference must be seen twice, is never traded away, and a lost journal halts."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from benches import READ_LAG_NS, Bench, causes, effects, sent, some_settings
from builders import BTCUSDT, D, an_execution, an_instrument
from nightdesk.desk.events import AskAccount, AskOrder, Flatten, Note, Resume, TradesTold
from nightdesk.desk.settings import OPERATOR
from nightdesk.model.ids import OrderKey, encode_order_id
from nightdesk.model.mode import Mode
from nightdesk.model.order import ReportSource, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import SECOND_NS
from nightdesk.modes.ladder import DESK
from nightdesk.orders.lifecycle import State

OFF = {"BTC": D("10.5"), "USDT": D(1_000_000)}


def test_a_difference_is_a_rumour_until_it_outlasts_the_venues_lag() -> None:
    bench = Bench().ready()
    bench.account(OFF)
    bench.wait(READ_LAG_NS)
    bench.account(OFF)
    assert "reconcile" not in causes(bench.state)
    bench.wait(1)
    bench.account(OFF)
    assert causes(bench.state)["reconcile"] == "REDUCE_ONLY"
    assert sent(*bench.ticks(10, quoted=True)) == []


def test_a_difference_that_changes_between_two_looks_is_still_moving() -> None:
    bench = Bench().ready()
    bench.account(OFF)
    bench.wait(READ_LAG_NS + 1)
    bench.account({**OFF, "BTC": D("10.6")})
    assert "reconcile" not in causes(bench.state)


def test_a_look_while_something_moved_says_nothing() -> None:
    bench = Bench().ready()
    for _ in range(3):
        bench.account(OFF, quiet=False)
    assert "reconcile" not in causes(bench.state)


def test_a_difference_that_goes_away_lifts_the_mode_by_itself() -> None:
    bench = Bench().ready()
    bench.differ(OFF)
    bench.account()
    assert "reconcile" not in causes(bench.state)


def test_the_venues_last_digit_is_no_difference() -> None:
    bench = Bench().ready()
    bench.differ({**OFF, "BTC": D("10.00000001")})
    bench.quote()
    assert causes(bench.state) == {}


def test_an_adopted_difference_becomes_the_operators_position_and_the_venues_numbers_ours() -> None:
    bench = Bench().ready()
    bench.differ(OFF)
    bench.decide(Resume(reason="a deposit", by="me"))
    assert bench.state.funds.balances["BTC"] == D("10.5")
    assert bench.state.position(OPERATOR, BTCUSDT).qty == D("0.5")
    for _ in range(3):
        bench.account(OFF)
    assert causes(bench.state) == {}
    again = bench.restart().ready()
    assert again.state.position(OPERATOR, BTCUSDT).qty == D("0.5")


def test_a_difference_that_a_late_report_explained_is_not_adopted_by_a_resume() -> None:
    bench = Bench().ready()
    intent = bench.open_order(Side.BUY, "1", "100")
    bench.account({"BTC": D(11), "USDT": D(999_900)})  # it has filled; the report is late
    bench.fill(intent)
    bench.decide(Resume(reason="about something else", by="me"))
    assert bench.state.net(BTCUSDT) == D(1)
    decision = bench.decide(Flatten(by="me"))
    assert [i.qty for i in sent(decision)] == [D(1)]


def test_a_surplus_over_the_baseline_at_the_first_look_is_the_operators() -> None:
    bench = Bench(some_settings(baseline={"BTC": D(4)})).ready()
    assert bench.state.position(OPERATOR, BTCUSDT).qty == D(6)


def test_nothing_is_compared_while_an_order_is_unknown() -> None:
    bench = Bench().ready()
    bench.lose(bench.place())
    for _ in range(3):
        bench.account(OFF)
    assert "reconcile" not in causes(bench.state)


def test_an_order_of_ours_with_a_nonce_we_never_drew_halts_the_desk() -> None:
    bench = Bench().ready()
    key = OrderKey(desk=bench.settings.code, nonce=31337, epoch=3, seq=9, attempt=0)
    report = replace(bench.report(bench.open_order()), client_id=encode_order_id(key))
    bench.account(orders=[report])
    assert bench.state.ladder.mode(DESK) is Mode.HALTED
    assert "lost_journal" in causes(bench.state)


def test_a_working_order_of_a_known_nonce_that_no_record_holds_halts_the_desk() -> None:
    bench = Bench().ready()
    key = OrderKey(desk=bench.settings.code, nonce=7, epoch=1, seq=4_000, attempt=0)
    report = replace(
        bench.report(bench.open_order(), source=ReportSource.QUERY), client_id=encode_order_id(key)
    )
    bench.account(orders=[report])
    assert bench.state.ladder.mode(DESK) >= Mode.REDUCE_ONLY


def test_somebody_elses_order_is_spoken_of_once_and_changes_nothing() -> None:
    bench = Bench().ready()
    report = replace(bench.report(bench.open_order()), client_id="web_0123456789")
    decisions = [bench.account(orders=[report]) for _ in range(5)]
    notes = [n for n in effects(Note, *decisions) if n.event == "order.foreign"]
    assert len(notes) == 1
    assert causes(bench.state) == {}


def test_an_order_we_hold_for_open_and_the_venue_does_not_list_is_asked_for() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    assert effects(AskOrder, bench.account()) == [], "it may only be too young to be seen"
    bench.wait(10 * SECOND_NS)
    asked = effects(AskOrder, bench.account())
    assert [e.intent.client_id for e in asked] == [intent.client_id]


def test_the_same_trade_told_three_ways_is_folded_once() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    trade = an_execution(client_id=intent.client_id, trade_id="9", qty=D("0.4"))
    bench.told(bench.report(intent, filled="0.4"), trade)
    bench.told(bench.report(intent, filled="0.4"), trade)
    bench.decide(TradesTold(client_id=intent.client_id, executions=[trade, trade]))
    assert bench.state.net(BTCUSDT) == D("0.4")
    assert bench.state.counts["fills"] == 1
    assert bench.state.funds.balances["USDT"] == D(999_960)


def test_reports_out_of_order_and_a_fill_after_the_cancels_ack_are_counted() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.WORKING, "0.5"))
    bench.told(bench.report(intent, VenueStatus.WORKING, "0.2"))
    assert bench.order(intent).filled == D("0.5")
    bench.told(bench.report(intent, VenueStatus.CANCELLED, "0.5"))
    assert bench.state.exposure(BTCUSDT).buying == D("0.5"), "a fill may still come"
    bench.told(bench.report(intent, VenueStatus.CANCELLED, "0.8"))
    assert bench.state.net(BTCUSDT) == D("0.8")
    bench.wait(600 * SECOND_NS)
    bench.told(bench.report(intent, VenueStatus.FILLED, "1"))  # minutes late
    assert bench.order(intent).state is State.FILLED
    assert bench.state.net(BTCUSDT) == D(1)


def test_what_is_answered_with_more_than_was_asked_stops_new_risk() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    bench.told(bench.report(intent, VenueStatus.FILLED, "1.5"))
    assert causes(bench.state)["surprise"] == "REDUCE_ONLY"
    assert bench.state.net(BTCUSDT) == D("1.5")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (Reason.THROTTLED, "throttled"),
        (Reason.BANNED, "throttled"),
        (Reason.MAINTENANCE, "maintenance"),
    ],
)
def test_a_venue_that_says_wait_gets_no_new_risk(reason: Reason, cause: str) -> None:
    bench = Bench().ready()
    bench.answer(bench.place(), Verdict.REJECTED, reason, wait_ns=SECOND_NS)
    assert causes(bench.state)[cause] == "REDUCE_ONLY"


def test_a_revoked_key_needs_a_person() -> None:
    bench = Bench().ready()
    bench.answer(bench.place(), Verdict.REJECTED, Reason.AUTH)
    again = bench.restart().ready()
    assert causes(again.state)["auth"] == "REDUCE_ONLY"


def test_an_order_of_an_instrument_that_left_the_config_is_still_resolved() -> None:
    eth = an_instrument(id="binance:ETHUSDT", symbol="ETHUSDT", base="ETH")
    bench = Bench(some_settings(instruments=[an_instrument(), eth])).ready()
    bench.account({"BTC": D(10), "ETH": D(10), "USDT": D(1_000_000)})
    bench.quote(instrument=eth.id)
    bench.ticks(2, quoted=True)
    for _ in range(30):
        bench.tick()
        bench.quote(instrument=eth.id)
    bench.place(instrument=eth.id)
    again = bench.restart(some_settings())
    (order,) = again.state.orders.live.values()
    again.told(again.report(order.intent, VenueStatus.EXPIRED))
    assert not again.state.orders.live


def test_a_balance_that_the_venue_denies_is_looked_at_soon_and_not_at_every_refusal() -> None:
    bench = Bench().ready()
    bench.wait(2 * SECOND_NS)
    both = [bench.place(), bench.place(price="99")]
    first, second = (bench.answer(i, Verdict.REJECTED, Reason.BY_BALANCE) for i in both)
    assert effects(AskAccount, first)
    assert not effects(AskAccount, second)
    assert [name for _, name, _ in bench.state.ladder.told()] == [
        "funds"
    ]  # nothing new for a while


def test_a_difference_of_before_a_restart_is_not_adopted_before_it_was_seen_twice_again() -> None:
    bench = Bench().ready()
    off = {**bench.state.funds.balances, "BTC": D(11)}
    bench.differ(off)
    assert causes(bench.state)["reconcile"] == "REDUCE_ONLY"
    again = bench.restart()
    again.account({**again.state.funds.balances, "BTC": D("9.98")})  # a report is under way
    held = dict(again.state.funds.balances)
    again.decide(Resume(reason="looked", by="me"))
    assert again.state.funds.balances == held
    assert causes(again.state)["reconcile"] == "REDUCE_ONLY"
    again.account(held)
    assert "reconcile" not in causes(again.state), "it went away by itself"


def test_a_difference_is_sought_among_the_own_ended_orders_and_more_seldom_once_believed() -> None:
    bench = Bench().ready()
    order = bench.open_order(Side.BUY, "1", "100")
    whole = bench.open_order(Side.BUY, "0.1", "100")
    bench.told(bench.report(order, VenueStatus.EXPIRED))
    bench.fill(whole)
    quiet = bench.account(dict(bench.state.funds.balances))
    assert effects(AskOrder, quiet) == []
    off = {**bench.state.funds.balances, "BTC": D(11)}
    assert [ask.intent for ask in effects(AskOrder, bench.account(off))] == [order]
    bench.differ(off)
    assert effects(AskOrder, bench.account(off)) == []  # it was not there: a person has to look
    asked = []
    for second in range(180):
        bench.wait(SECOND_NS)
        if effects(AskOrder, bench.account(off)):
            asked.append(second)
    gaps = [after - before for before, after in pairwise(asked)]
    assert gaps == [20, 40, 60], asked
