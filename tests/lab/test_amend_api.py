"""An order made smaller where it is: its place, its lock, its name, and what is told of it."""

from typing import Any

import pytest

from lab.driver import ORDER, Answer, Driver
from lab.markets import trade

AMEND = f"{ORDER}/amend/keepPriority"
SYMBOL = {"symbol": "BTCUSDT"}


def amend(d: Driver, client_id: str, quantity: str, **more: Any) -> Answer:
    return d.call(
        "PUT", AMEND, SYMBOL | {"origClientOrderId": client_id, "newQty": quantity} | more
    )


def test_an_amended_order_keeps_its_place_and_frees_what_it_needs_no_more() -> None:
    d = Driver()
    stream = d.user_stream()
    d.place("99", "2", newClientOrderId="a")  # behind the one that the market shows
    d.happen(trade(1, "99", "0.7", buyer_is_maker=True))
    told = amend(d, "a", "1.5", newClientOrderId="b").json
    assert told["amendedOrder"]["origClientOrderId"] == "a"
    assert (told["amendedOrder"]["clientOrderId"], told["amendedOrder"]["qty"]) == (
        "b",
        "1.50000000",
    )
    assert d.balances()["USDT"] == ("99851.50000000", "148.50000000")
    d.happen(trade(2, "99", "0.8", buyer_is_maker=True))
    assert (d.order("b")["executedQty"], d.order("b")["origQty"]) == ("0.50000000", "1.50000000")
    assert d.order("a")["code"] == -2013
    replaced = d.reports(stream)[1]
    assert (replaced["x"], replaced["X"], replaced["c"], replaced["C"]) == (
        *("REPLACED", "NEW", "b", "a"),
    )
    assert replaced["I"] == told["executionId"]
    d.happen(trade(3, "99", "5", buyer_is_maker=True))
    assert d.order("b")["status"] == "FILLED"
    assert d.balances()["USDT"][1] == "0.00000000"


def test_amendments_are_listed_and_the_old_name_is_free() -> None:
    d = Driver()
    number = d.place("99", "2", newClientOrderId="a").json["orderId"]
    amend(d, "a", "1.5", newClientOrderId="b")
    amend(d, "b", "1")
    rows = d.call("GET", f"{ORDER}/amendments", SYMBOL | {"orderId": number}).json
    assert [(r["origQty"], r["newQty"]) for r in rows] == [
        ("2.00000000", "1.50000000"),
        ("1.50000000", "1.00000000"),
    ]
    later = SYMBOL | {"orderId": number, "fromExecutionId": rows[1]["executionId"]}
    assert d.call("GET", f"{ORDER}/amendments", later).json == rows[1:]
    assert d.place("98", newClientOrderId="a").status == 200


@pytest.mark.parametrize(
    ("client_id", "quantity", "more", "code", "text"),
    [
        ("a", "3", {}, -2038, "Order amend (quantity increase) is not supported."),
        ("a", "2", {}, -2038, "The requested action would change no state; rejecting"),
        ("no", "1", {}, -2038, "Unknown order sent."),
        ("a", "1", {"newClientOrderId": "other"}, -2038, "Duplicate order sent."),
        ("a", "0", {}, -1013, "Invalid quantity."),
        ("a", "0.000001", {}, -1013, "Filter failure: LOT_SIZE"),
        ("a", "0.01", {}, -1013, "Filter failure: NOTIONAL"),
    ],
)
def test_what_cannot_be_amended_stays_as_it_was(
    client_id: str, quantity: str, more: dict[str, Any], code: int, text: str
) -> None:
    d = Driver()
    d.place("99", "2", newClientOrderId="a")
    d.place("98", "1", newClientOrderId="other")
    assert amend(d, client_id, quantity, **more).error == (400, code, text)
    assert d.order("a")["origQty"] == "2.00000000"


def test_an_order_is_amended_only_so_often() -> None:
    d = Driver()
    d.place("99", "2", newClientOrderId="a")
    for number in range(10):
        assert amend(d, "a", f"1.{9 - number}", newClientOrderId="a").status == 200
    refused = amend(d, "a", "0.5", newClientOrderId="a")
    assert refused.error == (400, -2038, "Filter failure: MAX_NUM_ORDER_AMENDS")


def test_both_orders_of_a_pair_become_smaller_and_the_list_has_the_new_name() -> None:
    d = Driver()
    stream = d.user_stream()
    old = SYMBOL | {"side": "BUY", "quantity": "2", "price": "90", "stopPrice": "110"}
    names = {"limitClientOrderId": "limit", "stopClientOrderId": "stop"}
    d.call("POST", f"{ORDER}/oco", old | names)
    conn = d.open("/ws-api/v3")
    asked = SYMBOL | {"origClientOrderId": "limit", "newQty": "1", "newClientOrderId": "less"}
    told = d.ask(conn, "order.amend.keepPriority", d.signed(asked))["result"]
    assert [o["clientOrderId"] for o in told["listStatus"]["orders"]] == ["stop", "less"]
    assert [d.order(i)["origQty"] for i in ("stop", "less")] == ["1.00000000", "1.00000000"]
    assert d.balances()["USDT"] == ("99890.00000000", "110.00000000")
    events = [m["event"] for m in d.heard(stream) if "event" in m]
    assert [e["l"] for e in events if e["e"] == "listStatus"] == ["EXEC_STARTED", "UPDATED"]
    d.happen(trade(1, "89", "5", buyer_is_maker=True))
    assert (d.order("less")["status"], d.order("stop")["status"]) == ("FILLED", "EXPIRED")
    assert d.balances()["USDT"][1] == "0.00000000"
