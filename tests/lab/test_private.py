"""Account queries, now and as of a moment ago."""

from lab.driver import MS, ORDER, SECOND, Driver
from lab.markets import trade


def test_an_order_is_found_by_either_id_and_both_must_fit() -> None:
    d = Driver()
    placed = d.place(newClientOrderId="a").json
    base = {"symbol": "BTCUSDT"}
    by_id = d.call("GET", ORDER, base | {"orderId": placed["orderId"]}).json
    assert by_id == d.order("a")
    wrong = d.call("GET", ORDER, base | {"orderId": placed["orderId"], "origClientOrderId": "b"})
    assert wrong.error == (400, -2013, "Order does not exist.")
    assert d.call("GET", ORDER, base).code == -1102


def test_trades_and_orders_are_listed_and_can_be_narrowed() -> None:
    d = Driver()
    d.place(newClientOrderId="a", price="100")
    d.happen(trade(5, "100.00", "0.4", buyer_is_maker=True))
    d.place(price="101", quantity="0.1")
    base = {"symbol": "BTCUSDT"}
    trades = d.call("GET", "/api/v3/myTrades", base).json
    assert [(t["qty"], t["isMaker"]) for t in trades] == [
        ("0.40000000", True),
        ("0.10000000", False),
    ]
    first = d.call("GET", "/api/v3/myTrades", base | {"orderId": 1}).json
    assert first == trades[:1]
    later = d.call("GET", "/api/v3/myTrades", base | {"fromId": trades[1]["id"]}).json
    assert later == trades[1:]
    orders = d.call("GET", "/api/v3/allOrders", base).json
    assert [o["status"] for o in orders] == ["PARTIALLY_FILLED", "FILLED"]
    assert len(d.call("GET", "/api/v3/allOrders", base | {"limit": 1}).json) == 1
    assert [o["orderId"] for o in d.call("GET", "/api/v3/openOrders").json] == [1]


def test_balances_show_what_is_locked() -> None:
    d = Driver()
    d.place(price="100", quantity="2")
    assert d.balances()["USDT"] == ("99800.00000000", "200.00000000")
    account = d.call("GET", "/api/v3/account", {"omitZeroBalances": "true"}).json
    assert [b["asset"] for b in account["balances"]] == ["BTC", "USDT"]


def test_a_lagging_read_describes_a_moment_ago() -> None:
    d = Driver()
    d.pass_time(SECOND)
    d.fault("read_lag", ms=200)
    d.place(newClientOrderId="a", price="100")
    assert d.order("a")["code"] == -2013
    assert d.call("GET", "/api/v3/openOrders").json == []
    assert d.balances()["USDT"] == ("100000.00000000", "0.00000000")
    d.pass_time(200 * MS)
    assert d.order("a")["status"] == "NEW"
    d.happen(trade(1, "100.00", "0.4", buyer_is_maker=True))
    assert d.order("a")["executedQty"] == "0.00000000"
    assert d.call("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT"}).json == []
    d.pass_time(200 * MS)
    assert d.order("a")["executedQty"] == "0.40000000"
    assert len(d.call("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT"}).json) == 1


def test_a_setting_can_make_every_read_lag() -> None:
    d = Driver(read_lag_ns=SECOND)
    d.place(newClientOrderId="a")
    assert d.order("a")["code"] == -2013
    d.pass_time(SECOND)
    assert d.order("a")["status"] == "NEW"


def test_a_reused_client_id_means_the_newest_order() -> None:
    d = Driver()
    d.place(newClientOrderId="a", price="90")
    d.call("DELETE", ORDER, {"symbol": "BTCUSDT", "origClientOrderId": "a"})
    d.place(newClientOrderId="a", price="91")
    assert d.order("a")["price"] == "91.00000000"


def test_more_than_a_day_between_start_and_end_is_refused() -> None:
    params = {"symbol": "BTCUSDT", "startTime": 1, "endTime": 86_400_002}
    assert Driver().call("GET", "/api/v3/allOrders", params).code == -1127
