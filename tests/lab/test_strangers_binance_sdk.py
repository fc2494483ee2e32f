"""A whole life through binance-sdk-spot, unmodified but for its URLs."""

import asyncio
from typing import Any

import pytest

from lab.markets import ScriptedMarket
from lab.running import KEY, SECRET, running_lab, stranger

pytestmark = pytest.mark.strangers


def client(url: str) -> Any:
    common = stranger("binance_common.configuration")
    ws = url.replace("http", "ws")
    return stranger("binance_sdk_spot.spot").Spot(
        common.ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=url),
        common.ConfigurationWebSocketAPI(
            api_key=KEY, api_secret=SECRET, stream_url=f"{ws}/ws-api/v3"
        ),
        common.ConfigurationWebSocketStreams(stream_url=ws),
    )


class Heard:
    """What a subscription said, awaited one by one."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Any] = asyncio.Queue()

    def __call__(self, message: Any) -> None:
        self._messages.put_nowait(message)

    async def text(self, part: str) -> str:
        """The next message whose text contains `part`."""
        while True:
            text = str(await self._messages.get())
            if part in text:
                return text


async def rest_life(rest: Any, market: ScriptedMarket, user: Heard) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}
    mine = {"symbol": "BTCUSDT", "orig_client_order_id": "mine-1"}

    async def call(method: str, **params: Any) -> Any:
        reply = await asyncio.to_thread(getattr(rest, method), **params)
        return reply.data()

    info = await call("exchange_info", symbol="BTCUSDT")
    assert info.symbols[0].symbol == "BTCUSDT"
    account = await call("get_account")
    assert {b.asset: b.free for b in account.balances}["USDT"] == "100000.00000000"
    placed = await call(
        "new_order", **order, quantity=2.0, price=100.0, new_client_order_id="mine-1"
    )
    assert placed.status == "NEW"
    await user.text("mine-1")
    market.print_trade("100.00", "0.5")
    await user.text("PARTIALLY_FILLED")
    assert (await call("get_order", **mine)).executed_qty == "0.50000000"
    assert (await call("delete_order", **mine)).status == "CANCELED"
    await user.text("CANCELED")
    assert len(await call("my_trades", symbol="BTCUSDT")) == 1
    sell = {"symbol": "BTCUSDT", "side": "SELL", "quantity": 1.0}
    stop = await call("new_order", **sell, type="STOP_LOSS", stop_price=90.0)
    asked = {"symbol": "BTCUSDT", "order_id": stop.order_id}
    assert (await call("get_order", **asked)).stop_price == "90.00000000"
    assert (await call("delete_order", **asked)).status == "CANCELED"
    legs = {"above_type": "LIMIT_MAKER", "above_price": 110.0, "below_type": "STOP_LOSS"}
    pair = await call("order_list_oco", **sell, **legs, below_stop_price=90.0)
    by_list = {"order_list_id": pair.order_list_id}
    assert (await call("get_order_list", **by_list)).list_status_type == "EXEC_STARTED"
    market.print_trade("90.00", "0.1")
    await user.text("ALL_DONE")
    assert len(await call("open_order_list")) == 0
    assert (await call("depth", symbol="BTCUSDT")).asks[0][0] == "101.00000000"


async def live(url: str, market: ScriptedMarket) -> None:
    spot = client(url)
    api = await spot.websocket_api.create_connection()
    try:
        heard = Heard()
        subscribed = await api.user_data_stream_subscribe_signature()
        subscribed.stream.on("message", heard)
        await rest_life(spot.rest_api, market, heard)
        over_ws = await api.order_place(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=0.5)
        assert over_ws.data().result.status == "FILLED"
    finally:
        await api.close_connection(close_session=True)
    streams = await spot.websocket_streams.create_connection()
    try:
        trades = Heard()
        (await streams.trade(symbol="btcusdt")).on("message", trades)
        await trades.text("101.00")
    finally:
        await streams.close_connection(close_session=True)


def test_the_venues_own_sdk_lives_a_whole_life_in_the_lab() -> None:
    async def run() -> None:
        market = ScriptedMarket(beating=True)
        async with running_lab(market) as url:
            await live(url, market)

    asyncio.run(run())
