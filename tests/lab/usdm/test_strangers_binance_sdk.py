"""A whole life of a perpetual through the venue's own SDK, unmodified but for its URLs."""

import asyncio
from typing import Any

import pytest

from lab.markets import ScriptedMarket
from lab.perps import SETTINGS, opening
from lab.running import KEY, SECRET, running_lab, stranger

pytestmark = pytest.mark.strangers

_SDK = "binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures"


def client(url: str) -> Any:
    common = stranger("binance_common.configuration")
    return stranger(_SDK).DerivativesTradingUsdsFutures(
        common.ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=url),
        None,
        common.ConfigurationWebSocketStreams(stream_url=url.replace("http", "ws")),
    )


class Heard:
    """What a subscription said, awaited one by one."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Any] = asyncio.Queue()

    def __call__(self, message: Any) -> None:
        self._messages.put_nowait(message)

    async def text(self, *parts: str) -> str:
        """The next message whose text contains every part."""
        while True:
            text = str(await self._messages.get())
            if all(part in text for part in parts):
                return text


async def life(rest: Any, market: ScriptedMarket, user: Heard) -> None:
    mine = {"symbol": "BTCUSDT", "orig_client_order_id": "mine-1"}

    async def call(method: str, **params: Any) -> Any:
        reply = await asyncio.to_thread(getattr(rest, method), **params)
        return reply.data()

    info = await call("exchange_information")
    assert info.symbols[0].symbol == "BTCUSDT"
    placed = await call(
        "new_order",
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        time_in_force="GTC",
        quantity=2.0,
        price=99.0,
        new_client_order_id="mine-1",
    )
    assert placed.status == "NEW"
    await user.text("OrderTradeUpdate", "mine-1")
    market.print_trade("99.0", "30.5")
    await user.text("AccountUpdate", "99.00000")
    await user.text("PARTIALLY_FILLED")
    assert (await call("query_order", **mine)).executed_qty == "0.500"
    assert (await call("cancel_order", **mine)).status == "CANCELED"
    await user.text("CANCELED")
    stop = await call(
        "new_algo_order",
        algo_type="CONDITIONAL",
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_MARKET",
        trigger_price=95.0,
        close_position="true",
        client_algo_id="stop-1",
    )
    await user.text("AlgoUpdate", "stop-1")
    shown = await call("query_algo_order", client_algo_id="stop-1")
    assert (shown.algo_id, shown.algo_status) == (stop.algo_id, "NEW")
    assert (await call("cancel_algo_order", algo_id=stop.algo_id)).msg == "success"
    [risk] = await call("position_information_v3")
    assert (risk.position_amt, risk.entry_price) == ("0.500", "99.00000")
    account = await call("account_information_v3")
    assert account.positions[0].notional == "50.00000000"
    assert (await call("get_current_position_mode")).dual_side_position is False
    assert (await call("mark_price", symbol="BTCUSDT")).actual_instance.mark_price == "100.00000000"
    assert len(await call("account_trade_list", symbol="BTCUSDT")) == 1


async def live(url: str, market: ScriptedMarket) -> None:
    usdm = client(url)
    streams = await usdm.websocket_streams.create_connection()
    try:
        key = (await asyncio.to_thread(usdm.rest_api.start_user_data_stream)).data().listen_key
        heard, marks = Heard(), Heard()
        (await streams.user_data(key)).on("message", heard)
        await life(usdm.rest_api, market, heard)
        (await streams.mark_price_stream(symbol="btcusdt", update_speed="1s")).on("message", marks)
        await marks.text("100.00000000")
    finally:
        await streams.close_connection(close_session=True)


def test_the_venues_own_sdk_lives_a_whole_life_in_the_lab() -> None:
    async def run() -> None:
        market = ScriptedMarket([opening()], beating=True, best=("99.9", "100.1"))
        async with running_lab(ScriptedMarket(), SETTINGS, market) as url:
            await live(url, market)

    asyncio.run(run())
