"""What a journal says that each strategy holds."""

from audit.contracts import MINE, OTHER, PERP, adopted, both, force_traded, opened_with, wanted
from audit.told import configured, executed, intended, reconciled, reported
from builders import BTCUSDT, D, an_id
from nightdesk.audit.books import DESK_OWN
from nightdesk.audit.facts import Fact
from nightdesk.audit.ledger import Ledger
from nightdesk.model.order import Side, VenueStatus


def held(*facts: Fact) -> dict[tuple[str, str], str]:
    ledger = Ledger()
    for fact in facts:
        ledger.hear(fact)
    return {owner: str(qty) for owner, qty in ledger.books.held.items() if qty}


def test_fills_are_counted_once_and_fees_in_base_taken_off() -> None:
    fee = {"fee": D("0.1"), "fee_asset": "BTC"}
    trade = executed(5, **fee)
    known = [configured(), intended(), reported(VenueStatus.WORKING, "0.5"), trade, trade]
    assert held(*known) == {(MINE, BTCUSDT): "0.9"}


def test_a_contract_pays_no_fee_out_of_its_position() -> None:
    trade = executed(5, instrument=PERP, fee=D("0.1"), fee_asset="BTC")
    assert held(both(), wanted(), trade) == {(MINE, PERP): "1"}


def test_markets_strategies_and_what_was_adopted_stand_beside_each_other() -> None:
    other = {"strategy": OTHER, "side": Side.SELL, "client_id": an_id(2)}
    facts = [
        both(), reconciled(surplus="2"), opened_with(surplus="3"), wanted(), intended(**other),
        executed(5, instrument=PERP), executed(6, client_id=an_id(2), trade_id="2", side=Side.SELL),
    ]  # fmt: skip
    assert held(*facts) == {
        (DESK_OWN, BTCUSDT): "2",
        (DESK_OWN, PERP): "3",
        (MINE, PERP): "1",
        (OTHER, BTCUSDT): "-1",
    }


def test_what_the_venue_trades_by_itself_is_taken_off_whose_it_was() -> None:
    facts = [both(), opened_with(surplus="1"), wanted(), executed(5, instrument=PERP)]
    shares = {MINE: "0.75", DESK_OWN: "0.25"}
    assert held(*facts, force_traded(6, **shares)) == {
        (MINE, PERP): "0.25",
        (DESK_OWN, PERP): "0.75",
    }


def test_what_somebody_closed_by_hand_is_taken_off_whose_it_was() -> None:
    facts = [both(), opened_with(surplus="1"), wanted(), executed(5, instrument=PERP)]
    assert held(*facts, adopted(6, "-1.5", **{MINE: "-1"})) == {(DESK_OWN, PERP): "0.5"}
