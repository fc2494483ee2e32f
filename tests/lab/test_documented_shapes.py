"""Replies against the venue's own examples and other people's recordings of it.

Every object must have the same keys with the same JSON types. Whatever differs stands in
`DIFFERENCES`, with its reason; an entry nothing needs any more fails the test too.
"""

import gzip
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lab.driver import LIMIT, ORDER, SECOND, Driver
from lab.markets import ScriptedMarket, trade

ROOT = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).parents[3] / "shared"))
FIXTURES = ROOT / "data/rest_fixtures"
SYMBOL = {"symbol": "BTCUSDT"}

EMPTY = "the example leaves the list empty and describes it elsewhere"
NO_SOR = "documented as present only where smart order routing is available"
NO_STP = "documented as visible only when an order expired due to self-trade prevention"
OLD = "the recording is older than the field"

# (what is compared, what differs) -> why it may
DIFFERENCES: dict[tuple[str, str], str] = {
    ("documents: exchangeInfo", ".rateLimits[].interval: ours only"): EMPTY,
    ("documents: exchangeInfo", ".rateLimits[].intervalNum: ours only"): EMPTY,
    ("documents: exchangeInfo", ".rateLimits[].limit: ours only"): EMPTY,
    ("documents: exchangeInfo", ".rateLimits[].rateLimitType: ours only"): EMPTY,
    ("documents: exchangeInfo", ".sors: missing"): NO_SOR,
    ("documents: oco", ".orderReports[].icebergQty: missing"): "the example has an iceberg order",
    ("documents: fill", ".event.N: string for null"): "the example is of a new order: no fee yet",
    ("documents: fill", ".event.v: missing"): NO_STP,
    ("documents: report", ".event.v: missing"): NO_STP,
    ("gocryptotrader: account", ".brokered: ours only"): OLD,
    ("gocryptotrader: account", ".commissionRates: ours only"): OLD,
    ("gocryptotrader: account", ".permissions: ours only"): OLD,
    ("gocryptotrader: account", ".preventSor: ours only"): OLD,
    ("gocryptotrader: account", ".requireSelfTradePrevention: ours only"): OLD,
    ("gocryptotrader: account", ".uid: ours only"): OLD,
    ("gocryptotrader: all orders", "[].orderListId: ours only"): OLD,
    ("gocryptotrader: all orders", "[].origQuoteOrderQty: ours only"): OLD,
    ("gocryptotrader: all orders", "[].selfTradePreventionMode: ours only"): OLD,
    ("gocryptotrader: all orders", "[].workingTime: ours only"): OLD,
    ("gocryptotrader: avgPrice", ".closeTime: ours only"): OLD,
    ("gocryptotrader: canceled", ".orderListId: ours only"): OLD,
    ("gocryptotrader: canceled", ".origQuoteOrderQty: ours only"): OLD,
    ("gocryptotrader: canceled", ".selfTradePreventionMode: ours only"): OLD,
    ("gocryptotrader: exchangeInfo", ".symbols[].opoAllowed: ours only"): OLD,
    ("gocryptotrader: exchangeInfo", ".symbols[].pegInstructionsAllowed: ours only"): OLD,
    ("gocryptotrader: open orders", "[].orderListId: ours only"): OLD,
    ("gocryptotrader: open orders", "[].origQuoteOrderQty: ours only"): OLD,
    ("gocryptotrader: open orders", "[].selfTradePreventionMode: ours only"): OLD,
    ("gocryptotrader: open orders", "[].workingTime: ours only"): OLD,
    ("nautilus: exchangeInfo", ".sors: missing"): NO_SOR,
}


@cache
def document(name: str) -> str:
    path = FIXTURES / f"binance_spot_api_docs/{name}.md"
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    return path.read_text()


def examples(name: str, heading: str) -> list[Any]:
    """Every JSON example of one section of a document."""
    parts = re.split(rf"^##+ {re.escape(heading)}\n", document(name), maxsplit=1, flags=re.M)
    section = re.split(r"^##+ ", parts[1], maxsplit=1, flags=re.M)[0]
    blocks = re.findall(r"```(?:javascript|json)\n(.*?)```", section, re.DOTALL)
    return [json.loads(re.sub(r"(^|\s)//[^\n]*", "", block)) for block in blocks]


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", list: "list", dict: "object"}
    return "null" if value is None else names[type(value)]


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Key paths at which two JSON values have other keys or types."""
    pending = [(ours, theirs, path)]
    while pending:
        mine, example, place = pending.pop()
        if kind(mine) != kind(example):
            yield f"{place}: {kind(mine)} for {kind(example)}"
        elif isinstance(mine, dict):
            yield from (f"{place}.{key}: ours only" for key in sorted(mine.keys() - example.keys()))
            yield from (f"{place}.{key}: missing" for key in sorted(example.keys() - mine.keys()))
            pending += [(mine[k], example[k], f"{place}.{k}") for k in mine.keys() & example.keys()]
        elif isinstance(mine, list) and mine and example:
            pending.append((mine[0], example[0], f"{place}[]"))


def world() -> dict[str, Any]:
    """One reply of every endpoint, by name."""
    d = Driver(ScriptedMarket(beating=True))
    stream = d.user_stream()
    sockets = {name: d.open(f"/ws/btcusdt@{name}") for name in STREAMS}
    d.pass_time(3 * SECOND)
    query = "symbol=BTCUSDT"
    ours: dict[str, Any] = {
        name: d.public(f"/api/v3/{path}", "" if name in ("ping", "time") else f"{query}{more}").json
        for name, path, more in PUBLIC
    }
    market = {"price": None, "timeInForce": None, "type": "MARKET"}
    ours["placed ACK"] = d.place(newOrderRespType="ACK", newClientOrderId="a").json
    ours["placed RESULT"] = d.place(newOrderRespType="RESULT").json
    ours["placed FULL"] = d.place(**market).json
    d.happen(trade(99, "100.00", "0.1", buyer_is_maker=True))
    mine = SYMBOL | {"origClientOrderId": "a"}
    ours["order"] = d.order("a")
    ours["open orders"] = d.call("GET", "/api/v3/openOrders", SYMBOL).json
    ours["canceled"] = d.call("DELETE", ORDER, mine).json
    ours["canceled again"] = d.call("DELETE", ORDER, mine | {"cancelRestrictions": "NO"}).json
    replaced = LIMIT | {"price": "95", "quantity": "1", "cancelReplaceMode": "STOP_ON_FAILURE"}
    twice = replaced | {"cancelOrderId": 2, "newClientOrderId": "b"}
    ours["replaced"] = d.call("POST", f"{ORDER}/cancelReplace", twice).json
    ours["not replaced"] = d.call("POST", f"{ORDER}/cancelReplace", twice).json
    taking = replaced | {"type": "LIMIT_MAKER", "price": "103", "cancelOrigClientOrderId": "b"}
    taking.pop("timeInForce")
    ours["half replaced"] = d.call("POST", f"{ORDER}/cancelReplace", taking).json
    d.place()
    ours |= lists(d)
    ours["all canceled"] = d.call("DELETE", "/api/v3/openOrders", SYMBOL).json
    for name, path, params in PRIVATE:
        ours[name] = d.call("GET", f"/api/v3/{path}", params).json
    tested = LIMIT | {"price": "95", "quantity": "1"}
    ours["tested"] = d.call("POST", f"{ORDER}/test", tested).json
    rates = tested | {"computeCommissionRates": "true"}
    ours["tested with rates"] = d.call("POST", f"{ORDER}/test", rates).json
    for name, conn in sockets.items():
        ours[f"@{name}"] = d.heard(conn)[-1]
    d.fault("transfer", asset="BTC", amount=100)
    events = [m for m in d.heard(stream) if "event" in m]
    ours["list status"] = next(m for m in events if m["event"]["e"] == "listStatus")
    ours["report"] = next(m for m in events if m["event"].get("x") == "NEW")
    ours["fill"] = next(m for m in events if m["event"].get("x") == "TRADE")
    ours["position"] = next(m for m in events if m["event"]["e"] == "outboundAccountPosition")
    ours["transfer"] = next(m for m in events if m["event"]["e"] == "balanceUpdate")
    return ours


def lists(d: Driver) -> dict[str, Any]:
    """One reply of every endpoint of order lists."""
    both = SYMBOL | {"side": "SELL", "quantity": "1"}
    stop = {"belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "90", "belowPrice": "89"}
    pair = {"aboveType": "LIMIT_MAKER", "abovePrice": "110", "belowTimeInForce": "GTC"} | stop
    ours = {"oco": d.call("POST", "/api/v3/orderList/oco", both | pair).json}
    mine = SYMBOL | {"orderListId": ours["oco"]["orderListId"]}
    ours["list"] = d.call("GET", "/api/v3/orderList", {"orderListId": mine["orderListId"]}).json
    ours["open lists"] = d.call("GET", "/api/v3/openOrderList").json
    ours["list canceled"] = d.call("DELETE", "/api/v3/orderList", mine).json
    ours["all lists"] = d.call("GET", "/api/v3/allOrderList").json
    old = both | {"price": "110", "stopPrice": "90"}
    ours["old oco"] = d.call("POST", f"{ORDER}/oco", old).json
    d.call("DELETE", "/api/v3/openOrders", SYMBOL)
    sides = {"workingSide": "BUY", "pendingSide": "SELL", "workingQuantity": 1}
    entry = SYMBOL | sides | {"workingType": "LIMIT", "workingPrice": "80", "pendingQuantity": 1}
    entry |= {"workingTimeInForce": "GTC"}
    exits = {f"pending{name[0].upper()}{name[1:]}": value for name, value in pair.items()}
    ours["oto"] = d.call("POST", "/api/v3/orderList/oto", entry | {"pendingType": "MARKET"}).json
    ours["otoco"] = d.call("POST", "/api/v3/orderList/otoco", entry | exits).json
    d.call("DELETE", "/api/v3/openOrders", SYMBOL)
    number = d.place(quantity="2").json["orderId"]
    less = SYMBOL | {"orderId": number, "newQty": "1"}
    ours["amended"] = d.call("PUT", f"{ORDER}/amend/keepPriority", less).json
    mine = SYMBOL | {"orderId": number}
    ours["amendments"] = d.call("GET", f"{ORDER}/amendments", mine).json
    return ours


PUBLIC = [
    ("ping", "ping", ""),
    ("time", "time", ""),
    ("exchangeInfo", "exchangeInfo", ""),
    ("depth", "depth", ""),
    ("trades", "trades", ""),
    ("old trades", "historicalTrades", ""),
    ("aggTrades", "aggTrades", ""),
    ("klines", "klines", "&interval=1m"),
    ("avgPrice", "avgPrice", ""),
    ("24hr", "ticker/24hr", ""),
    ("24hr mini", "ticker/24hr", "&type=MINI"),
    ("price", "ticker/price", ""),
    ("bookTicker", "ticker/bookTicker", ""),
]
PRIVATE = [
    ("all orders", "allOrders", SYMBOL),
    ("my trades", "myTrades", SYMBOL),
    ("account", "account", {}),
    ("commission", "account/commission", SYMBOL),
    ("order counts", "rateLimit/order", {}),
]
STREAMS = [
    "trade",
    "aggTrade",
    "bookTicker",
    "depth@100ms",
    "depth5",
    "ticker",
    "miniTicker",
    "kline_1m",
]

# What the documents show: our reply, the document, its section, which example of it.
DOCUMENTED = [
    ("ping", "rest-api", "Test connectivity", 0),
    ("time", "rest-api", "Check server time", 0),
    ("exchangeInfo", "rest-api", "Exchange information", 0),
    ("depth", "rest-api", "Order book", 0),
    ("trades", "rest-api", "Recent trades list", 0),
    ("old trades", "rest-api", "Old trade lookup", 0),
    ("aggTrades", "rest-api", "Compressed/Aggregate trades list", 0),
    ("klines", "rest-api", "Kline/Candlestick data", 0),
    ("avgPrice", "rest-api", "Current average price", 0),
    ("24hr", "rest-api", "24hr ticker price change statistics", 0),
    ("24hr mini", "rest-api", "24hr ticker price change statistics", 2),
    ("price", "rest-api", "Symbol price ticker", 0),
    ("bookTicker", "rest-api", "Symbol order book ticker", 0),
    ("placed ACK", "rest-api", "New order (TRADE)", 0),
    ("placed RESULT", "rest-api", "New order (TRADE)", 1),
    ("placed FULL", "rest-api", "New order (TRADE)", 2),
    ("tested", "rest-api", "Test new order (TRADE)", 0),
    ("tested with rates", "rest-api", "Test new order (TRADE)", 1),
    ("canceled", "rest-api", "Cancel order (TRADE)", 0),
    ("canceled again", "rest-api", "Cancel order (TRADE)", 1),
    ("all canceled", "rest-api", "Cancel All Open Orders on a Symbol (TRADE)", 0),
    ("old oco", "rest-api", "New OCO - Deprecated (TRADE)", 0),
    ("oco", "rest-api", "New Order list - OCO (TRADE)", 0),
    ("oto", "rest-api", "New Order list - OTO (TRADE)", 0),
    ("otoco", "rest-api", "New Order list - OTOCO (TRADE)", 0),
    ("list canceled", "rest-api", "Cancel Order list (TRADE)", 0),
    ("list", "rest-api", "Query Order list (USER_DATA)", 0),
    ("all lists", "rest-api", "Query all Order lists (USER_DATA)", 0),
    ("open lists", "rest-api", "Query Open Order lists (USER_DATA)", 0),
    ("list status", "user-data-stream", "Order Reject Reason", 0),
    ("amended", "rest-api", "Order Amend Keep Priority (TRADE)", 0),
    ("amendments", "rest-api", "Query Order Amendments (USER_DATA)", 0),
    ("replaced", "rest-api", "Cancel an Existing Order and Send a New Order (TRADE)", 0),
    ("not replaced", "rest-api", "Cancel an Existing Order and Send a New Order (TRADE)", 1),
    ("half replaced", "rest-api", "Cancel an Existing Order and Send a New Order (TRADE)", 2),
    ("account", "rest-api", "Account information (USER_DATA)", 0),
    ("order", "rest-api", "Query order (USER_DATA)", 0),
    ("open orders", "rest-api", "Current open orders (USER_DATA)", 0),
    ("all orders", "rest-api", "All orders (USER_DATA)", 0),
    ("my trades", "rest-api", "Account trade list (USER_DATA)", 0),
    ("order counts", "rest-api", "Query Unfilled Order Count (USER_DATA)", 0),
    ("commission", "rest-api", "Query Commission Rates (USER_DATA)", 0),
    ("position", "user-data-stream", "Account Update", 0),
    ("transfer", "user-data-stream", "Balance Update", 0),
    ("report", "user-data-stream", "Order Update", 0),
    ("fill", "user-data-stream", "Order Update", 0),
    ("@trade", "web-socket-streams", "Trade Streams", 0),
    ("@aggTrade", "web-socket-streams", "Aggregate Trade Streams", 0),
    ("@bookTicker", "web-socket-streams", "Individual Symbol Book Ticker Streams", 0),
    ("@depth@100ms", "web-socket-streams", "Diff. Depth Stream", 0),
    ("@depth5", "web-socket-streams", "Partial Book Depth Streams", 0),
    ("@ticker", "web-socket-streams", "Individual Symbol Ticker Streams", 0),
    ("@miniTicker", "web-socket-streams", "Individual Symbol Mini Ticker Stream", 0),
    ("@kline_1m", "web-socket-streams", "Kline/Candlestick Streams for UTC", 0),
]

# Fixtures of two other projects: our reply, the file.
NAUTILUS = [
    ("ping", "http_json/ping_response"),
    ("time", "http_json/server_time_response"),
    ("exchangeInfo", "http_json/exchange_info_response"),
    ("depth", "http_json/depth_response"),
    ("trades", "http_json/trades_response"),
    ("klines", "http_json/klines_response"),
    ("avgPrice", "http_json/avg_price_response"),
    ("24hr", "http_json/ticker_24hr_response"),
    ("price", "http_json/ticker_price_response"),
    ("bookTicker", "http_json/book_ticker_response"),
    ("placed FULL", "http_json/new_order_full_response"),
    ("order", "http_json/order_response"),
    ("open orders", "http_json/open_orders_response"),
    ("all orders", "http_json/all_orders_response"),
    ("canceled", "http_json/cancel_order_response"),
    ("all canceled", "http_json/cancel_open_orders_response"),
    ("account", "http_json/account_response"),
    ("my trades", "http_json/account_trades_response"),
    ("report", "user_data_json/execution_report_wrapped"),
    ("position", "user_data_json/account_position_wrapped"),
    ("transfer", "user_data_json/balance_update_wrapped"),
]
GOCRYPTOTRADER = [
    ("account", "account", "GET"),
    ("aggTrades", "aggTrades", "GET"),
    ("all orders", "allOrders", "GET"),
    ("avgPrice", "avgPrice", "GET"),
    ("depth", "depth", "GET"),
    ("exchangeInfo", "exchangeInfo", "GET"),
    ("old trades", "historicalTrades", "GET"),
    ("klines", "klines", "GET"),
    ("open orders", "openOrders", "GET"),
    ("canceled", "order", "DELETE"),
    ("24hr", "ticker/24hr", "GET"),
    ("bookTicker", "ticker/bookTicker", "GET"),
    ("price", "ticker/price", "GET"),
    ("trades", "trades", "GET"),
]


def against_documents(ours: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, document, section, number in DOCUMENTED:
        for found in differences(ours[name], examples(document, section)[number]):
            yield f"documents: {name}", found


def against_nautilus(ours: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, file in NAUTILUS:
        path = FIXTURES / f"nautilus/binance/spot/{file}.json"
        for found in differences(ours[name], json.loads(path.read_text())):
            yield f"nautilus: {name}", found


def against_gocryptotrader(ours: dict[str, Any]) -> Iterator[tuple[str, str]]:
    text = gzip.decompress((FIXTURES / "gocryptotrader/binance_http.json.gz").read_bytes())
    routes = json.loads(text)["routes"]
    for name, path, method in GOCRYPTOTRADER:
        for found in differences(ours[name], routes[f"/api/v3/{path}"][method][0]["data"]):
            yield f"gocryptotrader: {name}", found


@pytest.mark.recorded
def test_replies_have_the_documented_keys_and_types() -> None:
    document("rest-api")  # skips, or fails on CI, when the examples are not here
    ours = world()
    found = {
        *against_documents(ours),
        *against_nautilus(ours),
        *against_gocryptotrader(ours),
    }
    assert sorted(found - DIFFERENCES.keys()) == [], "not documented, and no reason given"
    assert sorted(DIFFERENCES.keys() - found) == [], "no longer differs: delete the entry"
