"""What the orders of a list mean for each other, and what their owner hears of it."""

from typing import Any

import pytest

from lab.driver import ORDER, Driver
from lab.markets import trade

LISTS = "/api/v3/orderList"
SYMBOL = {"symbol": "BTCUSDT"}
SELL_OCO = SYMBOL | {
    "side": "SELL",
    "quantity": "1",
    "listClientOrderId": "pair",
    "aboveType": "LIMIT_MAKER",
    "aboveClientOrderId": "limit",
    "abovePrice": "105",
    "belowType": "STOP_LOSS_LIMIT",
    "belowClientOrderId": "stop",
    "belowStopPrice": "95",
    "belowPrice": "94",
    "belowTimeInForce": "GTC",
}
BRACKET = SYMBOL | {
    "listClientOrderId": "bracket",
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "100",
    "workingQuantity": "1",
    "workingTimeInForce": "GTC",
    "workingClientOrderId": "entry",
    "pendingSide": "SELL",
    "pendingQuantity": "1",
    "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "105",
    "pendingAboveClientOrderId": "profit",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "95",
    "pendingBelowClientOrderId": "stop",
}


def bought(d: Driver, number: int, price: str, quantity: str = "1") -> None:
    """Others buy at `price`: what asks less than that is taken."""
    d.happen(trade(number, price, quantity, buyer_is_maker=False))


def sold(d: Driver, number: int, price: str, quantity: str = "1") -> None:
    d.happen(trade(number, price, quantity, buyer_is_maker=True))


def steps(d: Driver, stream: int) -> list[tuple[str, ...]]:
    """What the account heard of orders and lists, in short."""
    told: list[tuple[str, ...]] = []
    for message in d.heard(stream):
        event = message.get("event", {})
        if event.get("e") == "executionReport":
            told.append((event["C"] or event["c"], event["x"], event["X"]))
        elif event.get("e") == "listStatus":
            told.append((event["C"], event["l"], event["L"]))
    return told


@pytest.fixture
def d() -> Driver:
    return Driver()


def place(d: Driver, path: str, params: dict[str, Any], **more: Any) -> Any:
    answer = d.call("POST", f"{LISTS}/{path}", params | more)
    assert answer.status == 200, answer.json
    return answer.json


def test_an_oco_locks_once_and_tells_of_both_and_of_the_list(d: Driver) -> None:
    stream = d.user_stream()
    placed = place(d, "oco", SELL_OCO)
    assert d.balances()["BTC"] == ("9.00000000", "1.00000000")
    assert [r["type"] for r in placed["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert [r["workingTime"] > 0 for r in placed["orderReports"]] == [False, True]
    assert steps(d, stream) == [
        ("stop", "NEW", "NEW"),
        ("limit", "NEW", "NEW"),
        ("pair", "EXEC_STARTED", "EXECUTING"),
    ]
    open_orders = d.call("GET", "/api/v3/openOrders").json
    assert {o["orderListId"] for o in open_orders} == {placed["orderListId"]}


def test_a_touched_limit_leg_ends_the_stop_even_when_filled_in_part(d: Driver) -> None:
    stream = d.user_stream()
    place(d, "oco", SELL_OCO)
    bought(d, 1, "105", "0.4")
    assert (d.order("limit")["status"], d.order("stop")["status"]) == (
        "PARTIALLY_FILLED",
        "EXPIRED",
    )
    assert d.order("stop")["expiryReason"] == "OCO_TRIGGER"
    assert d.balances()["BTC"] == ("9.00000000", "0.60000000")
    sold(d, 2, "90")  # far below the stop: it is no more
    bought(d, 3, "106")
    assert steps(d, stream)[3:] == [
        ("limit", "TRADE", "PARTIALLY_FILLED"),
        ("stop", "EXPIRED", "EXPIRED"),
        ("limit", "TRADE", "FILLED"),
        ("pair", "ALL_DONE", "ALL_DONE"),
    ]


def test_a_triggered_stop_ends_the_limit_leg_first(d: Driver) -> None:
    stream = d.user_stream()
    place(d, "oco", SELL_OCO)
    sold(d, 1, "95")
    assert steps(d, stream)[3:] == [
        ("limit", "EXPIRED", "EXPIRED"),
        ("stop", "NEW", "NEW"),
        ("stop", "TRADE", "FILLED"),
        ("pair", "ALL_DONE", "ALL_DONE"),
    ]
    assert d.balances()["BTC"] == ("9.00000000", "0.00000000")
    kinds = [str(e.kind) for e in d.lab.log if e.client_order_id == "stop"]
    assert kinds == ["accept", "trigger", "fill"]


def test_a_buy_pair_locks_the_dearer_leg_and_frees_the_rest_when_the_cheaper_trades(
    d: Driver,
) -> None:
    old = SYMBOL | {"side": "BUY", "quantity": "1", "price": "90", "stopPrice": "110"}
    names = {"limitClientOrderId": "limit", "stopClientOrderId": "stop"}
    limits = {"stopLimitPrice": "120", "stopLimitTimeInForce": "GTC"}
    assert d.call("POST", f"{ORDER}/oco", old | names | limits).status == 200
    assert d.balances()["USDT"] == ("99880.00000000", "120.00000000")
    sold(d, 1, "90", "0.5")
    assert d.balances()["USDT"] == ("99910.00000000", "45.00000000")


@pytest.mark.parametrize("way", ["list", "leg", "all", "replace"])
def test_however_one_is_canceled_both_are(d: Driver, way: str) -> None:
    stream = d.user_stream()
    place(d, "oco", SELL_OCO)
    one = SYMBOL | {"origClientOrderId": "limit"}
    match way:
        case "list":
            told = d.call("DELETE", LISTS, SYMBOL | {"listClientOrderId": "pair"}).json
        case "leg":
            told = d.call("DELETE", ORDER, one).json
        case "all":
            (told,) = d.call("DELETE", "/api/v3/openOrders", SYMBOL).json
        case _:
            other = SYMBOL | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            mode = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "stop"}
            asked = other | mode | {"quantity": "1", "price": "90"}
            told = d.call("POST", f"{ORDER}/cancelReplace", asked).json["cancelResponse"]
    assert (told["listStatusType"], told["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert [r["status"] for r in told["orderReports"]] == ["CANCELED", "CANCELED"]
    assert sorted(steps(d, stream)[3:5]) == [
        ("limit", "CANCELED", "CANCELED"),
        ("stop", "CANCELED", "CANCELED"),
    ]
    assert d.balances()["BTC"] == ("10.00000000", "0.00000000")


def test_lists_are_found_by_either_id_while_open_and_after(d: Driver) -> None:
    number = place(d, "oco", SELL_OCO)["orderListId"]
    (shown,) = d.call("GET", "/api/v3/openOrderList").json
    by_id = d.call("GET", LISTS, {"orderListId": number}).json
    by_name = d.call("GET", LISTS, {"origClientOrderId": "pair"}).json
    assert shown == by_id == by_name
    assert [o["clientOrderId"] for o in shown["orders"]] == ["stop", "limit"]
    d.call("DELETE", LISTS, SYMBOL | {"orderListId": number})
    assert d.call("GET", "/api/v3/openOrderList").json == []
    (after,) = d.call("GET", "/api/v3/allOrderList").json
    assert (after["orderListId"], after["listStatusType"]) == (number, "ALL_DONE")
    assert d.call("GET", LISTS, {"orderListId": 77}).error[:2] == (400, -2013)
    assert d.call("GET", LISTS).error[:2] == (400, -1102)
    again = d.call("DELETE", LISTS, SYMBOL | {"orderListId": number})
    assert again.error == (400, -2011, "Unknown order sent.")


@pytest.mark.parametrize(
    ("more", "code", "text"),
    [
        ({"aboveType": "STOP_LOSS", "abovePrice": None, "aboveStopPrice": "105"}, -1197, "below"),
        ({"belowType": "LIMIT_MAKER", "belowStopPrice": None}, -1106, "'belowTimeInForce'"),
        ({"aboveType": "LIMIT", "aboveTimeInForce": "GTC"}, -1158, "not supported in OCO"),
        ({"abovePrice": None}, -1102, "'abovePrice'"),
        ({"belowStopPrice": None}, -1102, "'belowStopPrice' or 'belowTrailingDelta'"),
        ({"belowStopPrice": "105", "abovePrice": "106"}, -2010, "relationship of the prices"),
        ({"abovePrice": "99.50"}, -2010, "relationship of the prices"),
        ({"quantity": "11"}, -2010, "insufficient balance"),
        ({"belowClientOrderId": "limit"}, -2010, "Duplicate order sent."),
        ({"belowTrailingDelta": "5"}, -1013, "TRAILING_DELTA"),
        ({"belowStopPrice": "95.001"}, -1013, "PRICE_FILTER"),
    ],
)
def test_a_pair_that_cannot_be_is_refused_whole(
    d: Driver, more: dict[str, Any], code: int, text: str
) -> None:
    asked = {k: v for k, v in (SELL_OCO | more).items() if v is not None}
    refused = d.call("POST", f"{LISTS}/oco", asked)
    assert refused.error[:2] == (400, code)
    assert text in refused.error[2]
    assert d.call("GET", "/api/v3/openOrders").json == []
    assert d.balances()["BTC"] == ("10.00000000", "0.00000000")
    counts = d.call("GET", "/api/v3/rateLimit/order").json
    assert [row["count"] for row in counts] == [0, 0]


def test_an_open_lists_name_cannot_be_taken_twice(d: Driver) -> None:
    place(d, "oco", SELL_OCO)
    other = {"aboveClientOrderId": "b", "belowClientOrderId": "c"}
    refused = d.call("POST", f"{LISTS}/oco", SELL_OCO | other)
    assert refused.error == (400, -2010, "Duplicate order sent.")


def test_a_list_counts_for_each_of_its_orders(d: Driver) -> None:
    place(d, "otoco", BRACKET)
    counts = d.call("GET", "/api/v3/rateLimit/order").json
    assert [row["count"] for row in counts] == [3, 3]


def test_a_brackets_exits_come_to_the_book_when_its_entry_is_filled_whole(d: Driver) -> None:
    stream = d.user_stream()
    placed = place(d, "otoco", BRACKET)
    assert (placed["contingencyType"], len(placed["orders"])) == ("OTO", 3)
    assert [d.order(i)["status"] for i in ("stop", "profit")] == ["PENDING_NEW", "PENDING_NEW"]
    assert d.balances()["BTC"] == ("10.00000000", "0.00000000")
    sold(d, 1, "100", "0.4")
    assert d.order("profit")["status"] == "PENDING_NEW"
    sold(d, 2, "100", "0.6")
    assert [d.order(i)["status"] for i in ("stop", "profit")] == ["NEW", "NEW"]
    assert [d.order(i)["isWorking"] for i in ("stop", "profit")] == [False, True]
    assert d.balances()["BTC"] == ("9.99900000", "1.00000000")
    bought(d, 3, "106")
    assert steps(d, stream)[-3:] == [
        ("profit", "TRADE", "FILLED"),
        ("stop", "EXPIRED", "EXPIRED"),
        ("bracket", "ALL_DONE", "ALL_DONE"),
    ]


def test_an_entry_filled_at_once_is_told_with_its_exits_still_pending(d: Driver) -> None:
    placed = place(d, "otoco", BRACKET, workingPrice="101")
    told = [r["status"] for r in placed["orderReports"]]
    assert told == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    assert d.order("profit")["status"] == "NEW"


def test_an_entry_that_expires_takes_its_exits_along(d: Driver) -> None:
    place(d, "otoco", BRACKET, workingTimeInForce="IOC")
    assert d.order("entry")["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
    assert d.order("profit")["expiryReason"] == "OTO_PHASE_ONE_EXPIRED"
    assert d.call("GET", "/api/v3/openOrderList").json == []


def test_exits_the_book_would_refuse_expire_as_rejected(d: Driver) -> None:
    place(d, "otoco", BRACKET, pendingBelowStopPrice="100.50")
    sold(d, 1, "100")  # fills the entry below its stop
    assert d.order("entry")["status"] == "FILLED"
    assert d.order("stop")["expiryReason"] == "REJECTED"
    assert d.order("profit")["expiryReason"] == "OCO_TRIGGER"


def test_exits_wait_for_a_print_that_came_after_them(d: Driver) -> None:
    place(d, "otoco", BRACKET)
    sold(d, 1, "94")  # fills the entry at its price, and is beyond the stop
    assert d.order("stop")["status"] == "NEW"
    sold(d, 2, "95")
    assert d.order("stop")["status"] == "FILLED"


def test_exits_that_cannot_be_paid_expire_as_rejected(d: Driver) -> None:
    """The fee of the entry is taken from what it bought."""
    d.fault("transfer", asset="BTC", amount="-10")
    place(d, "otoco", BRACKET)
    sold(d, 1, "100")
    assert d.order("stop")["expiryReason"] == "REJECTED"
    assert d.balances()["BTC"] == ("0.99900000", "0.00000000")


def test_an_oto_has_one_pending_order_of_any_type(d: Driver) -> None:
    oto = {k: v for k, v in BRACKET.items() if "Above" not in k and "Below" not in k}
    place(d, "oto", oto, pendingType="MARKET", pendingClientOrderId="exit")
    canceled = d.call("DELETE", ORDER, SYMBOL | {"origClientOrderId": "exit"}).json
    assert [r["status"] for r in canceled["orderReports"]] == ["CANCELED", "CANCELED"]
    place(d, "oto", oto, pendingType="MARKET", pendingClientOrderId="exit", workingPrice="101")
    assert d.order("exit")["status"] == "FILLED"


def test_the_websocket_api_has_the_same_lists(d: Driver) -> None:
    conn = d.open("/ws-api/v3")
    answer = d.ask(conn, "orderList.place.oco", d.signed(SELL_OCO))
    assert answer["status"] == 200
    assert [r["count"] for r in answer["rateLimits"] if r["rateLimitType"] == "ORDERS"] == [2, 2]
    number = answer["result"]["orderListId"]
    (shown,) = d.ask(conn, "openOrderLists.status", d.signed())["result"]
    status = d.ask(conn, "orderList.status", d.signed({"orderListId": number}))
    assert status["result"] == shown
    canceled = d.ask(conn, "orderList.cancel", d.signed(SYMBOL | {"orderListId": number}))
    assert canceled["result"]["listStatusType"] == "ALL_DONE"
    assert len(d.ask(conn, "allOrderLists", d.signed())["result"]) == 1


def test_a_lagging_read_shows_lists_as_they_were(d: Driver) -> None:
    place(d, "oco", SELL_OCO)
    d.fault("read_lag", ms=1)
    d.call("DELETE", LISTS, SYMBOL | {"listClientOrderId": "pair"})
    (now,) = d.call("GET", "/api/v3/allOrderList").json
    assert now["listStatusType"] == "ALL_DONE"
    d.fault("read_lag", ms=60_000)
    d.lab_call("DELETE", "faults", query="id=1")
    assert d.call("GET", "/api/v3/allOrderList").json == []
