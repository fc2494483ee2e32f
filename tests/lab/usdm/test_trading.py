from typing import Any

import pytest

from lab.driver import MS, SECOND
from lab.markets import trade
from lab.perps import ORDER, D, Perps


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NOSUCH"}, -1121),
        ({"side": "UP"}, -1117),
        ({"type": "ICEBERG"}, -1116),
        ({"type": "STOP_MARKET", "stopPrice": "90"}, -4120),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -4120),
        ({"timeInForce": "SOON"}, -1115),
        ({"timeInForce": None}, -1102),
        ({"price": None}, -1102),
        ({"quantity": None}, -1102),
        ({"quantity": "0"}, -4003),
        ({"quantity": "0.0005"}, -1111),
        ({"quantity": "2000"}, -4005),
        ({"price": "99.05"}, -4014),
        ({"price": "106"}, -4016),
        ({"side": "SELL", "price": "94"}, -4024),
        ({"quantity": "0.05"}, -4164),
        ({"quantity": "1000"}, -2019),
        ({"positionSide": "LONG"}, -4061),
        ({"newClientOrderId": "no spaces"}, -4015),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newOrderRespType": "FULL"}, -1136),
        ({"selfTradePreventionMode": "MAYBE"}, -5039),
        ({"priceMatch": "QUEUE"}, -5037),
        ({"reduceOnly": "true"}, -2022),
        ({"timeInForce": "GTX", "price": "100.1"}, -5022),
        ({"timeInForce": "FOK", "price": "100.1", "quantity": "11"}, -5021),
        ({"timeInForce": "GTD", "goodTillDate": "1700000001000"}, -5040),
        ({"type": "MARKET", "price": None}, -1114),
        ({"stopPrice": "90"}, -1106),
        ({"nonsense": "1"}, -1104),
    ],
)
def test_an_order_that_is_none_is_refused_in_the_venues_words(
    changes: dict[str, Any], code: int
) -> None:
    p = Perps()
    answer = p.place(**changes)
    assert (answer.status, answer.code) == (400, code)
    assert p.desk.orders == {}


def test_an_id_is_free_again_once_its_order_is_done() -> None:
    p = Perps()
    p.place(newClientOrderId="mine")
    assert p.place(newClientOrderId="mine").code == -4116
    p.call("DELETE", ORDER, {"symbol": "BTCUSDT", "origClientOrderId": "mine"})
    assert p.place(newClientOrderId="mine").status == 200


def test_the_short_reply_shows_an_order_as_accepted_and_the_long_one_as_it_ended() -> None:
    p = Perps()
    assert p.market_order("BUY", "1").json["status"] == "NEW"
    done = p.market_order("BUY", "1", newOrderRespType="RESULT").json
    assert (done["status"], done["executedQty"], done["cumQty"]) == ("FILLED", "1.000", "1.000")


def test_fills_make_a_position_with_an_average_entry_and_profit() -> None:
    p = Perps()
    p.market_order("BUY", "15")  # 10 at 100.1 and 5 at 100.5
    assert p.position()["entryPrice"] == "100.23333"
    p.move("110.0", "110.2")
    assert p.position()["unRealizedProfit"] == "148.00000000"
    p.market_order("SELL", "15")
    rows = p.call("GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"}).json
    assert sum(D(row["realizedPnl"]) for row in rows) == 15 * 110 - 10 * D("100.1") - 5 * D("100.5")
    assert p.position()["positionAmt"] == "0.000"


def test_a_resting_order_fills_as_maker_and_can_be_amended() -> None:
    p = Perps()
    conn = p.listen()
    order = p.place(price="99.5", quantity="2").json
    p.happen(trade(1, "99.5", "21", buyer_is_maker=True))
    shown = p.call("GET", ORDER, {"symbol": "BTCUSDT", "orderId": order["orderId"]}).json
    assert (shown["status"], shown["executedQty"], shown["avgPrice"]) == (
        "PARTIALLY_FILLED",
        "1.000",
        "99.50000",
    )
    terms = {"symbol": "BTCUSDT", "orderId": order["orderId"], "side": "BUY"}
    same = p.call("PUT", ORDER, terms | {"price": "99.5", "quantity": "2"})
    assert same.code == -5027
    changed = p.call("PUT", ORDER, terms | {"price": "99", "quantity": "3", "modifyId": "7"}).json
    assert (changed["price"], changed["origQty"], changed["modifyId"]) == ("99.0", "3.000", 7)
    told = p.events(conn, "ORDER_TRADE_UPDATE")[-1]["o"]
    assert (told["x"], told["X"], told["M"]) == ("AMENDMENT", "PARTIALLY_FILLED", "7")
    less = p.call("PUT", ORDER, terms | {"price": "99", "quantity": "1"}).json
    assert less["status"] == "CANCELED"


def test_an_order_that_only_reduces_never_turns_the_position() -> None:
    p = Perps()
    p.market_order("BUY", "1")
    done = p.market_order("SELL", "3", reduceOnly="true", newOrderRespType="RESULT").json
    assert (done["status"], done["executedQty"]) == ("EXPIRED", "1.000")
    assert p.desk.position("BTCUSDT").amount == 0
    assert p.market_order("SELL", "1", reduceOnly="true").code == -2022


def test_resting_orders_that_only_reduce_end_with_the_position() -> None:
    p = Perps()
    conn = p.listen()
    p.market_order("BUY", "2")
    p.place(side="SELL", price="101", quantity="1", reduceOnly="true", newClientOrderId="half")
    p.place(side="SELL", price="102", quantity="1", reduceOnly="true", newClientOrderId="rest")
    assert p.place(side="SELL", price="103", reduceOnly="true").code == -2022
    p.market_order("SELL", "2")
    ended = [e["o"] for e in p.events(conn, "ORDER_TRADE_UPDATE") if e["o"]["X"] == "EXPIRED"]
    assert {(o["c"], o["x"], o["er"]) for o in ended} == {
        ("half", "EXPIRED", "4"),
        ("rest", "EXPIRED", "4"),
    }
    assert p.desk.position("BTCUSDT").amount == 0


def test_what_the_book_does_not_offer_expires() -> None:
    p = Perps()
    ioc = p.place(timeInForce="IOC", price="100.1", quantity="15", newOrderRespType="RESULT")
    assert (ioc.json["status"], ioc.json["executedQty"]) == ("EXPIRED", "10.000")


def test_a_trade_with_oneself_expires_the_maker_by_default() -> None:
    p = Perps()
    p.place(side="SELL", price="100", newClientOrderId="maker")
    p.place(price="100", newClientOrderId="taker")
    assert [record.now.client_order_id for record in p.desk.open_orders()] == ["taker"]
    maker = {"symbol": "BTCUSDT", "origClientOrderId": "maker"}
    assert p.call("GET", ORDER, maker).json["status"] == "EXPIRED_IN_MATCH"


def test_a_good_till_date_ends_an_order() -> None:
    p = Perps()
    till_ms = p.now_ns // MS + 601_000
    p.place(timeInForce="GTD", goodTillDate=str(till_ms), newClientOrderId="short-lived")
    p.pass_time(600 * SECOND)
    assert p.desk.open_orders()
    p.pass_time(2 * SECOND)
    order = {"symbol": "BTCUSDT", "origClientOrderId": "short-lived"}
    assert p.call("GET", ORDER, order).json["status"] == "EXPIRED"


def test_orders_and_weight_are_counted_as_the_headers_say() -> None:
    p = Perps()
    first, second = p.place(), p.place(price="98")
    assert first.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert second.headers["X-MBX-ORDER-COUNT-1M"] == "2"
    assert second.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    answer = p.call("GET", "/fapi/v2/account")
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "5"
    for _ in range(298):
        p.place(price="98.5", quantity="0.1")
        p.call("DELETE", "/fapi/v1/allOpenOrders", {"symbol": "BTCUSDT"})
    assert (p.place().status, p.place().code) == (429, -1015)


def test_an_overloaded_venue_lets_in_what_only_reduces() -> None:
    p = Perps()
    p.market_order("BUY", "1")
    p.fault("-1008", match={"path": ORDER})
    refused = p.place()
    assert (refused.status, refused.code) == (503, -1008)
    assert "Reduce-only/close-position orders are exempt" in refused.json["msg"]
    assert p.market_order("SELL", "1", reduceOnly="true").status == 200


@pytest.mark.parametrize(("text", "accepted"), [("unknown", 1), ("unavailable", 0)])
def test_a_503_may_hide_an_order_or_promise_that_there_is_none(text: str, accepted: int) -> None:
    p = Perps()
    p.fault("error_503", text=text, match={"path": ORDER})
    assert p.place().status == 503
    assert len(p.desk.open_orders()) == accepted


def test_a_request_past_its_window_is_refused() -> None:
    p = Perps()
    stale = p.order_of() | {"timestamp": p.now_ns // MS - 6_000}
    assert p.call("POST", ORDER, stale).code == -1021


def test_orders_by_a_read_that_lags_are_those_of_a_while_ago() -> None:
    p = Perps()
    p.pass_time(SECOND)
    p.fault("read_lag", ms=500)
    p.place(newClientOrderId="young")
    assert p.call("GET", "/fapi/v1/openOrders").json == []
    order = {"symbol": "BTCUSDT", "origClientOrderId": "young"}
    assert p.call("GET", ORDER, order).code == -2013
    p.market_order("BUY", "1")
    assert p.position()["positionAmt"] == "0.000"
    p.pass_time(SECOND)
    assert len(p.call("GET", "/fapi/v1/openOrders").json) == 1
