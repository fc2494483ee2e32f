"""Websocket streams against a real server in the same loop."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from itertools import count
from random import Random

import pytest
from aiohttp import WSCloseCode, WSMsgType, web

from builders import BTCUSDT
from lab.running import SETTINGS, running_lab
from nightdesk.adapters import streams as streams_module
from nightdesk.adapters.streams import PicowsStreams
from nightdesk.adapters.system import SystemClock
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.settings import LabSettings, default_symbol
from nightdesk.lab.usdm.settings import KNOWN_PERPS, UsdmSettings
from nightdesk.model.ids import VenueId
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.ports.venue import ConnectFailed, Send
from nightdesk.runtime import kept_stream
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.binance_usdm import BinanceUsdm

Serve = Callable[[web.WebSocketResponse], Awaitable[None]]


def streamed(serve: Serve, body: Callable[[PicowsStreams], Awaitable[None]]) -> None:
    async def main() -> None:
        async def handle(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse(autoping=False, timeout=0.2)
            await socket.prepare(request)
            await serve(socket)
            return socket

        app = web.Application()
        app.router.add_get("/stream", handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        try:
            async with asyncio.timeout(10):
                await body(PicowsStreams([f"ws://{host}:{port}"], SystemClock()))
        finally:
            await runner.cleanup()

    asyncio.run(main())


class Ears:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.times: list[Mono] = []
        self.send: Send = lambda _: None
        self.opened = False

    def on_open(self, send: Send) -> None:
        self.opened, self.send = True, send

    def on_frame(self, data: bytes, at: Mono) -> None:
        self.frames.append(data)
        self.times.append(at)


def test_frames_come_in_order_stamped_and_the_venues_close_says_why() -> None:
    async def serve(ws: web.WebSocketResponse) -> None:
        for n in range(500):
            await ws.send_str(f'{{"n":{n}}}')
        await ws.close(code=WSCloseCode.GOING_AWAY)

    async def body(streams: PicowsStreams) -> None:
        ears = Ears()
        why = await streams.run("/stream", ears.on_open, ears.on_frame)
        assert ears.frames == [b'{"n":%d}' % n for n in range(500)]
        assert ears.times == sorted(ears.times)
        assert "closed by the venue" in why
        assert "1001" in why or "GOING_AWAY" in why

    streamed(serve, body)


def test_what_is_sent_when_it_opens_arrives() -> None:
    got: list[str] = []

    async def serve(ws: web.WebSocketResponse) -> None:
        got.append((await ws.receive()).data)
        await ws.close()

    async def body(streams: PicowsStreams) -> None:
        await streams.run("/stream", lambda send: send("hello"), lambda _d, _a: None)
        assert got == ["hello"]

    streamed(serve, body)


def test_the_venues_pings_are_answered_with_their_payload() -> None:
    got: list[object] = []

    async def serve(ws: web.WebSocketResponse) -> None:
        await ws.ping(b"1723161255")
        message = await ws.receive()
        got.append((message.type, bytes(message.data)))
        await ws.close()

    async def body(streams: PicowsStreams) -> None:
        await streams.run("/stream", lambda _: None, lambda _d, _a: None)
        assert got == [(WSMsgType.PONG, b"1723161255")]

    streamed(serve, body)


def test_a_silent_half_open_connection_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(streams_module, "PONG_WITHIN_S", 0.1)

    async def serve(ws: web.WebSocketResponse) -> None:
        await asyncio.sleep(30)  # reads nothing: no pong either

    async def body(streams: PicowsStreams) -> None:
        started = asyncio.get_running_loop().time()
        await streams.run("/stream", lambda _: None, lambda _d, _a: None)
        assert asyncio.get_running_loop().time() - started < 3

    streamed(serve, body)


def test_a_connection_broken_without_a_close_ends_the_run() -> None:
    async def serve(ws: web.WebSocketResponse) -> None:
        await ws.send_str("one")
        transport = ws._req.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()

    async def body(streams: PicowsStreams) -> None:
        ears = Ears()
        assert await streams.run("/stream", ears.on_open, ears.on_frame) == "connection lost"
        assert ears.opened

    streamed(serve, body)


def test_nobody_listening_and_no_websocket_there_are_connections_that_failed() -> None:
    async def serve(ws: web.WebSocketResponse) -> None:
        await ws.close()

    async def body(streams: PicowsStreams) -> None:
        with pytest.raises(ConnectFailed, match="/nowhere"):
            await streams.run("/nowhere", lambda _: None, lambda _d, _a: None)
        free = socket.create_server(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        gone = PicowsStreams([f"ws://127.0.0.1:{port}"], SystemClock())
        with pytest.raises(ConnectFailed, match=str(port)):
            await gone.run("/stream", lambda _: None, lambda _d, _a: None)

    streamed(serve, body)


def test_a_connect_that_is_never_answered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "CONNECT_TIMEOUT_S", 0.1)

    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        streams = PicowsStreams([f"ws://127.0.0.1:{listener.getsockname()[1]}"], SystemClock())
        with pytest.raises(ConnectFailed):
            await streams.run("/stream", lambda _: None, lambda _d, _a: None)
        listener.close()

    asyncio.run(main())


def test_an_exception_in_the_handler_of_a_frame_comes_out_and_no_frame_follows() -> None:
    async def serve(ws: web.WebSocketResponse) -> None:
        for n in range(100):
            await ws.send_str(str(n))
        await ws.receive()

    seen: list[bytes] = []

    def broken(data: bytes, _: Mono) -> None:
        seen.append(data)
        if data == b"7":
            raise KeyError("a bug")

    async def body(streams: PicowsStreams) -> None:
        with pytest.raises(KeyError, match="a bug"):
            await streams.run("/stream", lambda _: None, broken)
        assert seen[:8] == [b"%d" % n for n in range(8)]

    streamed(serve, body)


def test_cancelled_it_hangs_up() -> None:
    ended = asyncio.Event

    async def serve(ws: web.WebSocketResponse) -> None:
        await ws.receive()
        over.set()

    over = ended()

    async def body(streams: PicowsStreams) -> None:
        opened = asyncio.Event()
        task = asyncio.get_running_loop().create_task(
            streams.run("/stream", lambda _: opened.set(), lambda _d, _a: None)
        )
        await opened.wait()
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        await over.wait()

    streamed(serve, body)


def test_a_stream_opens_on_the_next_way_at_once_and_not_on_the_failed_one_again() -> None:
    came: list[str] = []

    async def main() -> None:
        async def handle(request: web.Request) -> web.WebSocketResponse:
            came.append(request.remote or "")
            ws = web.WebSocketResponse(timeout=0.2)
            await ws.prepare(request)
            await ws.close()
            return ws

        app = web.Application()
        app.router.add_get("/stream", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        free = socket.create_server(("127.0.0.1", 0))
        gone = free.getsockname()[1]
        free.close()
        bases = [f"ws://127.0.0.1:{gone}", f"ws://127.0.0.1:{port}"]
        streams = PicowsStreams(bases, SystemClock(), ["127.0.0.3", "127.0.0.4"])
        try:
            async with asyncio.timeout(10):
                for _ in range(2):
                    await streams.run("/stream", lambda _: None, lambda _d, _a: None)
                with pytest.raises(ConnectFailed) as refused:
                    await streams.run("/nowhere", lambda _: None, lambda _d, _a: None)
        finally:
            await runner.cleanup()
        for base in bases:
            for link in ("127.0.0.3", "127.0.0.4"):
                assert f"{base}/nowhere from {link}: " in str(refused.value)

    asyncio.run(main())
    assert came == ["127.0.0.3", "127.0.0.4"]


class Whole:
    """Reads frames of both markets as they come, by their codecs."""

    def __init__(self, path: str, read: Callable[[bytes, Mono], object]) -> None:
        self.path = path
        self.codec_read = read
        self.frames: list[bytes] = []
        self.notes: list[str] = []
        self.enough = asyncio.Event()
        self._told = asyncio.Event()

    async def until(self, there: Callable[[], bool]) -> None:
        """Wait for what further frames bring."""
        async with asyncio.timeout(60):
            while not there():
                self._told.clear()
                await self._told.wait()

    async def where(self) -> str:
        return self.path

    def hello(self) -> str:
        return ""

    def read(self, frame: bytes, received: Mono) -> bytes | None:
        return None if self.codec_read(frame, received) is None else frame

    def confirms(self, _: bytes) -> bool:
        return False

    def subscription(self, _: bytes) -> str:
        return ""

    def named(self, subscription: str) -> str:
        return subscription

    def tell(self, told: bytes, _: Mono) -> None:
        self.frames.append(told)
        self._told.set()

    def poisoned(self, frame: bytes, error: Exception) -> None:
        raise AssertionError(f"{frame!r}: {error}")

    def heard(self, *, gap: bool) -> None:
        self.notes.append("gap" if gap else "heard")
        if self.notes.count("heard") == ROLLOVERS:
            self.enough.set()

    def lost(self, why: str) -> None:
        self.notes.append(f"lost: {why}")

    def note(self, event: str, _: str) -> None:
        self.notes.append(event)


ROLLOVERS = 3


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_connections_are_changed_on_real_sockets_without_losing_or_repeating_a_frame(
    market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_stream, "DRAIN_NS", SECOND_NS)
    bitcoin = default_symbol("BTCUSDT")
    perps = (KNOWN_PERPS["BTCUSDT"],)
    settings = LabSettings(
        accounts=SETTINGS.accounts,
        symbols=(bitcoin,),
        usdm=UsdmSettings(symbols=perps),
        connection_life_ns=0,
    )
    signer, symbols = HmacSigner("k", "s"), {"BTCUSDT": BTCUSDT}
    codec = (
        BinanceSpot(VenueId("binance"), signer, symbols)
        if market == "spot"
        else BinanceUsdm(VenueId("usdm"), signer, symbols)
    )

    async def main() -> None:
        spot_market = GeneratedMarket((bitcoin,), 1, 5.0)
        perp_market = GeneratedMarket(perps, 1, 5.0, venue="usdm")
        async with running_lab(spot_market, settings, perp_market) as url:
            streams = PicowsStreams([url.replace("http", "ws")], SystemClock())
            names = "btcusdt@bookTicker/btcusdt@trade"
            path = f"/stream?streams={names}"
            if market == "usdm":
                path = "/public/stream?streams=btcusdt@bookTicker"
            whole, kept_ears = Whole(path, codec.market), Whole(path, codec.market)
            opened = asyncio.Event()
            upkeep = kept_stream.Upkeep(
                clock=SystemClock(),
                draw=Random(1),
                numbers=count(1),
                life_ns=2 * SECOND_NS,
                watched=True,
            )
            kept = kept_stream.KeptStream(streams, kept_ears, upkeep=upkeep, name="kept")
            async with asyncio.TaskGroup() as group:
                reference = group.create_task(streams.run(path, lambda _: opened.set(), whole.tell))
                await opened.wait()
                keeping = group.create_task(kept.keep())
                await kept_ears.enough.wait()
                last = len(kept_ears.frames) + 50
                await kept_ears.until(lambda: len(kept_ears.frames) >= last)
                keeping.cancel()
                await asyncio.wait([keeping])
                # Any connection may be read first: what the kept ones told is compared once all have it, and of
                # two that overlap the newer may be ahead.
                await whole.until(lambda: set(whole.frames).issuperset(kept_ears.frames))
                reference.cancel()
            places = sorted(map(whole.frames.index, kept_ears.frames))
            assert places == list(range(places[0], places[0] + len(places))), (
                "one lost, or told twice"
            )
            # A slow machine may begin, or even end, another change meanwhile.
            changes = kept_ears.notes.count("rollovers")
            assert changes >= ROLLOVERS
            assert (
                kept_ears.notes
                == ["gap", *["rollovers", "heard"] * changes][: len(kept_ears.notes)]
            )

    asyncio.run(main())
