"""The lab over real sockets: answers, broken answers, websockets, shutdown."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from yarl import URL

from lab.driver import hmac_signer
from lab.markets import ScriptedMarket
from lab.running import KEY, running_lab

PING = {"path": "/api/v3/ping"}
Use = Callable[[aiohttp.ClientSession, str, ScriptedMarket], Awaitable[None]]


def run(use: Use) -> None:
    async def main() -> None:
        market = ScriptedMarket(beating=True)
        async with running_lab(market) as url, aiohttp.ClientSession() as session:
            await use(session, url, market)

    asyncio.run(main())


async def fault(session: aiohttp.ClientSession, url: str, **spec: Any) -> None:
    async with session.post(f"{url}/lab/faults", json=spec) as reply:
        assert reply.status == 200, await reply.text()


def test_calls_are_answered_with_status_headers_and_body() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        async with session.get(f"{url}/api/v3/ping") as reply:
            assert (reply.status, await reply.json()) == (200, {})
            assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "1"
        async with session.get(f"{url}/api/v3/depth") as reply:
            assert (reply.status, (await reply.json())["code"]) == (400, -1102)

    run(use)


def test_signatures_hold_over_the_text_as_it_was_sent() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        async with session.get(f"{url}/api/v3/time") as reply:
            now_ms = (await reply.json())["serverTime"]
        query = f"symbol=BTCUSDT&origClientOrderId=a%2Db&timestamp={now_ms}"
        signed = f"{url}/api/v3/order?{query}&signature={hmac_signer()(query)}"
        address = URL(signed, encoded=True)
        async with session.get(address, headers={"X-MBX-APIKEY": KEY}) as reply:
            assert (await reply.json())["code"] == -2013

    run(use)


def test_a_hangup_breaks_the_connection() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        await fault(session, url, kind="lost_response", match=PING)
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{url}/api/v3/ping")

    run(use)


def test_a_hung_call_stays_silent_until_the_client_gives_up() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        await fault(session, url, kind="lost_request", match=PING, how="hang", count=1)
        patience = aiohttp.ClientTimeout(total=0.3)
        with pytest.raises(TimeoutError):
            await session.get(f"{url}/api/v3/ping", timeout=patience)
        async with session.get(f"{url}/api/v3/ping") as reply:
            assert reply.status == 200

    run(use)


def test_a_cut_answer_promises_more_than_it_sends() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        await fault(session, url, kind="truncated_body", match={"path": "/api/v3/time"}, bytes=5)
        async with session.get(f"{url}/api/v3/time") as reply:
            assert reply.status == 200
            assert int(reply.headers["Content-Length"]) > 5
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.read()

    run(use)


def test_a_slow_body_keeps_coming_and_takes_its_time() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        await fault(session, url, kind="slow_body", match={"path": "/api/v3/depth"}, ms=400)
        now_s = asyncio.get_running_loop().time
        start_s = now_s()
        patience = aiohttp.ClientTimeout(sock_read=0.3)
        async with session.get(f"{url}/api/v3/depth?symbol=BTCUSDT", timeout=patience) as reply:
            pieces = [piece async for piece in reply.content.iter_any()]
        assert now_s() - start_s >= 0.3
        assert len(pieces) > 3
        assert json.loads(b"".join(pieces))["bids"][0] == ["99.00000000", "1.00000000"]
        patience = aiohttp.ClientTimeout(total=0.1)
        with pytest.raises(TimeoutError):
            async with session.get(f"{url}/api/v3/depth?symbol=BTCUSDT", timeout=patience) as reply:
                await reply.read()

    run(use)


def test_market_frames_arrive_in_order() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        async with session.ws_connect(f"{url}/ws/btcusdt@trade") as ws:
            numbers = [json.loads((await ws.receive()).data)["t"] for _ in range(10)]
        assert numbers == list(range(numbers[0], numbers[0] + 10))

    run(use)


def test_a_websocket_can_be_closed_with_a_code_or_broken() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        for code, seen in ((1012, 1012), (1006, 1006)):
            async with session.ws_connect(f"{url}/ws") as ws:
                await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
                await ws.receive()
                await fault(session, url, kind="stream_drop", which="market", code=code)
                await ws.receive()
                assert ws.close_code == seen

    run(use)


def test_a_clients_ping_is_answered() -> None:
    async def use(session: aiohttp.ClientSession, url: str, _: ScriptedMarket) -> None:
        async with session.ws_connect(f"{url}/ws-api/v3", autoping=False) as ws:
            await ws.ping(b"hello")
            message = await ws.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"hello")

    run(use)


def test_shutting_down_says_so_to_every_websocket() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            async with running_lab(ScriptedMarket()) as url:
                ws = await session.ws_connect(f"{url}/ws")
            assert json.loads((await ws.receive()).data)["e"] == "serverShutdown"
            assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
            await ws.close()

    asyncio.run(main())
