"""A venue just large enough: Binance's time, rules, account, orders and streams, at once and without rules.

Runs as its own process (`python -m bench.venue`), prints its two ports, then obeys lines on standard input:
`ticks COUNT GAP_US` streams that many quotes and answers `done`. The end of its input ends it.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

SYMBOL = "BTCUSDT"
BALANCES = {"BTC": Decimal(1000), "USDT": Decimal(1_000_000_000)}
BID, ASK = Decimal("61700.10"), Decimal("61700.20")
_FILTERS = [
    {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01",
        "maxPrice": "1000000.00",
        "tickSize": "0.01",
    },
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    {"filterType": "NOTIONAL", "minNotional": "5"},
]


def rules(symbols: Sequence[str] = (SYMBOL,)) -> dict[str, Any]:
    """exchangeInfo of some symbols, all in USDT; of one as a rule."""
    told = [
        {
            "symbol": symbol,
            "status": "TRADING",
            "baseAsset": symbol.removesuffix("USDT"),
            "quoteAsset": "USDT",
            "filters": _FILTERS,
        }
        for symbol in symbols
    ]
    return {"symbols": told}


def quote_frame(number: int, symbol: str = SYMBOL) -> bytes:
    """A bookTicker frame; the touch moves with `number` so that no two orders are alike."""
    move = Decimal(number % 50) / 10
    return (
        f'{{"stream":"{symbol.lower()}@bookTicker","data":{{"u":{number + 1},"s":"{symbol}",'
        f'"b":"{BID + move}0","B":"3.15000000","a":"{ASK + move}0","A":"2.04000000"}}}}'
    ).encode()


class Exchange:
    """Orders are filled at their own limit at once, in one trade without a fee."""

    def __init__(self, tell: Callable[[bytes], None] = lambda _: None) -> None:
        self.balances = dict(BALANCES)
        self.orders = 0
        self._tell = tell

    def order(self, form: str) -> bytes:
        """POST order: the FULL answer, and the user stream's report behind it."""
        asked = dict(parse_qsl(form))
        self.orders += 1
        price, qty = Decimal(asked["price"]), Decimal(asked["quantity"])
        sign = 1 if asked["side"] == "BUY" else -1
        self.balances["BTC"] += sign * qty
        self.balances["USDT"] -= sign * qty * price
        self._tell(_report(asked, self.orders))
        return json.dumps(_full_answer(asked, self.orders)).encode()

    def answer(self, method: str, target: str, body: str) -> bytes:
        """Any other question."""
        path = target.partition("?")[0]
        if (method, path) == ("POST", "/api/v3/order"):
            return self.order(body)
        told: object = {"code": -2013, "msg": "Order does not exist."}
        if path == "/api/v3/time":
            told = {"serverTime": time.time_ns() // 1_000_000}
        elif path == "/api/v3/exchangeInfo":
            told = rules()
        elif path == "/api/v3/account":
            held = self.balances.items()
            told = {"balances": [{"asset": a, "free": str(v), "locked": "0"} for a, v in held]}
        elif path in ("/api/v3/openOrders", "/api/v3/myTrades"):
            told = []
        return json.dumps(told).encode()


def _full_answer(asked: dict[str, str], number: int) -> dict[str, Any]:
    trade = {"price": asked["price"], "qty": asked["quantity"], "tradeId": number}
    return {
        "symbol": asked["symbol"],
        "orderId": number,
        "orderListId": -1,
        "clientOrderId": asked["newClientOrderId"],
        "transactTime": int(asked["timestamp"]),
        "price": asked["price"],
        "origQty": asked["quantity"],
        "executedQty": asked["quantity"],
        "status": "FILLED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": asked["side"],
        "fills": [{**trade, "commission": "0.00000000", "commissionAsset": "USDT"}],
    }


def _report(asked: dict[str, str], number: int) -> bytes:
    event = {
        "e": "executionReport", "E": int(asked["timestamp"]), "s": asked["symbol"],
        "c": asked["newClientOrderId"], "C": "", "S": asked["side"], "o": "LIMIT", "f": "GTC",
        "q": asked["quantity"], "p": asked["price"], "x": "TRADE", "X": "FILLED", "r": "NONE",
        "i": number, "l": asked["quantity"], "z": asked["quantity"], "L": asked["price"],
        "n": "0", "N": "USDT", "T": int(asked["timestamp"]), "t": number, "m": False,
    }  # fmt: skip
    return json.dumps({"subscriptionId": 0, "event": event}).encode()


class _Rest(asyncio.Protocol):
    """HTTP/1.1, keep-alive, one request at a time."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, mark, rest = self._data.partition(b"\r\n\r\n")
        if not mark:
            return
        first, *fields = head.decode().split("\r\n")
        named = {n.lower(): v for n, _, v in (field.partition(": ") for field in fields)}
        length = int(named.get("content-length", "0"))
        if len(rest) < length:
            return
        self._data = rest[length:]
        method, target, _ = first.split(" ")
        body = self._exchange.answer(method, target, rest[:length].decode())
        status = b"400 Bad Request" if body.startswith(b'{"code"') else b"200 OK"
        assert self._transport is not None, "data comes over a connection"
        self._transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )


class _Stream(WSListener):
    """Remembers who listens; answers a subscription."""

    def __init__(self, listeners: set[WSTransport]) -> None:
        self._listeners = listeners

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._listeners.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, b'{"id":"subscribe","status":200,"result":{}}')
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._listeners.discard(transport)


class _Venue:
    """The servers, and the pace of the market."""

    def __init__(self) -> None:
        self._market: set[WSTransport] = set()
        self._private: set[WSTransport] = set()
        self._exchange = Exchange(self._tell)
        self._number = 0

    async def serve(self) -> None:
        """Until the input ends."""
        loop = asyncio.get_running_loop()
        rest = await loop.create_server(lambda: _Rest(self._exchange), "127.0.0.1", 0)
        streams = await ws_create_server(self._listener, "127.0.0.1", 0)
        print(rest.sockets[0].getsockname()[1], streams.sockets[0].getsockname()[1], flush=True)
        orders = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while line := await orders.readline():
            _, count, gap_us = line.split()
            await self._ticks(int(count), int(gap_us) / 1e6)
            print("done", flush=True)

    def _listener(self, request: WSUpgradeRequest) -> WSListener:
        private = request.path.startswith(b"/ws-api")
        return _Stream(self._private if private else self._market)

    def _tell(self, report: bytes) -> None:
        loop = asyncio.get_running_loop()
        for transport in self._private:
            loop.call_soon(transport.send, WSMsgType.TEXT, report)

    async def _ticks(self, count: int, gap_s: float) -> None:
        for _ in range(count):
            frame = quote_frame(self._number)
            self._number += 1
            for transport in self._market:
                transport.send(WSMsgType.TEXT, frame)
            await asyncio.sleep(gap_s)


if __name__ == "__main__":
    # A real venue runs on its own machine: ours must not push the node off its core in the middle of a write.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    asyncio.run(_Venue().serve())
    os._exit(0)
