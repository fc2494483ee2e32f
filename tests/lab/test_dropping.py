"""A stop that the venue loses, and nobody is told."""

from typing import Any

from lab.driver import ORDER, Driver
from lab.markets import trade

STOP: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_LOSS",
    "quantity": "1",
    "stopPrice": "95",
    "newClientOrderId": "stop",
}


def test_a_dropped_stop_is_told_nowhere_and_shows_only_when_asked() -> None:
    d = Driver()
    stream = d.user_stream()
    assert d.call("POST", ORDER, STOP).status == 200
    heard = len(d.heard(stream))
    d.fault("stop_dropped")
    d.happen(trade(1, "90", "5", buyer_is_maker=True))
    assert len(d.heard(stream)) == heard
    assert d.call("GET", "/api/v3/openOrders").json == []
    assert d.order("stop")["status"] == "EXPIRED"
    assert d.order("stop")["expiryReason"] == "EXCHANGE_CANCELED"
    assert d.balances()["BTC"] == ("10.00000000", "0.00000000")
    fired = [e for e in d.lab.log if e.kind == "fault_fired"]
    assert [e.client_order_id for e in fired] == ["stop"]


def test_the_other_leg_of_a_dropped_stop_lives_on_and_keeps_the_lock() -> None:
    d = Driver()
    oco = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "price": "105", "stopPrice": "95"}
    assert d.call("POST", f"{ORDER}/oco", oco | {"limitClientOrderId": "limit"}).status == 200
    d.fault("stop_dropped", symbol="BTCUSDT", account="desk")
    assert d.balances()["BTC"] == ("9.00000000", "1.00000000")
    d.happen(trade(1, "106", "1", buyer_is_maker=False))
    assert d.order("limit")["status"] == "FILLED"
    assert d.call("GET", "/api/v3/openOrderList").json == []


def test_without_a_waiting_order_there_is_nothing_to_drop() -> None:
    d = Driver()
    d.place()
    answer = d.lab_call("POST", "faults", {"kind": "stop_dropped"})
    assert (answer.status, answer.json["error"]) == (400, "no order waits for its price")
