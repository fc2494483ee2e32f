"""The WebSocket API: envelope, sessions, orders, account events."""

from lab.driver import LIMIT, MS, ORDER, Driver, ed25519_signer
from lab.markets import trade
from lab.running import ACCOUNT
from lab.test_core import ED_ACCOUNT, PRIVATE

SIGN = ed25519_signer(PRIVATE)


def test_answers_carry_id_status_result_and_limits_unless_told_not_to() -> None:
    d = Driver()
    conn = d.open("/ws-api/v3")
    answer = d.ask(conn, "time", request_id="abc")
    assert answer["id"] == "abc"
    assert answer["result"] == {"serverTime": answer["result"]["serverTime"]}
    assert answer["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
    assert "rateLimits" not in d.ask(conn, "v3/time", {"returnRateLimits": False})
    quiet = d.open("/ws-api/v3?returnRateLimits=false")
    assert "rateLimits" not in d.ask(quiet, "ping")
    assert "rateLimits" in d.ask(quiet, "ping", {"returnRateLimits": True})


def test_orders_live_their_life_over_one_socket() -> None:
    d = Driver()
    conn = d.open("/ws-api/v3")
    order = LIMIT | {"price": "100", "quantity": 1.5, "newClientOrderId": "a"}
    placed = d.ask(conn, "order.place", d.signed(order | {"returnRateLimits": True}))
    assert (placed["status"], placed["result"]["origQty"]) == (200, "1.50000000")
    assert [r["count"] for r in placed["rateLimits"]] == [1, 1, 3]
    mine = {"symbol": "BTCUSDT", "origClientOrderId": "a"}
    assert d.ask(conn, "order.status", d.signed(mine))["result"]["status"] == "NEW"
    assert len(d.ask(conn, "openOrders.status", d.signed())["result"]) == 1
    assert d.ask(conn, "order.cancel", d.signed(mine))["result"]["status"] == "CANCELED"
    missing = d.ask(conn, "order.cancel", d.signed(mine))
    assert missing["error"] == {"code": -2011, "msg": "Unknown order sent."}
    for method, params in (
        ("order.test", order),
        ("allOrders", {"symbol": "BTCUSDT"}),
        ("myTrades", {"symbol": "BTCUSDT"}),
        ("account.status", {}),
        ("account.rateLimits.orders", {}),
    ):
        assert d.ask(conn, method, d.signed(params))["status"] == 200


def test_signatures_cover_the_other_parameters_in_order_of_their_names() -> None:
    d = Driver()
    conn = d.open("/ws-api/v3")
    bad = d.signed({"symbol": "BTCUSDT"}) | {"symbol": "ETHUSDT"}
    assert d.ask(conn, "openOrders.status", bad)["error"]["code"] == -1022
    no_key = {"symbol": "BTCUSDT", "timestamp": 1}
    refused = d.ask(conn, "openOrders.status", no_key)
    assert (refused["status"], refused["error"]["code"]) == (400, -1102)


def test_public_methods_need_no_key() -> None:
    d = Driver()
    conn = d.open("/ws-api/v3")
    assert d.ask(conn, "depth", {"symbol": "BTCUSDT", "limit": 1})["result"]["bids"]
    assert d.ask(conn, "ticker.price", {"symbol": "BTCUSDT"})["result"]["price"]
    assert d.ask(conn, "exchangeInfo", {"symbols": ["BTCUSDT"]})["result"]["symbols"]
    unknown = d.ask(conn, "make.coffee")
    assert unknown["error"] == {"code": -1020, "msg": "This operation is not supported."}


def test_text_that_is_no_request_is_refused() -> None:
    d = Driver()
    conn = d.open("/ws-api/v3")
    d.say(conn, "{")
    assert d.heard(conn)[0]["error"] == {"code": -1135, "msg": "Invalid JSON Request"}


def test_a_session_logs_on_with_ed25519_and_needs_no_further_signatures() -> None:
    d = Driver(accounts=(ED_ACCOUNT,))
    conn = d.open("/ws-api/v3")
    assert d.ask(conn, "session.status")["result"]["apiKey"] is None
    on = d.ask(conn, "session.logon", d.signed(key="ed-key", sign=SIGN))["result"]
    assert (on["apiKey"], on["userDataStream"]) == ("ed-key", False)
    now = {"timestamp": d.now_ns // MS}
    placed = d.ask(conn, "order.place", LIMIT | {"price": "100", "quantity": "1"} | now)
    assert placed["status"] == 200
    assert d.ask(conn, "userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    assert d.ask(conn, "session.subscriptions")["result"] == [{"subscriptionId": 0}]
    off = d.ask(conn, "session.logout")["result"]
    assert (off["apiKey"], off["userDataStream"]) == (None, False)
    assert d.heard(conn)[-2]["event"]["e"] == "eventStreamTerminated"
    assert d.ask(conn, "openOrders.status", now)["error"]["code"] == -1102


def test_hmac_keys_cannot_log_on() -> None:
    d = Driver()
    conn = d.open("/ws-api/v3")
    refused = d.ask(conn, "session.logon", d.signed())
    assert (refused["status"], refused["error"]["code"]) == (401, -1002)
    assert d.ask(conn, "userDataStream.subscribe")["status"] == 401


def test_account_events_tell_every_step_and_every_balance() -> None:
    d = Driver()
    conn = d.user_stream()
    d.place(newClientOrderId="a", strategyId=5)
    d.happen(trade(1, "100.00", "0.4", buyer_is_maker=True))
    d.call("DELETE", ORDER, {"symbol": "BTCUSDT", "origClientOrderId": "a"})
    assert [(r["x"], r["X"], r["z"], r["w"]) for r in d.reports(conn)] == [
        ("NEW", "NEW", "0.00000000", True),
        ("TRADE", "PARTIALLY_FILLED", "0.40000000", True),
        ("CANCELED", "CANCELED", "0.40000000", False),
    ]
    fill, cancel = d.reports(conn)[1:]
    assert (fill["l"], fill["L"], fill["n"], fill["N"]) == (
        "0.40000000",
        "100.00000000",
        "0.00040000",
        "BTC",
    )
    assert (fill["m"], fill["j"]) == (True, 5)
    assert (cancel["C"], cancel["c"] != "a") == ("a", True)
    positions = [m["event"] for m in d.heard(conn) if "event" in m]
    positions = [e for e in positions if e["e"] == "outboundAccountPosition"]
    assert [sorted(b["a"] for b in p["B"]) for p in positions] == [
        ["USDT"],
        ["BTC", "USDT"],
        ["USDT"],
    ]


def test_prevented_matches_and_expiries_are_told_with_their_fields() -> None:
    d = Driver()
    conn = d.user_stream()
    d.place(side="SELL", price="100.50")
    d.place(price="100.50", selfTradePreventionMode="EXPIRE_BOTH")
    prevented = [r for r in d.reports(conn) if r["x"] == "TRADE_PREVENTION"]
    assert [(r["X"], r["A"], r["U"]) for r in prevented] == [
        ("EXPIRED_IN_MATCH", "1.00000000", 2),
        ("EXPIRED_IN_MATCH", "1.00000000", 1),
    ]
    d.place(price="100", timeInForce="IOC")
    assert d.reports(conn)[-1]["eR"] == "UNFILLED_IOC_QUANTITY_EXPIRED"


def test_an_account_is_heard_once_per_connection_and_until_unsubscribed() -> None:
    d = Driver()
    conn = d.user_stream()
    again = d.ask(conn, "userDataStream.subscribe.signature", d.signed())
    assert again["error"]["code"] == -2035
    assert d.ask(conn, "userDataStream.unsubscribe")["result"] == {}
    d.place()
    assert d.reports(conn) == []
    gone = d.ask(conn, "userDataStream.unsubscribe", {"subscriptionId": 7})
    assert gone["error"]["code"] == -2036


def test_one_connection_can_hear_several_accounts() -> None:
    d = Driver(accounts=(ACCOUNT, ED_ACCOUNT))
    conn = d.user_stream()
    d.ask(
        conn,
        "userDataStream.subscribe.signature",
        d.signed(key="ed-key", sign=SIGN),
    )
    d.place(price="100.50", side="SELL")
    d.call(
        "POST",
        ORDER,
        LIMIT | {"price": "100.50", "quantity": "1"},
        key="ed-key",
        sign=SIGN,
    )
    numbers = [
        (m["subscriptionId"], m["event"]["x"])
        for m in d.heard(conn)
        if m.get("event", {}).get("e") == "executionReport"
    ]
    assert numbers == [(0, "NEW"), (1, "NEW"), (0, "TRADE"), (1, "TRADE")]


def test_limits_hold_over_the_websocket_api_too() -> None:
    d = Driver(weight_per_minute_max=12)
    conn = d.open("/ws-api/v3")
    d.ask(conn, "depth", {"symbol": "BTCUSDT"})
    d.ask(conn, "depth", {"symbol": "BTCUSDT"})
    refused = d.ask(conn, "ping")
    assert (refused["status"], refused["error"]["code"]) == (429, -1003)
    assert refused["error"]["data"]["retryAfter"] > refused["error"]["data"]["serverTime"]
