"""An engine that refuses without a reason: nothing happened, and the truth knows why."""

from typing import Any

from lab.driver import ORDER, Driver
from lab.markets import trade

CANCEL = {"symbol": "BTCUSDT", "origClientOrderId": "a"}


def facts(d: Driver) -> list[tuple[Any, ...]]:
    kinds = ("accept", "refusal", "cancel", "fault_fired")
    return [(str(e.kind), e.client_order_id, e.code, e.what) for e in d.lab.log if e.kind in kinds]


def test_an_order_may_be_refused_for_want_of_money_that_is_there() -> None:
    d = Driver()
    d.fault("insufficient_balance", count=1)
    refused = d.place(newClientOrderId="a")
    text = "Account has insufficient balance for requested action."
    assert refused.error == (400, -2010, text)
    assert d.order("a")["code"] == -2013
    assert facts(d)[:2] == [
        ("fault_fired", "a", None, "insufficient_balance"),
        ("refusal", "a", -2010, "POST /api/v3/order"),
    ]
    assert d.call("GET", "/api/v3/rateLimit/order").json[0]["count"] == 0
    assert d.place(newClientOrderId="a").status == 200


def test_a_venue_that_only_cancels_refuses_every_new_order() -> None:
    d = Driver()
    d.place(newClientOrderId="a", price="50")
    d.fault("cancel_only", duration_ms=1000)
    assert d.place(newClientOrderId="b").error == (400, -1013, "Market is closed.")
    both = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "a"}
    order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50", "quantity": "1"}
    replaced = d.call("POST", f"{ORDER}/cancelReplace", {"symbol": "BTCUSDT"} | both | order)
    assert (replaced.status, replaced.code) == (409, -2021)
    assert replaced.json["data"]["newOrderResponse"]["code"] == -1013
    assert d.order("a")["status"] == "CANCELED"
    d.pass_time(1_000_000_000)
    assert d.place(newClientOrderId="b").status == 200


def test_the_new_orders_of_one_symbol_may_be_refused() -> None:
    d = Driver()
    d.fault("cancel_only", match={"param": {"symbol": "ETHUSDT"}})
    assert d.place().status == 200


def test_an_order_that_lives_may_be_unknown_to_whoever_cancels_it() -> None:
    d = Driver()
    d.place(newClientOrderId="a", price="50")
    d.fault("unknown_order_on_cancel", count=2)
    assert d.call("DELETE", ORDER, CANCEL).error == (400, -2011, "Unknown order sent.")
    every = d.call("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"})
    assert every.error == (400, -2011, "Unknown order sent.")
    assert d.order("a")["status"] == "NEW"
    assert [what for kind, *_, what in facts(d) if kind == "fault_fired"] == [
        "unknown_order_on_cancel"
    ] * 2
    assert d.call("DELETE", ORDER, CANCEL).status == 200


def test_an_order_that_is_really_unknown_uses_up_no_fault() -> None:
    d = Driver()
    fault = d.fault("unknown_order_on_cancel", count=1)
    assert d.call("DELETE", ORDER, CANCEL).code == -2011
    assert d.call("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}).code == -2011
    assert d.lab_call("GET", "faults").json == [
        {"id": fault, "active": True, "fired": 0, "kind": "unknown_order_on_cancel", "count": 1}
    ]


def test_the_next_match_may_expire_the_order_that_takes() -> None:
    d = Driver()
    stream = d.user_stream()
    d.fault("stp_expire", count=1)
    d.place(newClientOrderId="rests", price="50")
    placed = d.place(newClientOrderId="a", price="101", quantity="0.5").json
    assert (placed["status"], placed["executedQty"], placed["fills"]) == (
        "EXPIRED_IN_MATCH",
        "0.00000000",
        [],
    )
    assert placed["preventedQuantity"] == "0.50000000"
    last = d.reports(stream)[-1]
    assert (last["x"], last["X"], last["c"]) == ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", "a")
    assert (last["pL"], last["U"]) == ("101.00000000", placed["orderId"] + 1)
    assert d.order("a")["status"] == "EXPIRED_IN_MATCH"
    assert d.order("rests")["status"] == "NEW"
    assert d.balances()["USDT"] == ("99950.00000000", "50.00000000")
    ends = [(e.reason, e.client_order_id) for e in d.lab.log if e.kind == "expire"]
    assert ends == [("self-trade prevention", "a")]
    fired = next(e for e in d.lab.log if e.kind == "fault_fired")
    assert (fired.what, fired.reason, fired.client_order_id, fired.symbol) == (
        "stp_expire",
        "match",
        "a",
        "BTCUSDT",
    )
    again = d.place(newClientOrderId="b", price="101", quantity="0.5").json
    assert (again["status"], again["orderId"]) == ("FILLED", placed["orderId"] + 2)


def test_the_next_match_may_expire_the_order_that_rests() -> None:
    d = Driver()
    stream = d.user_stream()
    d.place(newClientOrderId="a", price="100", quantity="1")
    d.place(newClientOrderId="b", price="100", quantity="1")
    d.fault("stp_expire", match={"param": {"clientOrderId": "a"}})
    d.happen(trade(1, "100", "0.4", buyer_is_maker=True))
    assert [(r["c"], r["X"]) for r in d.reports(stream)[2:]] == [("a", "EXPIRED_IN_MATCH")]
    d.happen(trade(2, "99.99", "9", buyer_is_maker=True))
    assert [(r["c"], r["X"]) for r in d.reports(stream)[3:]] == [("b", "FILLED")]
    assert d.balances()["USDT"] == ("99900.00000000", "0.00000000")
    d.happen(trade(3, "99.98", "9", buyer_is_maker=True))
    assert len(d.reports(stream)) == 4
