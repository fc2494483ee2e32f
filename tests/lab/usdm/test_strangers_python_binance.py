"""A whole life of a perpetual through python-binance, unmodified but for its URLs."""

import asyncio
from typing import Any

import pytest

from lab.markets import ScriptedMarket
from lab.perps import SETTINGS, opening
from lab.running import KEY, SECRET, running_lab, stranger

pytestmark = pytest.mark.strangers


async def update(socket: Any, execution: str) -> Any:
    """The next order update of this kind."""
    while True:
        event = await socket.recv()
        if event.get("e") == "ORDER_TRADE_UPDATE" and event["o"]["x"] == execution:
            return event["o"]


async def life(client: Any, sockets: Any, market: ScriptedMarket) -> None:
    mine = {"symbol": "BTCUSDT", "origClientOrderId": "mine-1"}
    async with sockets.futures_user_socket() as user:
        order = await client.futures_create_order(
            symbol="BTCUSDT",
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            quantity="2",
            price="99",
            newClientOrderId="mine-1",
        )
        assert (await update(user, "NEW"))["i"] == order["orderId"]
        market.print_trade("99.0", "30.5")
        assert (await update(user, "TRADE"))["z"] == "0.500"
        assert (await client.futures_get_order(**mine))["status"] == "PARTIALLY_FILLED"
        assert (await client.futures_cancel_order(**mine))["executedQty"] == "0.500"
        assert (await update(user, "CANCELED"))["c"] == "mine-1"
    [position] = await client.futures_position_information(symbol="BTCUSDT")
    assert (position["positionAmt"], position["entryPrice"]) == ("0.500", "99.00000")
    await client.futures_change_leverage(symbol="BTCUSDT", leverage=5)
    stop = await client.futures_create_algo_order(
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_MARKET",
        triggerPrice="95",
        closePosition="true",
    )
    assert (await client.futures_get_algo_order(algoId=stop["algoId"]))["algoStatus"] == "NEW"
    await client.futures_cancel_algo_order(algoId=stop["algoId"])
    closing = await client.futures_create_order(
        symbol="BTCUSDT",
        side="SELL",
        type="MARKET",
        quantity="0.5",
        reduceOnly="true",
        newOrderRespType="RESULT",
    )
    assert closing["status"] == "FILLED"
    assert len(await client.futures_account_trades(symbol="BTCUSDT")) == 2
    kinds = {row["incomeType"] for row in await client.futures_income_history()}
    assert kinds == {"COMMISSION", "REALIZED_PNL"}


async def live(url: str, market: ScriptedMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    binance = stranger("binance")
    address = url.removeprefix("http://")
    monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{url}/api")
    monkeypatch.setattr(binance.AsyncClient, "FUTURES_URL", f"{url}/fapi")
    monkeypatch.setattr(binance.AsyncClient, "WS_API_URL", f"ws://{address}/ws-api/v3")
    monkeypatch.setattr(binance.BinanceSocketManager, "FSTREAM_URL", f"ws://{address}/")
    client = await binance.AsyncClient.create(KEY, SECRET)
    try:
        assert (await client.futures_position_information()) == []
        sockets = binance.BinanceSocketManager(client)
        await life(client, sockets, market)
        async with sockets.futures_depth_socket("BTCUSDT") as books:
            assert (await books.recv())["data"]["a"][0][0] == "100.1"
        assert (await client.futures_order_book(symbol="BTCUSDT"))["asks"][0][0] == "100.1"
        with pytest.raises(binance.exceptions.BinanceAPIException, match="-1111"):
            await client.futures_create_order(
                symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.0001"
            )
    finally:
        await client.close_connection()


def test_python_binance_lives_a_whole_life_in_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        market = ScriptedMarket([opening()], beating=True, best=("99.9", "100.1"))
        async with running_lab(ScriptedMarket(), SETTINGS, market) as url:
            await live(url, market, monkeypatch)

    asyncio.run(run())
