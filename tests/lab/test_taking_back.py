"""A trade that the venue takes back: the money goes, the lists stay, the truth says so."""

from lab.driver import Driver
from lab.perps import Perps


def test_a_spot_trades_money_goes_back_with_its_fee_and_only_once() -> None:
    d = Driver()
    before = d.balances()
    d.place(price="101", quantity="1")
    assert d.balances() != before
    d.fault("fill_taken_back")
    assert d.balances() == before
    answer = d.lab_call("POST", "faults", {"kind": "fill_taken_back"})
    assert "no trade to take back" in answer.json["error"]
    assert [e.kind for e in d.lab.log].count("transfer") == 2


def test_what_was_spent_meanwhile_cannot_be_taken_back() -> None:
    d = Driver()
    d.place(price="101", quantity="1")
    d.fault("transfer", asset="BTC", amount="-10.5")
    answer = d.lab_call("POST", "faults", {"kind": "fill_taken_back"})
    assert " free" in answer.json["error"]


def test_a_contracts_trade_is_undone_at_its_own_price() -> None:
    p = Perps()
    p.market_order("BUY", "1")
    wallet = p.wallet()
    p.fault("fill_taken_back", venue="usdm")
    assert p.desk.position("BTCUSDT").amount == 0
    assert p.wallet() == wallet, "no profit, no second fee"
    assert p.call("GET", "/fapi/v1/forceOrders", {}).json == []
    answer = p.lab_call("POST", "faults", {"kind": "fill_taken_back", "venue": "usdm"})
    assert "no trade to take back" in answer.json["error"]
