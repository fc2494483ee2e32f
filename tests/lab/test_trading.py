"""Trading endpoints: placing, testing, cancelling, replacing."""

from typing import Any

import pytest

from lab.driver import LIMIT, ORDER, Driver
from lab.markets import trade

REPLACE = f"{ORDER}/cancelReplace"


def replace(d: Driver, **more: Any) -> Any:
    params = LIMIT | {"price": "95", "quantity": "1", "cancelReplaceMode": "STOP_ON_FAILURE"}
    return d.call("POST", REPLACE, params | more)


def test_a_test_order_is_checked_and_goes_nowhere() -> None:
    d = Driver()
    order = LIMIT | {"price": "100", "quantity": "1"}
    assert d.call("POST", f"{ORDER}/test", order).json == {}
    rates = d.call("POST", f"{ORDER}/test", order | {"computeCommissionRates": "true"}).json
    assert rates["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}
    bad = d.call("POST", f"{ORDER}/test", order | {"price": "100.001"})
    assert bad.error == (400, -1013, "Filter failure: PRICE_FILTER")
    assert d.call("GET", "/api/v3/openOrders").json == []


def test_a_cancel_names_the_old_id_and_its_own() -> None:
    d = Driver()
    d.place(newClientOrderId="a")
    canceled = d.call(
        "DELETE",
        ORDER,
        {"symbol": "BTCUSDT", "origClientOrderId": "a", "newClientOrderId": "b"},
    ).json
    assert (canceled["origClientOrderId"], canceled["clientOrderId"]) == ("a", "b")
    assert canceled["status"] == "CANCELED"
    again = d.call("DELETE", ORDER, {"symbol": "BTCUSDT", "origClientOrderId": "a"})
    assert again.error == (400, -2011, "Unknown order sent.")


def test_a_cancel_without_an_id_says_which_are_possible() -> None:
    answer = Driver().call("DELETE", ORDER, {"symbol": "BTCUSDT"})
    assert answer.error == (
        400,
        -1102,
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
    )


def test_cancel_restrictions_hold() -> None:
    d = Driver()
    d.place(newClientOrderId="a")
    params = {"symbol": "BTCUSDT", "origClientOrderId": "a"}
    only_part = params | {"cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    refused = d.call("DELETE", ORDER, only_part)
    assert refused.error == (400, -2011, "Order was not canceled due to cancel restrictions.")
    wrong = d.call("DELETE", ORDER, params | {"cancelRestrictions": "NONE"})
    assert wrong.error == (400, -1145, "Invalid cancelRestrictions")
    d.happen(trade(1, "100.00", "0.5", buyer_is_maker=True))
    assert d.call("DELETE", ORDER, only_part).json["executedQty"] == "0.50000000"


def test_cancel_all_cancels_every_order_of_the_symbol() -> None:
    d = Driver()
    for price in ("90", "91"):
        d.place(price)
    rows = d.call("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}).json
    assert [row["status"] for row in rows] == ["CANCELED", "CANCELED"]
    none = d.call("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"})
    assert none.error == (400, -2011, "Unknown order sent.")


def test_cancel_replace_does_both_when_both_can_be_done() -> None:
    d = Driver()
    d.place(newClientOrderId="a")
    done = replace(d, cancelOrigClientOrderId="a", newClientOrderId="b")
    assert done.status == 200
    assert (done.json["cancelResult"], done.json["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert done.json["newOrderResponse"]["clientOrderId"] == "b"
    assert d.order("a")["status"] == "CANCELED"


def test_cancel_replace_stops_when_told_to() -> None:
    answer = replace(Driver(), cancelOrigClientOrderId="nothing")
    assert (answer.status, answer.code) == (400, -2022)
    assert answer.json["data"] == {
        "cancelResult": "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": {"code": -2011, "msg": "Unknown order sent."},
        "newOrderResponse": None,
    }


def test_cancel_replace_half_done_is_409() -> None:
    d = Driver()
    placed = replace(d, cancelOrigClientOrderId="no", cancelReplaceMode="ALLOW_FAILURE")
    assert (placed.status, placed.code) == (409, -2021)
    assert placed.json["data"]["newOrderResult"] == "SUCCESS"
    d.place(newClientOrderId="a")
    canceled = replace(d, cancelOrigClientOrderId="a", quantity="1100")
    assert (canceled.status, canceled.json["data"]["newOrderResult"]) == (409, "FAILURE")
    assert canceled.json["data"]["newOrderResponse"]["code"] == -2010
    both = replace(
        d, cancelOrigClientOrderId="a", quantity="1100", cancelReplaceMode="ALLOW_FAILURE"
    )
    assert (both.status, both.code) == (400, -2022)


def test_cancel_replace_over_the_order_limit_may_still_cancel() -> None:
    d = Driver(orders_per_10s_max=1)
    d.place(newClientOrderId="a")
    assert replace(d, cancelOrigClientOrderId="a").error[:2] == (429, -1015)
    only = replace(d, cancelOrigClientOrderId="a", orderRateLimitExceededMode="CANCEL_ONLY")
    assert (only.status, only.code) == (429, -2021)
    assert d.order("a")["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("mode", "known", "status", "code"),
    [
        ("STOP_ON_FAILURE", True, 429, -2021),
        ("STOP_ON_FAILURE", False, 429, -2022),
        ("ALLOW_FAILURE", True, 409, -2021),
        ("ALLOW_FAILURE", False, 400, -2022),
    ],
)
def test_the_status_over_the_order_limit_is_the_documents(
    mode: str, known: bool, status: int, code: int
) -> None:
    d = Driver(orders_per_10s_max=1)
    d.place(newClientOrderId="a")
    which = {"cancelOrigClientOrderId": "a" if known else "no", "cancelReplaceMode": mode}
    over = replace(d, **which, orderRateLimitExceededMode="CANCEL_ONLY")
    assert (over.status, over.code) == (status, code)


def test_an_order_that_was_not_attempted_counts_all_the_same() -> None:
    d = Driver()
    for mode in ("DO_NOTHING", "CANCEL_ONLY"):
        replace(d, cancelOrigClientOrderId="no", orderRateLimitExceededMode=mode)
    counts = d.call("GET", "/api/v3/rateLimit/order").json
    assert [row["count"] for row in counts] == [2, 2]


def test_self_trade_prevention_shows_in_the_reply() -> None:
    d = Driver()
    d.place(newClientOrderId="maker", price="100.50", side="SELL")
    taker = d.place(price="100.50", selfTradePreventionMode="EXPIRE_TAKER").json
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "1.00000000")
    assert d.order("maker")["status"] == "NEW"


def test_expired_orders_say_why() -> None:
    d = Driver()
    expired = d.place(price="100", timeInForce="FOK").json
    assert (expired["status"], expired["expiryReason"]) == (
        "EXPIRED",
        "UNFILLED_FOK_ORDER_EXPIRED",
    )


def test_a_market_order_takes_the_book_at_its_prices() -> None:
    d = Driver()
    none = {"price": None, "timeInForce": None, "quantity": None}
    bought = d.place(**(none | {"type": "MARKET", "quoteOrderQty": "152"})).json
    assert (bought["status"], bought["origQuoteOrderQty"]) == ("FILLED", "152.00000000")
    assert [(f["price"], f["qty"]) for f in bought["fills"]] == [
        ("101.00000000", "1.00000000"),
        ("102.00000000", "0.50000000"),
    ]
    both = d.place(**(none | {"type": "MARKET", "quoteOrderQty": "5", "quantity": "1"}))
    assert both.error == (400, -1106, "Parameter 'quoteOrderQty' sent when not required.")


def test_open_orders_per_symbol_are_limited() -> None:
    d = Driver(orders_per_10s_max=1000)
    for _ in range(200):
        assert d.place(price="50", quantity="0.1").status == 200
    assert d.place(price="50", quantity="0.1").error == (
        400,
        -1013,
        "Filter failure: MAX_NUM_ORDERS",
    )
