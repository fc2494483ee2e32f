"""A whole life of a perpetual through ccxt, unmodified but for its URLs."""

import asyncio
from typing import Any

import aiohttp
import pytest

from lab.markets import ScriptedMarket
from lab.perps import SETTINGS, opening
from lab.running import KEY, SECRET, running_lab, stranger

pytestmark = pytest.mark.strangers


def client(url: str) -> Any:
    exchange = stranger("ccxt.pro").binanceusdm({"apiKey": KEY, "secret": SECRET})
    api = exchange.urls["api"]
    for name, address in list(api.items()):
        if isinstance(address, str):
            api[name] = url + "/" + address.split("/", 3)[3]
    api["ws"]["future"] = url.replace("http", "ws") + "/ws"
    return exchange


async def next_order(exchange: Any, *, status: str, filled: float | None = None) -> Any:
    """The next order the user stream tells of that looks like this."""
    while True:
        for order in await exchange.watch_orders("BTC/USDT:USDT"):
            if order["status"] == status and filled in (None, order["filled"]):
                return order


async def subscribed(url: str) -> None:
    """Until the lab says that somebody listens to the account."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}/lab/status") as reply:
                if (await reply.json())["usdm"]["counters"]["listen_keys_heard"]:
                    return


async def trade(exchange: Any, url: str, market: ScriptedMarket) -> None:
    symbol = "BTC/USDT:USDT"
    async with asyncio.TaskGroup() as group:
        told = group.create_task(next_order(exchange, status="open"))
        await subscribed(url)
        order = await exchange.create_order(
            symbol, "limit", "buy", 2, 99, {"clientOrderId": "mine-1"}
        )
        assert (await told)["id"] == order["id"]
        part = group.create_task(next_order(exchange, status="open", filled=0.5))
        await asyncio.sleep(0)
        market.print_trade("99.0", "30.5")
        assert (await part)["remaining"] == 1.5
    found = await exchange.fetch_order(order["id"], symbol)
    assert (found["clientOrderId"], found["filled"], found["average"]) == ("mine-1", 0.5, 99.0)
    assert [o["id"] for o in await exchange.fetch_open_orders(symbol)] == [order["id"]]
    edited = await exchange.edit_order(order["id"], symbol, "limit", "buy", 1, 98)
    assert (edited["price"], edited["amount"]) == (98.0, 1.0)
    assert (await exchange.cancel_order(order["id"], symbol))["status"] == "canceled"
    with pytest.raises(stranger("ccxt").OrderNotFound):
        await exchange.cancel_order(order["id"], symbol)


async def hold(exchange: Any) -> None:
    symbol = "BTC/USDT:USDT"
    [position] = await exchange.fetch_positions([symbol])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 0.5, 99.0)
    assert position["markPrice"] == 100.0
    await exchange.set_leverage(10, symbol)
    with pytest.raises(stranger("ccxt").OperationRejected, match="exists position"):
        await exchange.set_margin_mode("isolated", symbol)
    with pytest.raises(stranger("ccxt").ExchangeError, match="-2019"):
        await exchange.create_order(symbol, "limit", "buy", 500, 99)
    with pytest.raises(stranger("ccxt").ExchangeError, match="-2022"):
        await exchange.create_order(symbol, "market", "buy", 0.1, None, {"reduceOnly": True})
    await exchange.create_order(symbol, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert await exchange.fetch_positions([symbol]) == []
    trades = await exchange.fetch_my_trades(symbol)
    assert [(t["side"], t["amount"], t["takerOrMaker"]) for t in trades] == [
        ("buy", 0.5, "maker"),
        ("sell", 0.5, "taker"),
    ]
    balance = await exchange.fetch_balance()
    # (99.9 - 99.0) * 0.5, less 0.02 % of 49.5 and 0.05 % of 49.95
    assert balance["USDT"]["total"] == pytest.approx(1000 + 0.45 - 0.0099 - 0.024975)


async def protect(exchange: Any, market: ScriptedMarket) -> None:
    """A stop that closes the position, told by the algo service and by the account's stream."""
    symbol = "BTC/USDT:USDT"
    await exchange.create_order(symbol, "market", "buy", 0.2)
    stop = {"stopLossPrice": 95, "reduceOnly": True}
    placed = await exchange.create_order(symbol, "market", "sell", 0.2, None, stop)
    trigger = {"trigger": True}
    assert [o["id"] for o in await exchange.fetch_open_orders(symbol, params=trigger)] == [
        placed["id"]
    ]
    spare = await exchange.create_order(symbol, "market", "sell", 0.1, None, stop)
    await exchange.cancel_order(spare["id"], symbol, trigger)
    market.print_trade("95.0", "0.001")
    while (await exchange.fetch_order(placed["id"], symbol, trigger))["status"] == "open":
        await asyncio.sleep(0.02)
    assert await exchange.fetch_positions([symbol]) == []


async def live(url: str, market: ScriptedMarket) -> None:
    exchange, symbol = client(url), "BTC/USDT:USDT"
    try:
        await exchange.load_markets()
        assert exchange.market(symbol)["limits"]["cost"]["min"] == 5.0
        assert (await exchange.fetch_bids_asks([symbol]))[symbol]["bid"] == 99.9
        assert (await exchange.fetch_funding_rate(symbol))["fundingRate"] == 0.0001
        await trade(exchange, url, market)
        await hold(exchange)
        await protect(exchange, market)
        assert (await exchange.watch_trades(symbol))[0]["symbol"] == symbol
        assert (await exchange.watch_order_book(symbol))["asks"][0][0] == 100.1
        assert (await exchange.watch_mark_price(symbol))["markPrice"] == 100.0
    finally:
        await exchange.close()


def test_ccxt_lives_a_whole_life_in_the_lab() -> None:
    async def run() -> None:
        market = ScriptedMarket([opening()], beating=True, best=("99.9", "100.1"))
        async with running_lab(ScriptedMarket(), SETTINGS, market) as url:
            await live(url, market)

    asyncio.run(run())
