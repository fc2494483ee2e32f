"""What the venue's accounts hold, spot's money and contracts' wallets beside each other."""

from audit.contracts import (
    ETH_PERP,
    PERP,
    WALLET,
    both,
    flowed,
    forced,
    long,
    opened_with,
    paid,
    taken,
    traded,
)
from audit.told import accept, fill, reconciled
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.ledger import Ledger
from nightdesk.model.account import Flow


def told(*facts: Fact) -> Ledger:
    ledger = Ledger("practice")
    for fact in facts:
        ledger.hear(fact)
    return ledger


def held(*facts: Fact) -> dict[str, str]:
    balances = told(both(), opened_with(), *facts).accounts.balances() or {}
    return {asset: str(amount) for asset, amount in balances.items() if amount}


def test_a_trade_of_contracts_moves_the_position_and_what_closing_earned_less_the_fee() -> None:
    sold = {"side": "SELL", "number": 2, "realised": D(5), "fee": D("0.1"), "fee_asset": "USDT"}
    assert held(*long("2"), taken(5, "1", 2, side="SELL"), traded(5, "1", **sold)) == {
        WALLET: "1004.9",
        PERP: "1",
    }


def test_funding_and_transfers_move_the_wallet_and_no_position() -> None:
    facts = [*long(), paid(5), paid(6, "50", "transfer")]
    assert held(*facts) == {WALLET: "1049", PERP: "1"}
    ledger = told(both(), opened_with(), *facts)
    assert ledger.positions() == {PERP: D(1)}
    assert ledger.accounts.strange_ns.keys() == {WALLET}


def test_the_insurance_fund_gives_by_the_venues_word_alone() -> None:
    booked = flowed(5, "7", Flow.INSURANCE), flowed(6, "-3", Flow.INSURANCE, id="2")
    assert held(*booked)[WALLET] == "1000"
    assert held(paid(5, "7", "insurance"), *booked)[WALLET] == "1007"


def test_spot_and_contracts_of_one_symbol_never_mix() -> None:
    spot = [accept(1, "3", client_order_id=an_id(8)), fill(1, "3", client_order_id=an_id(8))]
    ledger = told(both(), reconciled(BTC="1", USDT="500"), opened_with(), *long(), *spot)
    assert ledger.positions() == {PERP: D(1), "binance:BTCUSDT": D(3)}
    assert ledger.accounts.balances() == {
        "BTC": D(4),
        "USDT": D(200),
        WALLET: D(1000),
        PERP: D(1),
        ETH_PERP: D(0),
    }


def test_each_venue_is_opened_when_it_is_compared_first() -> None:
    ledger = told(both(), *long(), opened_with(5, "900", surplus="1"), paid(6))
    assert (ledger.accounts.balances() or {})[WALLET] == D(899)
    ledger.hear(reconciled(7, BTC="2"))
    ledger.hear(opened_with(8, "5"))  # compared again: what was opened is followed by the log
    assert ledger.accounts.balances() == {WALLET: D(899), PERP: D(1), ETH_PERP: D(0), "BTC": D(2)}


def test_what_a_venue_trades_by_itself_changes_the_position_and_is_known_as_such() -> None:
    ledger = told(both(), opened_with(), *long(), *forced(5, "0.4"))
    assert ledger.positions() == {PERP: D("0.6")}
    assert ledger.accounts.strange_ns.keys() == {WALLET, PERP}
    # Before the books were opened it is in what they were opened with.
    assert told(both(), *forced(-950), opened_with()).positions() == {}
    # At spot nobody trades by force: such a name is somebody's own.
    spot = {"venue": None, "reduce_only": None}
    assert told(both(), reconciled(BTC="1"), *forced(5, **spot)).positions() == {}
