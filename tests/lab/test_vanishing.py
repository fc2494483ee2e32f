"""An order the venue does not show for a while is there all the same."""

from typing import Any

from lab.driver import ORDER, SECOND, Driver
from lab.markets import trade

SYMBOL = {"symbol": "BTCUSDT"}


def shown(d: Driver, path: str) -> list[Any]:
    return [row["clientOrderId"] for row in d.call("GET", f"/api/v3/{path}", SYMBOL).json]


def three(d: Driver) -> None:
    for name in "abc":
        d.place(newClientOrderId=name, price="50")


def test_the_order_asked_for_vanishes_from_every_answer_and_comes_back() -> None:
    d = Driver()
    three(d)
    d.fault("order_vanishes", duration_ms=2000)
    assert d.order("b")["code"] == -2013
    assert d.order("c")["status"] == "NEW"
    assert shown(d, "openOrders") == ["a", "c"]
    assert shown(d, "allOrders") == ["a", "c"]
    fired = [e for e in d.lab.log if e.kind == "fault_fired"]
    assert [(e.what, e.client_order_id) for e in fired] == [("order_vanishes", "b")] * 3
    d.pass_time(2 * SECOND)
    assert d.order("b")["status"] == "NEW"
    assert shown(d, "allOrders") == ["a", "b", "c"]


def test_where_a_list_is_asked_for_first_its_newest_order_vanishes() -> None:
    d = Driver()
    three(d)
    d.fault("order_vanishes")
    assert shown(d, "openOrders") == ["a", "b"]
    assert d.order("c")["code"] == -2013


def test_which_order_vanishes_and_where_can_be_said() -> None:
    d = Driver()
    three(d)
    d.fault("order_vanishes", match={"path": "/api/v3/openOrders", "param": {"clientOrderId": "a"}})
    assert shown(d, "openOrders") == ["b", "c"]
    assert d.order("a")["status"] == "NEW"
    assert shown(d, "allOrders") == ["a", "b", "c"]


def test_a_vanished_order_trades_and_can_be_cancelled() -> None:
    d = Driver()
    stream = d.user_stream()
    d.place(newClientOrderId="a", price="100", quantity="1")
    d.fault("order_vanishes")
    assert d.order("a")["code"] == -2013
    d.happen(trade(1, "100", "0.4", buyer_is_maker=True))
    trades = d.call("GET", "/api/v3/myTrades", SYMBOL).json
    assert [t["qty"] for t in trades] == ["0.40000000"]
    canceled = d.call("DELETE", ORDER, SYMBOL | {"origClientOrderId": "a"}).json
    assert (canceled["status"], canceled["executedQty"]) == ("CANCELED", "0.40000000")
    assert [r["x"] for r in d.reports(stream)] == ["NEW", "TRADE", "CANCELED"]
    assert d.order("a")["code"] == -2013


def test_an_order_that_never_was_uses_up_no_fault() -> None:
    d = Driver()
    d.fault("order_vanishes", count=1)
    assert d.order("nothing")["code"] == -2013
    three(d)
    assert shown(d, "openOrders") == ["a", "b"]
    assert shown(d, "openOrders") == ["a", "b", "c"]
