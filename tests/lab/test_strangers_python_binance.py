"""A whole life through python-binance, unmodified but for its URLs."""

import asyncio
from typing import Any

import pytest

from lab.markets import ScriptedMarket
from lab.running import KEY, SECRET, running_lab, stranger

pytestmark = pytest.mark.strangers


async def report(socket: Any, execution: str) -> Any:
    """The next execution report of this kind."""
    while True:
        message = await socket.recv()
        event = message.get("event", message)
        if event.get("e") == "executionReport" and event["x"] == execution:
            return event


async def protect(client: Any, user: Any, market: ScriptedMarket) -> None:
    """A stop and a pair: placed, asked for, triggered, canceled."""
    sell = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1"}
    stop = await client.create_order(**sell, type="STOP_LOSS", stopPrice="90")
    assert (await report(user, "NEW"))["P"] == "90.00000000"
    asked = {"symbol": "BTCUSDT", "orderId": stop["orderId"]}
    assert (await client.get_order(**asked))["isWorking"] is False
    assert (await client.cancel_order(**asked))["status"] == "CANCELED"
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": "110", "belowType": "STOP_LOSS_LIMIT"}
    legs |= {"belowStopPrice": "90", "belowPrice": "89", "belowTimeInForce": "GTC"}
    pair = await client.create_oco_order(**sell, **legs)
    assert [o["orderListId"] for o in await client.get_open_oco_orders()] == [pair["orderListId"]]
    market.print_trade("90.00", "0.1")
    expired = await report(user, "EXPIRED")
    assert (expired["g"], expired["eR"]) == (pair["orderListId"], "OCO_TRIGGER")
    assert (await report(user, "TRADE"))["X"] == "FILLED"
    over_ws = await client.ws_create_oco_order(**sell, **(legs | {"belowStopPrice": "80"}))
    one = {"symbol": "BTCUSDT", "orderListId": over_ws["orderListId"]}
    assert (await client.ws_cancel_oco_order(**one))["listOrderStatus"] == "ALL_DONE"


async def live(url: str, market: ScriptedMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    binance = stranger("binance")
    address = url.removeprefix("http://")
    monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{url}/api")
    monkeypatch.setattr(binance.AsyncClient, "WS_API_URL", f"ws://{address}/ws-api/v3")
    monkeypatch.setattr(binance.BinanceSocketManager, "STREAM_URL", f"ws://{address}/")
    client = await binance.AsyncClient.create(KEY, SECRET)
    try:
        info = await client.get_symbol_info("BTCUSDT")
        assert info["baseAsset"] == "BTC"
        assert float((await client.get_symbol_ticker(symbol="BTCUSDT"))["price"]) > 0
        assert (await client.get_asset_balance("USDT"))["free"] == "100000.00000000"
        sockets = binance.BinanceSocketManager(client)
        async with sockets.user_socket() as user:
            order = await client.create_order(
                symbol="BTCUSDT",
                side="BUY",
                type="LIMIT",
                timeInForce="GTC",
                quantity="2",
                price="100",
                newClientOrderId="mine-1",
            )
            assert (await report(user, "NEW"))["i"] == order["orderId"]
            market.print_trade("100.00", "0.5")
            assert (await report(user, "TRADE"))["z"] == "0.50000000"
            mine = {"symbol": "BTCUSDT", "origClientOrderId": "mine-1"}
            assert (await client.get_order(**mine))["status"] == "PARTIALLY_FILLED"
            assert (await client.cancel_order(**mine))["executedQty"] == "0.50000000"
            assert (await report(user, "CANCELED"))["C"] == "mine-1"
            await protect(client, user, market)
        async with sockets.trade_socket("BTCUSDT") as trades:
            assert (await trades.recv())["e"] == "trade"
        async with sockets.depth_socket("BTCUSDT", depth="5", interval=100) as books:
            assert (await books.recv())["asks"][0][0] == "101.00000000"
        assert len((await client.get_order_book(symbol="BTCUSDT"))["bids"]) == 4
        over_ws = await client.ws_create_order(
            symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.5"
        )
        assert over_ws["status"] == "FILLED"
        assert len(await client.get_my_trades(symbol="BTCUSDT")) == 3
        assert await client.get_open_orders(symbol="BTCUSDT") == []
        with pytest.raises(binance.exceptions.BinanceAPIException, match="LOT_SIZE"):
            await client.order_market_buy(symbol="BTCUSDT", quantity="0.000001")
    finally:
        await client.close_connection()


def test_python_binance_lives_a_whole_life_in_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        market = ScriptedMarket(beating=True)
        async with running_lab(market) as url:
            await live(url, market, monkeypatch)

    asyncio.run(run())
