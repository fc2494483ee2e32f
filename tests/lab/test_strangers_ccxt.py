"""A whole life through ccxt, unmodified but for its URLs."""

import asyncio
from typing import Any

import aiohttp
import pytest

from lab.markets import ScriptedMarket
from lab.running import KEY, SECRET, running_lab, stranger

pytestmark = pytest.mark.strangers


def client(url: str) -> Any:
    exchange = stranger("ccxt.pro").binance({"apiKey": KEY, "secret": SECRET})
    api = exchange.urls["api"]
    for name, address in list(api.items()):
        if isinstance(address, str):
            api[name] = url + "/" + address.split("/", 3)[3]
    ws = url.replace("http", "ws")
    api["ws"].update(spot=f"{ws}/ws", margin=f"{ws}/ws")
    api["ws"]["ws-api"]["spot"] = f"{ws}/ws-api/v3"
    return exchange


async def next_order(exchange: Any, *, filled: float | None = None, status: str = "open") -> Any:
    """The next order the user stream tells of that looks like this."""
    while True:
        for order in await exchange.watch_orders("BTC/USDT"):
            if order["status"] == status and filled in (None, order["filled"]):
                return order


async def subscribed(url: str) -> None:
    """Until the lab says that somebody listens; ccxt itself gives no sign of it."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}/lab/status") as reply:
                if (await reply.json())["counters"]["account_subscriptions"]:
                    return


async def protect(exchange: Any, market: ScriptedMarket) -> None:
    """Stops and a pair: placed, found, canceled, triggered."""
    stop = await exchange.create_stop_loss_order("BTC/USDT", "market", "sell", 0.5, None, 90)
    profit = await exchange.create_take_profit_order("BTC/USDT", "limit", "sell", 0.5, 109, 110)
    trailing = {"trailingPercent": 2, "stopLossOrTakeProfit": "stopLoss"}
    trail = await exchange.create_order("BTC/USDT", "market", "sell", 0.5, None, trailing)
    found = {o["id"]: o for o in await exchange.fetch_open_orders("BTC/USDT")}
    assert found.keys() == {stop["id"], profit["id"], trail["id"]}
    assert [found[o["id"]]["triggerPrice"] for o in (stop, profit)] == [90.0, 110.0]
    for order in (profit, trail):
        assert (await exchange.cancel_order(order["id"], "BTC/USDT"))["status"] == "canceled"
    market.print_trade("90.00", "0.1")
    while (done := await exchange.fetch_order(stop["id"], "BTC/USDT"))["status"] == "open":
        await asyncio.sleep(0)
    assert (done["status"], done["filled"]) == ("closed", 0.5)
    refused = stranger("ccxt").OrderImmediatelyFillable
    with pytest.raises(refused, match="would trigger immediately"):
        await exchange.create_stop_loss_order("BTC/USDT", "market", "sell", 0.5, None, 150)
    pair = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER"}
    pair |= {"abovePrice": "110", "belowType": "STOP_LOSS", "belowStopPrice": "80"}
    placed = await exchange.private_post_orderlist_oco(pair)
    assert len(await exchange.fetch_open_orders("BTC/USDT")) == 2
    by_list = {"symbol": "BTCUSDT", "orderListId": placed["orderListId"]}
    assert (await exchange.private_delete_orderlist(by_list))["listStatusType"] == "ALL_DONE"


async def live(url: str, market: ScriptedMarket) -> None:
    exchange = client(url)
    try:
        await exchange.load_markets()
        assert exchange.market("BTC/USDT")["limits"]["cost"]["min"] == 5.0
        assert (await exchange.fetch_ticker("BTC/USDT"))["bid"] == 99.0
        assert (await exchange.fetch_balance())["USDT"]["free"] == 100_000.0
        async with asyncio.TaskGroup() as group:
            told = group.create_task(next_order(exchange))
            await subscribed(url)
            order = await exchange.create_order(
                "BTC/USDT", "limit", "buy", 2, 100, {"newClientOrderId": "mine-1"}
            )
            assert (await told)["id"] == order["id"]
            part = group.create_task(next_order(exchange, filled=0.5))
            await asyncio.sleep(0)
            market.print_trade("100.00", "0.5")
            assert (await part)["remaining"] == 1.5
        by_client_id = {"origClientOrderId": "mine-1"}
        found = await exchange.fetch_order(None, "BTC/USDT", by_client_id)
        assert (found["id"], found["filled"]) == (order["id"], 0.5)
        with pytest.raises(stranger("ccxt").InvalidOrder, match="Duplicate order sent"):
            await exchange.create_order(
                "BTC/USDT", "limit", "buy", 1, 90, {"newClientOrderId": "mine-1"}
            )
        canceled = await exchange.cancel_order(order["id"], "BTC/USDT")
        assert canceled["status"] == "canceled"
        await next_order(exchange, status="canceled")
        with pytest.raises(stranger("ccxt").OrderNotFound):
            await exchange.cancel_order(order["id"], "BTC/USDT")
        trades = await exchange.fetch_my_trades("BTC/USDT")
        assert [(t["amount"], t["takerOrMaker"]) for t in trades] == [(0.5, "maker")]
        balance = await exchange.fetch_balance()
        assert (balance["BTC"]["total"], balance["USDT"]["used"]) == (10.4995, 0.0)
        assert (await exchange.watch_trades("BTC/USDT"))[0]["symbol"] == "BTC/USDT"
        book = await exchange.watch_order_book("BTC/USDT")
        assert book["asks"][0][0] == 101.0
        over_ws = await exchange.create_order_ws("BTC/USDT", "market", "sell", 0.5)
        assert (over_ws["status"], over_ws["average"]) == ("closed", 99.0)
        assert len(await exchange.fetch_open_orders("BTC/USDT")) == 0
        assert len(await exchange.fetch_orders("BTC/USDT")) == 2
        await protect(exchange, market)
    finally:
        await exchange.close()


def test_ccxt_lives_a_whole_life_in_the_lab() -> None:
    async def run() -> None:
        market = ScriptedMarket(beating=True)
        async with running_lab(market) as url:
            await live(url, market)

    asyncio.run(run())
