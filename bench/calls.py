"""What one signed order costs who sends it, there and back: ours, aiohttp with json, and ccxt over aiohttp.

The venue (`bench.venue`) is a process of its own on loopback that answers at once. Each client sends the same
limit orders over one held connection, in turns, under ids of their own, and reads the answer into its own form.
Ours is all that the gateway asks of the way there: terms, signature, budget, breaker, write, what the answer
means. ccxt comes without its throttler, once as the bare endpoint and once as `create_order`.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from bench.measure import Figure, Run, Skipped, spread
from bench.node import BTCUSDT, venue
from bench.venue import SYMBOL
from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.system import SystemClock
from nightdesk.model.ids import ClientOrderId, StrategyId, VenueId
from nightdesk.model.order import Intent, OrderType, Origin, Side
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.runtime.requester import Requester
from nightdesk.venues.binance_costs import SPOT_LIMITS
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot

KEY, SECRET = "key", "secret"
PRICE, QTY = Decimal("61700.20"), Decimal("0.00100")
TIMEOUT_NS = 5 * SECOND_NS
BASE = "aiohttp and json"

Send = Callable[[str], Awaitable[None]]  # one order under this id, until its answer was understood


@asynccontextmanager
async def ours(rest: str) -> AsyncIterator[Send]:
    """The last step's way: no await before the bytes are with the kernel."""
    codec = BinanceSpot(VenueId("binance"), HmacSigner(KEY, SECRET), {SYMBOL: BTCUSDT})
    # As wide as it takes to be counted and never to wait.
    limits = [replace(limit, most=limit.most * 1_000_000) for limit in SPOT_LIMITS]
    http = HttpPool(rest)
    requester = Requester(http, SystemClock(), None, limits, reason_of=codec.reason_of)

    async def send(client_id: str) -> None:
        await requester.hold()
        now = requester.venue_now()
        intent = Intent(
            client_id=ClientOrderId(client_id),
            strategy=StrategyId("bench"),
            instrument=BTCUSDT,
            side=Side.BUY,
            type=OrderType.LIMIT,
            qty=QTY,
            price=PRICE,
            deadline=Wall(now + 2 * SECOND_NS),
            origin=Origin.STRATEGY,
            inputs=None,
        )
        request = codec.place(intent, now)
        assert request is not None, "it is not late"
        assert not requester.budget.wait_ns(request.cost, requester.mono()), "it never waits"
        future = requester.send(request, request.cost, TIMEOUT_NS)
        assert future is not None, "this venue does not fail"
        assert codec.placed(intent, await future).verdict is Verdict.ACKED

    try:
        yield send
    finally:
        http.close()


@asynccontextmanager
async def aiohttp(rest: str) -> AsyncIterator[Send]:
    """What a careful script does by hand."""
    client: Any = import_module("aiohttp")
    async with client.ClientSession() as session:

        async def send(client_id: str) -> None:
            terms = _terms(client_id) | {"recvWindow": 2000, "timestamp": time.time_ns() // MS_NS}
            payload = urlencode(terms)
            signature = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
            headers = {"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"}
            body = f"{payload}&signature={signature}"
            async with session.post(f"{rest}/api/v3/order", data=body, headers=headers) as answer:
                assert json.loads(await answer.read())["clientOrderId"] == client_id

        yield send


@asynccontextmanager
async def _exchange(rest: str) -> AsyncIterator[Any]:
    """ccxt's venue at our address, its market known, its throttler and its look back off."""
    exchange = import_module("ccxt.async_support").binance(
        {"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "enableLastJsonResponse": False}
    )
    exchange.urls["api"] |= {"public": f"{rest}/api/v3", "private": f"{rest}/api/v3"}
    filters: object = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "stepSize": "0.00001", "minQty": "0.00001", "maxQty": "9000"},
    ]
    listed = {"symbol": SYMBOL, "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters}
    listed["orderTypes"] = ["LIMIT", "MARKET"]
    # What it asks a venue for of itself: which markets lend.
    exchange.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    exchange.set_markets([exchange.parse_market(listed | {"status": "TRADING"})])
    try:
        yield exchange
    finally:
        await exchange.close()


@asynccontextmanager
async def ccxt_endpoint(rest: str) -> AsyncIterator[Send]:
    """ccxt's bare endpoint: it signs, and decodes the answer."""
    async with _exchange(rest) as exchange:

        async def send(client_id: str) -> None:
            answer = await exchange.private_post_order(_terms(client_id))
            assert answer["clientOrderId"] == client_id

        yield send


@asynccontextmanager
async def ccxt_create_order(rest: str) -> AsyncIterator[Send]:
    """What people call."""
    async with _exchange(rest) as exchange:

        async def send(client_id: str) -> None:
            named = {"newClientOrderId": client_id, "timeInForce": "GTC"}
            qty, price = float(QTY), float(PRICE)
            order = await exchange.create_order("BTC/USDT", "limit", "buy", qty, price, named)
            assert order["clientOrderId"] == client_id

        yield send


CLIENTS: Mapping[str, Any] = {
    "ours": ours,
    BASE: aiohttp,
    "ccxt, its bare endpoint": ccxt_endpoint,
    "ccxt create_order": ccxt_create_order,
}


def _terms(client_id: str) -> dict[str, object]:
    return {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": str(QTY),
        "price": str(PRICE),
        "newOrderRespType": "FULL",
        "newClientOrderId": client_id,
    }


class Spent:
    """What one client's orders cost: each one's time from wanting it, and processor time of all."""

    def __init__(self, send: Send) -> None:
        self.walls_ns: list[int] = []
        self.busy_ns = 0
        self._send = send
        self._number = 0

    async def orders(self, count: int) -> None:
        """So many, one after the other."""
        busy = time.process_time_ns()
        for _ in range(count):
            self._number += 1
            began = time.perf_counter_ns()
            await self._send(f"bench-{id(self):x}-{self._number}")
            self.walls_ns.append(time.perf_counter_ns() - began)
        self.busy_ns += time.process_time_ns() - busy


def measure(run: Run) -> list[Figure]:
    """Run it; raises `Skipped` where a rival is not installed."""
    try:
        return asyncio.run(_measure(run.pick(40, 8), run.pick(50, 25)))
    except ImportError as error:
        raise Skipped(f"{error}; it is in requirements/dev.txt") from error


async def _measure(rounds: int, orders: int) -> list[Figure]:
    async with AsyncExitStack() as open_while, venue() as server:
        spent = {
            name: Spent(await open_while.enter_async_context(client(server.rest)))
            for name, client in CLIENTS.items()
        }
        for each in spent.values():
            await each.orders(orders)  # a connection, caches, branches
            each.walls_ns.clear()
            each.busy_ns = 0
        for _ in range(rounds):
            for each in spent.values():
                await each.orders(orders)
    return _figures(spent)


def _figures(spent: Mapping[str, Spent]) -> list[Figure]:
    figures: list[Figure] = []
    base = spent[BASE]
    for name, each in spent.items():
        count = len(each.walls_ns)
        busy_us = each.busy_ns / count / 1_000
        figures.append(spread(f"{name}: an order, there and back", each.walls_ns))
        figures.append(Figure(name="... processor time", unit="us", value=busy_us, n=count))
        if each is not base:
            times = each.busy_ns / base.busy_ns
            figures.append(Figure(name=f"... of {BASE}", unit="x", value=times))
    return figures
