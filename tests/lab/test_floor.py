"""Stop loss, take profit and trailing stops as their owner sees them, from placing to the end."""

from typing import Any

import pytest

from lab.driver import ORDER, Answer, Driver
from lab.markets import trade

STOP: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_LOSS",
    "quantity": "1",
    "stopPrice": "95",
    "newClientOrderId": "stop",
}
LIMITED = {"type": "STOP_LOSS_LIMIT", "price": "98.50", "timeInForce": "GTC"}


def place(d: Driver, **more: Any) -> Answer:
    params = {k: v for k, v in (STOP | more).items() if v is not None}
    return d.call("POST", ORDER, params)


def sold(d: Driver, number: int, price: str) -> None:
    d.happen(trade(number, price, "0.1", buyer_is_maker=True))


def test_a_stop_waits_outside_the_book_and_takes_it_when_its_price_is_printed() -> None:
    d = Driver()
    stream = d.user_stream()
    assert place(d).json.keys() == {
        *("symbol", "orderId", "orderListId", "clientOrderId", "transactTime"),
    }
    waiting = d.order("stop")
    assert (waiting["isWorking"], waiting["workingTime"], waiting["stopPrice"]) == (
        *(False, -1, "95.00000000"),
    )
    assert d.balances()["BTC"] == ("9.00000000", "1.00000000")
    sold(d, 1, "95.01")
    assert d.order("stop")["status"] == "NEW"
    sold(d, 2, "95")
    done = d.order("stop")
    assert (done["status"], done["isWorking"]) == ("FILLED", True)
    new, started, traded = d.reports(stream)
    assert [r["x"] for r in (new, started, traded)] == ["NEW", "NEW", "TRADE"]
    assert [r["w"] for r in (new, started, traded)] == [False, True, False]
    assert "W" not in new
    assert started["W"] == traded["W"] == done["workingTime"]
    assert traded["L"] == "99.00000000"  # what the book pays, not the stop price
    assert traded["m"] is False


def test_a_limited_stop_rests_at_its_limit_and_waits_its_turn() -> None:
    d = Driver()
    place(d, **LIMITED | {"price": "100"})
    sold(d, 1, "95")
    resting = d.order("stop")
    assert (resting["status"], resting["isWorking"]) == ("NEW", True)
    d.happen(trade(2, "100", "0.4", buyer_is_maker=False))
    assert d.order("stop")["executedQty"] == "0.40000000"


@pytest.mark.parametrize(
    ("tif", "reason"),
    [("IOC", "UNFILLED_IOC_QUANTITY_EXPIRED"), ("FOK", "UNFILLED_FOK_ORDER_EXPIRED")],
)
def test_a_started_stop_keeps_its_time_in_force(tif: str, reason: str) -> None:
    d = Driver()
    place(d, **LIMITED | {"price": "100", "timeInForce": tif})
    sold(d, 1, "95")
    assert (d.order("stop")["status"], d.order("stop")["expiryReason"]) == ("EXPIRED", reason)
    assert d.balances()["BTC"] == ("10.00000000", "0.00000000")


def test_a_market_buy_locks_its_stop_price_and_pays_what_it_costs() -> None:
    d = Driver()
    place(d, side="BUY", stopPrice="110")
    assert d.balances()["USDT"] == ("99890.00000000", "110.00000000")
    d.happen(trade(1, "110", "0.1", buyer_is_maker=False))
    assert d.order("stop")["status"] == "FILLED"
    assert d.balances()["USDT"] == ("99899.00000000", "0.00000000")


def test_a_market_buy_that_has_become_too_dear_expires_as_rejected() -> None:
    d = Driver()
    place(d, side="BUY", stopPrice="101.50", quantity="6")
    free = d.balances()["USDT"][0]
    d.fault("transfer", asset="USDT", amount=f"-{free}")
    d.happen(trade(1, "101.50", "0.1", buyer_is_maker=False))
    rejected = d.order("stop")
    assert (rejected["status"], rejected["expiryReason"]) == ("EXPIRED", "REJECTED")
    assert d.balances()["USDT"] == ("609.00000000", "0.00000000")


def test_one_stop_may_reach_the_next() -> None:
    """The print of the first is at 97, and that is the second's price."""
    d = Driver()
    place(d, quantity="5", stopPrice="98.50", newClientOrderId="first")
    place(d, stopPrice="97", newClientOrderId="second")
    place(d, stopPrice="96", newClientOrderId="third")
    sold(d, 1, "98.50")
    assert [d.order(i)["status"] for i in ("first", "second", "third")] == [
        *("FILLED", "FILLED", "NEW"),
    ]


def test_a_trailing_stop_tells_since_when_it_trails() -> None:
    d = Driver()
    stream = d.user_stream()
    place(d, stopPrice="98", trailingDelta=200)
    waiting = d.order("stop")
    assert (waiting["trailingDelta"], waiting["trailingTime"]) == (200, -1)
    assert (d.reports(stream)[0]["d"], d.reports(stream)[0]["D"]) == (200, -1)
    sold(d, 1, "98")
    trailing = d.order("stop")
    assert (trailing["status"], trailing["trailingTime"]) == ("NEW", trailing["updateTime"])
    sold(d, 2, "96.05")
    assert d.order("stop")["status"] == "NEW"
    sold(d, 3, "96.04")
    assert d.order("stop")["status"] == "FILLED"


@pytest.mark.parametrize(
    ("more", "code", "text"),
    [
        ({"stopPrice": "100"}, -2010, "Order would trigger immediately."),
        ({"side": "BUY", "stopPrice": "100"}, -2010, "Order would trigger immediately."),
        ({"type": "TAKE_PROFIT"}, -2010, "Order would trigger immediately."),
        ({"stopPrice": None}, -1102, "Param 'stopPrice' or 'trailingDelta' must be sent"),
        ({"price": "90"}, -1106, "Parameter 'price' sent when not required."),
        ({"type": "STOP_LOSS_LIMIT", "price": "90"}, -1102, "'timeInForce'"),
        ({"stopPrice": "95.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"trailingDelta": "9"}, -1013, "Filter failure: TRAILING_DELTA"),
        ({"trailingDelta": "2001"}, -1013, "Filter failure: TRAILING_DELTA"),
        ({**LIMITED, "price": "10"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.01"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "11"}, -2010, "Account has insufficient balance for requested action."),
    ],
)
def test_a_stop_that_cannot_be_is_refused(more: dict[str, Any], code: int, text: str) -> None:
    d = Driver()
    sold(d, 1, "100")
    refused = place(d, **more)
    assert refused.error[:2] == (400, code)
    assert text in refused.error[2]
    assert d.balances()["BTC"] == ("10.00000000", "0.00000000")


def test_only_so_many_stops_may_wait() -> None:
    d = Driver()
    for number in range(5):
        assert place(d, newClientOrderId=f"s{number}").status == 200
    assert place(d).error == (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    assert d.place("98").status == 200


def test_a_stop_is_canceled_and_replaced_like_any_order() -> None:
    d = Driver()
    place(d)
    mode = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "stop"}
    moved = STOP | mode | {"stopPrice": "96", "newClientOrderId": "moved"}
    assert d.call("POST", f"{ORDER}/cancelReplace", moved).json["newOrderResult"] == "SUCCESS"
    sold(d, 1, "95")
    assert [d.order(i)["status"] for i in ("stop", "moved")] == ["CANCELED", "FILLED"]


def test_a_fill_after_the_cancel_is_nothing_that_befalls_a_waiting_order() -> None:
    d = Driver()
    place(d)
    d.fault("fill_after_cancel_ack", ms=10)
    named = {"symbol": "BTCUSDT", "origClientOrderId": "stop"}
    assert d.call("DELETE", ORDER, named).json["executedQty"] == "0.00000000"
    d.pass_time(50_000_000)
    assert d.order("stop")["executedQty"] == "0.00000000"


def test_the_truth_tells_what_a_stop_waits_for_and_when_it_starts() -> None:
    d = Driver()
    place(d)
    sold(d, 1, "95")
    log = [e for e in d.lab.log if e.client_order_id == "stop" and e.kind != "arrival"]
    assert [str(e.kind) for e in log] == ["accept", "trigger", "fill"]
    assert {e.stop_price for e in log} == {95}


def test_the_websocket_api_takes_stops_too() -> None:
    d = Driver()
    conn = d.open("/ws-api/v3")
    assert d.ask(conn, "order.place", d.signed(STOP))["status"] == 200
    (shown,) = d.ask(conn, "openOrders.status", d.signed())["result"]
    assert (shown["type"], shown["stopPrice"]) == ("STOP_LOSS", "95.00000000")
