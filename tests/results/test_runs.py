"""Rows of a run: each trade once, each order with its end, slippage against what the decision saw."""

import pytest

from builders import D, a_report, an_execution, an_id, an_intent
from desk.perpetuals import PERP, VENUE
from nightdesk.model import money
from nightdesk.model.account import Flow, Forced, ForcedFill, WalletMove
from nightdesk.model.ids import Epoch, Seq, StrategyId
from nightdesk.model.order import Inputs, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import (
    Answered,
    Executed,
    Flowed,
    ForceTraded,
    Intended,
    Record,
    Reported,
    Resolved,
)
from nightdesk.model.time import Wall
from nightdesk.results.runs import Run

SEEN = Inputs(bid=D(99), ask=D(101), age_ns=0)


def run_of(*records: Record) -> Run:
    return Run((Seq(n), Epoch(1), Wall(n), record) for n, record in enumerate(records, 1))


def answered(verdict: Verdict) -> Answered:
    at = Wall(0)
    return Answered(
        client_id=an_id(),
        verdict=verdict,
        reason=Reason.NONE,
        code=0,
        text="",
        sent_at=at,
        answered_at=at,
    )


@pytest.mark.parametrize(
    ("side", "price", "slippage"),
    [(Side.BUY, "101", "100"), (Side.BUY, "99", "-100"), (Side.SELL, "99", "100")],
)
def test_slippage_is_what_was_paid_against_the_middle_seen(
    side: Side, price: str, slippage: str
) -> None:
    run = run_of(
        Intended(intent=an_intent(side=side, inputs=SEEN)),
        Executed(execution=an_execution(side=side, price=D(price))),
    )
    assert [trade.slippage_bps for trade in run.trades] == [D(slippage)]


def test_without_a_market_seen_there_is_no_slippage() -> None:
    run = run_of(Intended(intent=an_intent()), Executed(execution=an_execution()))
    assert [trade.slippage_bps for trade in run.trades] == [None]


def test_a_trade_told_twice_is_one_and_one_of_nobodys_order_is_none() -> None:
    trade = Executed(execution=an_execution(qty=D("0.5")))
    stranger = Executed(execution=an_execution(client_id=an_id(9)))
    run = run_of(Intended(intent=an_intent()), trade, trade, stranger)
    assert [row.qty for row in run.trades] == [D("0.5")]
    (order,) = run.orders
    assert (order.filled, order.state) == (D("0.5"), "open")


@pytest.mark.parametrize(
    ("records", "state"),
    [
        ([], "open"),
        ([answered(Verdict.ACKED)], "open"),
        ([answered(Verdict.REJECTED)], "rejected"),
        ([answered(Verdict.NOT_SENT)], "not sent"),
        ([answered(Verdict.UNKNOWN)], "unknown"),
        ([answered(Verdict.UNKNOWN), Reported(report=a_report())], "open"),
        ([answered(Verdict.UNKNOWN), Resolved(client_id=an_id(), evidence="")], "never accepted"),
        ([Reported(report=a_report(status=VenueStatus.CANCELLED))], "cancelled"),
        ([Executed(execution=an_execution(qty=D(1)))], "filled"),
    ],
)
def test_how_an_order_ended(records: list[Record], state: str) -> None:
    (order,) = run_of(Intended(intent=an_intent()), *records).orders
    assert order.state == state


def test_the_average_price_is_of_what_was_filled() -> None:
    run = run_of(
        Intended(intent=an_intent()),
        Executed(execution=an_execution(trade_id="1", qty=D("0.25"), price=D(100))),
        Executed(execution=an_execution(trade_id="2", qty=D("0.75"), price=D(104))),
    )
    (order,) = run.orders
    assert order.average_price == D(103)


@pytest.mark.parametrize(
    ("late", "filled", "price"),
    [(1, "0", "101"), (-1, "0", "100"), (1, "3", "100")],
    ids=["newer", "older", "ended for them"],
)
def test_the_terms_are_those_that_the_venue_told_at_its_latest_time(
    late: int, filled: str, price: str
) -> None:
    first = a_report(qty=D(2), price=D(100))
    other = a_report(
        qty=D(2), price=D(101), filled=D(filled), venue_time=Wall(first.venue_time + late)
    )
    told = (Intended(intent=an_intent()), Reported(report=first), Reported(report=other))
    (line,) = run_of(*told).orders
    assert line.price == D(price)


def forced(kind: Forced, trade: str, order: str, **shares: str) -> ForceTraded:
    """A venue's own trade, by whose position it was."""
    fill = ForcedFill(
        kind=kind,
        instrument=PERP,
        venue_order_id=order,
        trade_id=trade,
        side=Side.SELL,
        price=D(90),
        qty=money.total(D(qty) for qty in shares.values()),
        fee=D("0.3"),
        fee_asset="USDT",
        realised=D(-30),
        at=Wall(7),
    )
    return ForceTraded(fill=fill, shares={StrategyId(s): D(q) for s, q in shares.items()})


def test_what_the_venue_traded_for_the_account_is_a_row_of_each_strategys_share() -> None:
    run = run_of(forced(Forced.LIQUIDATION, "t1", "o1", a="1", b="2"))
    assert [
        (t.strategy, t.side, t.qty, t.value, t.fee, t.order, t.trade, t.slippage_bps)
        for t in run.trades
    ] == [
        ("a", "sell", D(1), D(90), D(0), "liquidation", "t1", None),
        ("b", "sell", D(2), D(180), D("0.3"), "liquidation", "t1", None),
    ]
    assert list(run.orders) == [], "no order of the desk"


def test_orders_of_the_venue_are_counted_once_in_however_many_trades() -> None:
    run = run_of(
        forced(Forced.LIQUIDATION, "t1", "o1", a="1"),
        forced(Forced.LIQUIDATION, "t2", "o1", a="1"),
        forced(Forced.ADL, "t3", "o2", a="1"),
    )
    assert [run.forced(kind) for kind in Forced] == [1, 1, 0, 0]


def test_moves_of_wallets_add_up_by_their_kind() -> None:
    moves = [(Flow.TRANSFER, "500"), (Flow.INSURANCE, "7"), (Flow.TRANSFER, "-100")]
    run = run_of(
        *(
            Flowed(
                venue=VENUE,
                move=WalletMove(
                    kind=kind,
                    id=str(n),
                    instrument=None,
                    asset="USDT",
                    amount=D(amount),
                    at=Wall(n),
                ),
                shares={},
            )
            for n, (kind, amount) in enumerate(moves)
        )
    )
    assert run.flows == {Flow.TRANSFER: D(400), Flow.INSURANCE: D(7)}
