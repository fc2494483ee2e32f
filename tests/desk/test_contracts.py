"""Contracts: positions and wallets as the venue moves them, each thing booked once, whoever told it."""

import msgspec
import pytest

from benches import READ_LAG_NS, causes, effects, fold, sent, without_views
from builders import STRATEGY, D
from desk.perpetuals import PERP, VENUE, WALLET, PerpBench, a_perpetual, perp_settings
from nightdesk.desk.events import (
    AskAccount,
    AskFlows,
    AskForced,
    AskOrder,
    FlowsTold,
    ForcedTold,
    Note,
    OrderTold,
    Resume,
    Tell,
    TermsSeen,
    WalletsMoved,
)
from nightdesk.desk.image import decode_state, encode_state
from nightdesk.desk.settings import OPERATOR
from nightdesk.model.account import AccountTerms, Flow, Margin, Moved, Terms, TermsTold, WalletMove
from nightdesk.model.ids import ClientOrderId, StrategyId
from nightdesk.model.order import WAITING, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import Flowed, ForceTraded, Reconciled
from nightdesk.model.time import SECOND_NS
from nightdesk.strategy.messages import Filled, Target, TargetSuspended

OTHER = StrategyId("other")


def funding(bench: PerpBench, amount: str, *, id: str = "f1") -> WalletMove:
    return WalletMove(
        kind=Flow.FUNDING, id=id, instrument=PERP, asset="USDT", amount=D(amount), at=bench.wall
    )


def test_a_trade_moves_the_position_and_the_wallet_by_what_the_venue_booked():
    bench = PerpBench().ready_with()
    bench.trade(bench.place(Side.SELL, "2", "100", instrument=PERP), fee="0.08")
    assert bench.held() == {PERP: D(-2), WALLET: D("999.92")}
    bench.trade(bench.place(Side.BUY, "1", "90", instrument=PERP), realised="10", fee="0.04")
    assert bench.held() == {PERP: D(-1), WALLET: D("1009.88")}
    position = bench.state.position(STRATEGY, PERP)
    assert (position.qty, position.realised, position.fees_quote) == (D(-1), D(10), D("0.12"))


def test_books_that_agree_with_the_venue_stay_quiet_and_a_position_that_differs_does_not():
    bench = PerpBench().ready_with()
    bench.go_long("2")
    bench.tell("1000", "2")
    assert "reconcile" not in causes(bench.state)
    decision = bench.tell("1000", "1")
    assert effects(AskForced, decision)[0].instrument == PERP
    bench.wait(READ_LAG_NS + 1)
    bench.tell("1000", "1")
    assert causes(bench.state)["reconcile"] == "REDUCE_ONLY"


def test_what_somebody_closed_by_hand_is_no_strategys_any_more_once_it_is_adopted():
    bench = PerpBench(perp_settings((STRATEGY, OTHER))).ready_with()
    bench.go_long("2")
    bench.go_long("1", strategy=OTHER)
    bench.tell("1000", "-1")
    bench.wait(READ_LAG_NS + 1)
    bench.tell("1000", "-1")
    decision = bench.decide(Resume(reason="closed by hand", by="me"))
    (record,) = [r for r in decision.records if isinstance(r, Reconciled)]
    assert record.surplus == {PERP: D(-4)}
    assert record.shares == {PERP: {STRATEGY: D(-2), OTHER: D(-1)}}
    for state in (bench.state, bench.restart().state):
        held = [state.position(name, PERP).qty for name in (STRATEGY, OTHER, OPERATOR)]
        assert held == [D(0), D(0), D(-1)]
    heard = {
        tell.strategy: tell.message.position
        for tell in effects(Tell, decision)
        if isinstance(tell.message, TargetSuspended)
    }
    assert heard == {STRATEGY: D(0), OTHER: D(0)}


def test_what_somebody_opened_by_hand_is_the_operators_once_it_is_adopted():
    bench = PerpBench().ready_with()
    bench.go_long("2")
    bench.tell("1000", "3")
    bench.wait(READ_LAG_NS + 1)
    bench.tell("1000", "3")
    bench.decide(Resume(reason="opened by hand", by="me"))
    held = [bench.state.position(name, PERP).qty for name in (STRATEGY, OPERATOR)]
    assert held == [D(2), D(1)]


def test_what_is_held_at_the_first_look_is_the_operators_and_is_counted():
    bench = PerpBench().ready_with(position="-3")
    assert bench.state.net(PERP) == D(-3)
    refused = sent(
        bench.propose(Target(instrument=PERP, qty=D(-3)))
    )  # three more would be six, and five are allowed
    assert refused == []


def test_funding_is_asked_for_when_the_stream_tells_of_it_and_booked_once():
    bench = PerpBench().ready_with()
    bench.go_long("2")
    moved = Moved(kind=Flow.FUNDING, wallets={"USDT": D(999)}, positions={}, at=bench.wall)
    (asked,) = effects(AskFlows, bench.decide(WalletsMoved(venue=VENUE, moved=moved)))
    assert (asked.venue, asked.kind) == (VENUE, Flow.FUNDING)
    told = FlowsTold(venue=VENUE, moves=[funding(bench, "-1.5")])
    (record,) = bench.decide(told).records
    assert isinstance(record, Flowed)
    assert bench.decide(told).records == []
    assert bench.held()[WALLET] == D("998.5")
    position = bench.state.position(STRATEGY, PERP)
    assert (position.funding, position.earned, position.trades) == (D("-1.5"), D("-1.5"), 1)
    assert bench.restart().decide(told).records == []


def test_funding_is_borne_by_what_each_strategy_holds():
    bench = PerpBench(perp_settings((STRATEGY, OTHER))).ready_with()
    bench.go_long("2")
    bench.trade(bench.place(Side.SELL, "1", "100", instrument=PERP, strategy=OTHER))
    bench.decide(FlowsTold(venue=VENUE, moves=[funding(bench, "-1")]))
    assert bench.state.position(STRATEGY, PERP).funding == D(-2)
    assert bench.state.position(OTHER, PERP).funding == D(1)


@pytest.mark.parametrize("amount", ["-1", "0.00000001", "7.77777777"])
def test_shares_of_a_funding_are_all_of_it(amount):
    names = ("a", "b", "c")
    bench = PerpBench(perp_settings(names)).ready_with()
    for name in names:
        bench.go_long("1", strategy=StrategyId(name))
    bench.decide(FlowsTold(venue=VENUE, moves=[funding(bench, amount)]))
    shares = [bench.state.position(StrategyId(name), PERP).funding for name in names]
    assert sum(shares) == D(amount)


def test_a_transfer_moves_the_wallet_and_nobodys_profit():
    bench = PerpBench().ready_with()
    move = WalletMove(
        kind=Flow.TRANSFER, id="t", instrument=None, asset="USDT", amount=D(500), at=bench.wall
    )
    bench.decide(FlowsTold(venue=VENUE, moves=[move]))
    assert bench.held()[WALLET] == D(1500)
    assert bench.state.funds.flows == {Flow.TRANSFER: D(500)}
    assert decode_state(encode_state(bench.state), bench.wall).funds.flows == {
        Flow.TRANSFER: D(500)
    }
    bench.tell("1500", "0")
    assert "reconcile" not in causes(bench.state)


def test_what_moved_before_the_books_were_opened_is_in_them_already():
    bench = PerpBench()
    early = funding(bench, "-1")
    bench.wait(1)
    bench.ready_with()
    assert bench.decide(FlowsTold(venue=VENUE, moves=[early])).records == []


def test_a_liquidation_closes_its_owners_position_and_reaches_a_person():
    bench = PerpBench(perp_settings((STRATEGY, OTHER))).ready_with()
    bench.go_long("2")
    bench.go_long("1", strategy=OTHER)
    bench.propose(Target(instrument=PERP, qty=D(2)))
    told = ForcedTold(fills=[bench.forced("2.5", realised="-50")])
    decision = bench.decide(told)
    (record,) = [r for r in decision.records if isinstance(r, ForceTraded)]
    assert record.shares == {STRATEGY: D(2), OTHER: D("0.5")}
    assert bench.held() == {PERP: D("0.5"), WALLET: D(949)}
    assert bench.state.position(STRATEGY, PERP).realised == D(-40)
    assert causes(bench.state)["forced"] == "REDUCE_ONLY"
    assert bench.state.targets[STRATEGY, PERP].suspended
    said = [tell.message for tell in effects(Tell, decision)]
    assert {type(message) for message in said} >= {Filled, TargetSuspended}
    assert "error" in {note.level for note in effects(Note, decision)}
    assert bench.decide(told).records == []  # told again by another way
    bench.decide(Resume(reason="seen", by="me"))
    assert "forced" not in causes(bench.state)


def test_the_fee_of_a_liquidation_is_borne_by_the_same_after_a_restart():
    last = StrategyId("z")  # holds most, and comes last by name
    bench = PerpBench(perp_settings((STRATEGY, last))).ready_with()
    bench.go_long("1")
    bench.go_long("2", strategy=last)
    bench.decide(ForcedTold(fills=[bench.forced("3")]))
    for state in (bench.state, bench.restart().state):
        fees = [state.position(name, PERP).fees_quote for name in (STRATEGY, last)]
        assert fees == [D(0), D(1)]


def test_a_liquidations_fee_is_booked_once_though_it_is_told_twice():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    decision = bench.tell("979", "0")
    assert {ask.kind for ask in effects(AskFlows, decision)} == {Flow.FUNDING, Flow.TRANSFER}
    bench.decide(ForcedTold(fills=[bench.forced("1")]))
    fee = msgspec.structs.replace(funding(bench, "-1"), kind=Flow.INSURANCE)
    assert bench.decide(FlowsTold(venue=VENUE, moves=[fee])).records == []
    other = msgspec.structs.replace(fee, amount=D(-2), id="2")
    bench.decide(FlowsTold(venue=VENUE, moves=[other]))
    assert bench.held()[WALLET] == D(977)
    moved = Moved(kind=Flow.INSURANCE, wallets={}, positions={}, at=bench.wall)
    assert effects(AskAccount, bench.decide(WalletsMoved(venue=VENUE, moved=moved)))


def test_a_forced_trade_of_more_than_anybody_holds_is_the_operators():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    bench.decide(ForcedTold(fills=[bench.forced("1.5")]))
    assert bench.state.position(StrategyId("operator"), PERP).qty == D("-0.5")
    assert bench.state.net(PERP) == bench.held()[PERP]


@pytest.mark.parametrize(
    ("terms", "raised"),
    [
        (TermsTold(instrument=PERP, leverage=20), True),
        (TermsTold(instrument=PERP, leverage=5), False),
        (TermsTold(multi_asset=True), True),
        (AccountTerms(hedge=True, multi_asset=False, contracts={PERP: Terms(leverage=5)}), True),
        (AccountTerms(hedge=False, multi_asset=False, contracts={PERP: Terms(leverage=5)}), False),
    ],
)
def test_terms_that_differ_stop_new_risk_until_they_are_the_configs_again(terms, raised):
    bench = PerpBench().ready_with()
    bench.decide(TermsSeen(venue=VENUE, terms=terms))
    assert ("terms" in causes(bench.state)) is raised
    whole = AccountTerms(hedge=False, multi_asset=False, contracts={PERP: Terms(leverage=5)})
    bench.decide(TermsSeen(venue=VENUE, terms=whole))
    bench.decide(TermsSeen(venue=VENUE, terms=TermsTold(instrument=PERP, leverage=5)))
    assert "terms" not in causes(bench.state)


def test_a_child_order_is_told_under_its_parents_name():
    bench = PerpBench().ready_with()
    bench.go_long("1")
    stop = bench.protected(stop="90")
    waits = msgspec.structs.replace(bench.report(stop), venue_order_id=f"{WAITING}5")
    became = msgspec.structs.replace(waits, venue_order_id="4711")
    assert effects(AskOrder, bench.told(became))  # its trades may have come before its name
    child = msgspec.structs.replace(
        bench.report(stop, VenueStatus.FILLED, "1"),
        client_id=ClientOrderId("made-by-the-venue"),
        venue_order_id="4711",
    )
    bench.decide(OrderTold(report=child))
    assert bench.state.position(STRATEGY, PERP).qty == 0
    assert bench.order(stop).state == "filled"
    assert not bench.desk.views.strangers
    late = bench.told(waits)  # what it waited as is no news any more
    assert late.records == []
    assert bench.order(stop).venue_order_id == "4711"


def test_the_fold_of_the_records_is_the_state_and_so_is_its_image():
    bench = PerpBench().ready_with()
    bench.go_long("2")
    bench.decide(FlowsTold(venue=VENUE, moves=[funding(bench, "-1.5")]))
    bench.decide(ForcedTold(fills=[bench.forced("1")]))
    folded = encode_state(without_views(fold(bench.records)))
    assert folded == encode_state(without_views(bench.state))
    assert encode_state(decode_state(folded, bench.wall)) == folded


def test_margin_terms_are_spelled_in_the_settings_only_where_there_are_any():
    assert '"terms"' in perp_settings().canonical()
    spot = msgspec.structs.replace(perp_settings(), terms={})
    assert '"terms"' not in spot.canonical()
    assert a_perpetual().contract
    assert Margin.CROSS in {t.margin for t in perp_settings().terms.values()}


def test_an_order_that_finds_nothing_to_reduce_makes_the_desk_ask_how_the_account_stands() -> None:
    bench = PerpBench().ready_with()
    bench.go_long("1")
    bench.wait(5 * SECOND_NS)
    bench.quote(instrument=PERP)
    intent = bench.place(Side.SELL, "1", "100", instrument=PERP)
    assert intent.reduce_only
    decision = bench.answer(intent, Verdict.REJECTED, Reason.BY_STATE)
    assert [e.venue for e in effects(AskAccount, decision)] == [VENUE]


def crumb() -> PerpBench:
    """A position worth 2, where the venue's least order is 5."""
    bench = PerpBench().ready_with()
    bench.go_long("1")
    bench.trade(bench.place(Side.SELL, "0.98", "100", instrument=PERP))
    assert bench.state.net(PERP) == D("0.02")
    return bench


def test_a_position_below_the_least_notional_is_closed_by_an_order_that_only_reduces():
    bench = crumb()
    bench.propose(Target(instrument=PERP, qty=D(0)))
    (intent,) = sent(bench.quote(instrument=PERP))
    assert (intent.side, intent.qty, intent.reduce_only) == (Side.SELL, D("0.02"), True)


def test_a_position_below_the_least_notional_is_not_turned():
    bench = crumb()
    bench.propose(Target(instrument=PERP, qty=D("-0.02")))
    assert sent(bench.quote(instrument=PERP)) == []


def test_a_position_below_the_least_notional_is_protected():
    intent = crumb().protected(stop="90")
    assert (intent.qty, intent.reduce_only) == (D("0.02"), True)
