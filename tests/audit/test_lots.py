"""What strategies earned and what wallets have, from the journal's trades and moves alone."""

from decimal import Decimal
from typing import Any

from audit.contracts import (
    MINE,
    OTHER,
    PERP,
    WALLET,
    adopted,
    both,
    flowed,
    force_traded,
    opened_with,
    wanted,
)
from audit.told import executed, intended
from builders import BTCUSDT, D, an_id
from nightdesk.audit.facts import Written
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.lots import Lots
from nightdesk.model.account import Flow
from nightdesk.model.order import Side


def folded(*facts: Written) -> Lots:
    ledger = Ledger()
    lots = Lots(ledger)
    for fact in (both(), opened_with(wallet="100"), *facts):
        ledger.hear(fact)
        lots.learn(fact.record)
    return lots


def trade(number: int, side: Side, price: str, **rest: Any) -> list[Written]:
    """A trade of one of the perpetual."""
    made = {"client_id": an_id(number), "instrument": PERP, "side": side, "price": D(price)}
    return [
        wanted(0, number, side=side, price=D(price)),
        executed(1, trade_id=str(number), **made | rest),
    ]


BUY = trade(1, Side.BUY, "100", fee=D("0.1"), realised=D(0))
SELL = trade(2, Side.SELL, "107", fee=D("0.2"), realised=D(7))


def earned(lots: Lots) -> dict[tuple[str, str], Decimal]:
    return {owner: lot.earned for owner, lot in lots.lots.items()}


def test_a_round_trip_earns_the_difference_less_fees_and_the_wallet_says_the_same() -> None:
    lots = folded(*BUY, *SELL, SELL[1])
    assert earned(lots) == {(MINE, PERP): D("6.7")}
    assert lots.wallets[WALLET] == D("106.7")


def test_funding_is_earned_without_a_trade_and_a_transfer_by_nobody() -> None:
    lots = folded(*BUY, flowed(2, "-3", s="-4", t="1"), flowed(3, "50", Flow.TRANSFER))
    assert earned(lots) == {(MINE, PERP): D("-4.1"), (str(OTHER), PERP): D(1)}
    assert lots.lots[MINE, PERP].qty == 1
    assert lots.wallets[WALLET] == D("146.9")


def test_what_the_venue_trades_by_itself_closes_the_lot() -> None:
    lots = folded(*BUY, force_traded(2, realised="-20", fee="3", s="0.5", t="0.5"))
    lot, other = lots.lots[MINE, PERP], lots.lots[str(OTHER), PERP]
    assert (lot.qty, lot.cost, lot.earned) == (D("0.5"), D(50), D("-3.1"))
    assert (other.qty, other.earned) == (D("-0.5"), D(0))
    assert lots.wallets[WALLET] == D("76.9")


def test_a_fee_of_contracts_is_never_taken_out_of_the_position() -> None:
    lots = folded(*trade(1, Side.BUY, "100", fee=D("0.1"), fee_asset="BTC"))
    assert (lots.lots[MINE, PERP].qty, lots.wallets["usdm/BTC"]) == (D(1), D("-0.1"))


def test_spots_trades_are_no_wallets() -> None:
    lots = folded(intended(), executed(1))
    assert lots.lots[MINE, BTCUSDT].qty == 1
    assert lots.wallets[WALLET] == D(100)


def test_a_trade_on_spot_moves_both_balances_and_takes_its_fee() -> None:
    made = {"price": D(100), "qty": D(2)}
    buys = [intended(client_id=an_id(1), **made), executed(1, client_id=an_id(1), **made)]
    paid = executed(1, client_id=an_id(2), trade_id="2", fee=D("0.5"), side=Side.SELL, **made)
    lots = folded(*buys, intended(client_id=an_id(2), side=Side.SELL, **made), paid)
    assert (lots.wallets["BTC"], lots.wallets["USDT"]) == (D(0), D("-0.5"))
    assert lots.wallets[WALLET] == lots.opened[WALLET] == D(100)


def test_what_somebody_closed_by_hand_earns_nothing() -> None:
    lots = folded(*BUY, adopted(2, "-0.25", s="-0.25"))
    lot = lots.lots[MINE, PERP]
    assert (lot.qty, lot.cost, lot.earned) == (D("0.75"), D(75), D("-0.1"))
