"""Somebody else uses the account: the venue treats them like anybody, and the truth names them."""

import re
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from lab.driver import ORDER, Driver
from lab.markets import ASKS, BIDS, ScriptedMarket, snapshot, trade
from lab.running import ACCOUNT, BALANCES
from nightdesk.lab.settings import default_symbol


def refused(d: Driver, kind: str, **more: Any) -> str:
    answer = d.lab_call("POST", "faults", {"kind": kind} | more)
    assert answer.status == 400
    assert d.lab_call("GET", "faults").json == []
    return str(answer.json["error"])


def test_an_order_by_hand_trades_and_its_reports_go_to_the_accounts_stream() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("manual_order", side="BUY", fraction=0.001)
    new, traded = d.reports(stream)
    assert re.fullmatch("web_[0-9a-f]{32}", new["c"])
    assert (new["x"], new["o"], new["S"]) == ("NEW", "MARKET", "BUY")
    assert (traded["x"], traded["X"], traded["c"]) == ("TRADE", "FILLED", new["c"])
    assert d.order(new["c"])["executedQty"] == traded["z"] == "0.99009000"
    events = [m["event"]["e"] for m in d.heard(stream) if "event" in m]
    assert events[-1] == "outboundAccountPosition"
    assert d.balances()["BTC"] == ("10.98909991", "0.00000000")


def test_an_order_by_hand_may_rest_beside_the_desks() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("manual_order", side="SELL", fraction=0.25, bps=50)
    (new,) = d.reports(stream)
    assert (new["o"], new["p"], new["q"], new["w"]) == ("LIMIT", "101.51000000", "2.50000000", True)
    d.fault("manual_order", side="BUY", fraction=0.1, bps=50)
    buy = d.reports(stream)[1]
    assert (buy["p"], buy["q"]) == ("98.50000000", "101.52284000")
    assert len(d.call("GET", "/api/v3/openOrders").json) == 2
    d.happen(trade(1, "101.52", "5", buyer_is_maker=False))
    assert d.reports(stream)[-1]["X"] == "FILLED"


def test_the_truth_names_who_did_it() -> None:
    d = Driver()
    d.place(newClientOrderId="desks", price="50")
    fault = d.fault("manual_order", side="SELL", bps=50)
    d.fault("manual_cancel")
    accept = [e for e in d.lab.log if e.kind == "accept"][1]
    assert accept.sender is not None
    assert (accept.sender.source, accept.sender.node) == ("web", "by hand")
    assert (accept.client_order_id or "").startswith("web_")
    fired = next(e for e in d.lab.log if e.kind == "fault_fired")
    assert (fired.fault, fired.what, fired.client_order_id) == (
        fault,
        "manual_order",
        accept.client_order_id,
    )
    cancel = next(e for e in d.lab.log if e.kind == "cancel")
    assert (cancel.client_order_id, cancel.sender) == ("desks", accept.sender)
    assert d.order("desks")["status"] == "CANCELED"


def test_the_oldest_open_order_is_cancelled_by_hand() -> None:
    d = Driver()
    stream = d.user_stream()
    for name in "ab":
        d.place(newClientOrderId=name, price="50")
    d.fault("manual_cancel", symbol="BTCUSDT")
    last = d.reports(stream)[-1]
    assert (last["x"], last["C"]) == ("CANCELED", "a")
    assert last["c"].startswith("web_")
    assert d.order("b")["status"] == "NEW"
    cancel = {"symbol": "BTCUSDT", "origClientOrderId": "a"}
    assert d.call("DELETE", ORDER, cancel).code == -2011


def test_deposits_and_withdrawals_are_told_and_counted() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("transfer", asset="BTC", amount="-2.5")
    d.fault("transfer", asset="USDT", amount=1000)
    events = [m["event"] for m in d.heard(stream) if "event" in m]
    now_ms = d.now_ns // 1_000_000
    assert events[0] == {
        "e": "balanceUpdate",
        "E": now_ms,
        "a": "BTC",
        "d": "-2.50000000",
        "T": now_ms,
    }
    assert [e["e"] for e in events] == ["balanceUpdate", "outboundAccountPosition"] * 2
    assert events[1]["B"] == [{"a": "BTC", "f": "7.50000000", "l": "0.00000000"}]
    assert d.balances()["USDT"] == ("101000.00000000", "0.00000000")
    account = d.lab_call("GET", "account", query="name=desk").json["balances"]
    assert account["BTC"] == {
        "free": "7.5",
        "locked": "0",
        "initial": "10",
        "transferred": "-2.5",
    }
    told = [e for e in d.lab.log if e.kind == "transfer"]
    assert [(e.account, e.asset, e.amount) for e in told] == [
        ("desk", "BTC", D("-2.5")),
        ("desk", "USDT", D(1000)),
    ]
    assert {e.sender.source for e in told if e.sender} == {"web"}
    assert [e.what for e in d.lab.log if e.kind == "fault_fired"] == ["transfer"] * 2


def test_nobody_can_do_by_hand_what_the_venue_forbids() -> None:
    d = Driver()
    assert refused(d, "transfer", asset="BTC", amount="-10.1") == "the account has 10 BTC free"
    assert "NOTIONAL" in refused(d, "manual_order", fraction=0.00001)
    assert "LOT_SIZE" in refused(d, "manual_order", side="SELL", fraction=1e-9)
    assert "PERCENT_PRICE" in refused(d, "manual_order", bps=9999, fraction=0.00001)
    assert refused(Driver(orders_per_10s_max=0), "manual_order").startswith(
        "the venue refuses: -1015"
    )
    assert refused(Driver(accounts=()), "manual_order") == "this lab has no account"
    assert refused(Driver(ScriptedMarket([]), symbols=()), "manual_order") == (
        "this lab has no symbol"
    )
    empty = Driver(ScriptedMarket([]))
    assert "liquidity" in refused(empty, "manual_order")
    assert refused(empty, "manual_order", bps=1) == ("nobody else has a price to buy BTCUSDT at")
    for driver in (d, empty):
        counts = driver.call("GET", "/api/v3/rateLimit/order").json
        assert [c["count"] for c in counts] == [0, 0]
    d.fault("manual_order", bps=5)
    assert d.call("GET", "/api/v3/rateLimit/order").json[0]["count"] == 1


def test_which_account_and_symbol_can_be_said() -> None:
    symbols = (default_symbol("BTCUSDT"), default_symbol("ETHUSDT"))
    other = msgspec.structs.replace(
        ACCOUNT, name="other", api_key="o", balances=BALANCES | {"ETH": D(1)}
    )
    opening = [snapshot(BIDS, ASKS, symbol=s.symbol) for s in symbols]
    d = Driver(ScriptedMarket(opening), accounts=(ACCOUNT, other), symbols=symbols)
    stream = d.user_stream()
    d.fault("manual_order", account="other", symbol="ETHUSDT", side="SELL", bps=5)
    (accept,) = [e for e in d.lab.log if e.kind == "accept"]
    assert (accept.account, accept.symbol) == ("other", "ETHUSDT")
    assert d.reports(stream) == []


def test_hands_are_drawn_from_the_seed() -> None:
    def ids(seed: int) -> list[str | None]:
        d = Driver(seed=seed)
        for _ in range(3):
            d.fault("manual_order", bps=50, fraction=0.01)
        return [e.client_order_id for e in d.lab.log if e.kind == "accept"]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)
    assert len(set(ids(1))) == 3


@pytest.mark.parametrize("bps", [0, 20])
def test_hands_conserve_money(bps: int) -> None:
    d = Driver()
    for side, fraction in (("BUY", 0.0005), ("SELL", 0.1)):
        d.fault("manual_order", side=side, fraction=fraction, bps=bps)
    d.fault("transfer", asset="BTC", amount="1.5")
    while d.lab.exchange.accounts["desk"].open_ids:
        d.fault("manual_cancel")
    exchange = d.lab.exchange
    for asset, purse in exchange.accounts["desk"].wallet.purses.items():
        gain = exchange.settlement.market_gain.get(asset, D(0))
        gone = gain + exchange.settlement.fees.get(asset, D(0))
        assert purse.free + gone == purse.initial + purse.transferred
        assert purse.locked == 0


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
