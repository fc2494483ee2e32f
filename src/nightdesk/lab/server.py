"""The lab over real sockets.

Owns HTTP and websocket connections, and the one clock that drives the core. Refuses to
decide anything a venue decides: it carries bytes in and out.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from nightdesk.lab.core import Lab
from nightdesk.lab.market import Market
from nightdesk.lab.settings import SECOND_NS, LabSettings
from nightdesk.lab.wire import (
    CloseWs,
    Hangup,
    Out,
    Push,
    Respond,
    RestCall,
    WsClosed,
    WsOpen,
    WsText,
)

_PING_EVERY_S = 20.0
_PONG_WITHIN_S = 60.0
_CONNECTION_LIFE_S = 86_400.0
_FRAMES_QUEUED_MAX = 20_000  # a reader this far behind is gone; keep memory instead
_SHUTDOWN_S = 0.5  # hung calls are part of the practice and must not hold up the exit
_PIECES_MAX = 64  # of a body that is sent slowly: none of its pauses is long
_BROKEN = 1006
_WS_PATHS = ("/ws", "/stream", "/ws-api", "/public", "/market", "/private", "/usdm")

Clock = Callable[[], int]
Heard = Callable[[Clock, Callable[[], None]], Awaitable[None]]
wall_clock: Clock = time.time_ns  # noqa: TID251 - the lab is a process of its own: this is its clock


@dataclass(slots=True)
class Socket:
    """One websocket: frames wait here until its writer sends them."""

    transport: asyncio.Transport | asyncio.WriteTransport | None
    frames: "asyncio.Queue[Push | CloseWs]" = field(
        default_factory=lambda: asyncio.Queue(_FRAMES_QUEUED_MAX)
    )
    pinged_s: float | None = None

    def abort(self) -> None:
        """Break the connection."""
        if self.transport is not None:
            self.transport.abort()


class Server:
    """Carries a lab's requests and outputs."""

    def __init__(self, lab: Lab, clock: Clock = wall_clock) -> None:
        self.lab = lab
        self._clock = clock
        self._wake = asyncio.Event()
        self._calls: dict[int, asyncio.Future[Respond | Hangup]] = {}
        self._sockets: dict[int, Socket] = {}
        self._last_number = 0

    def app(self) -> web.Application:
        """The application; every path is the venue's business."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        return app

    async def drive(self) -> None:
        """Let the core's time pass, for ever."""
        while True:
            self._deliver(self.lab.advance(self._clock()))
            self._wake.clear()
            due_ns = self.lab.next_due_ns()
            wait_s = None if due_ns is None else (due_ns - self._clock()) / SECOND_NS
            if wait_s is not None and wait_s <= 0:
                await asyncio.sleep(0)  # behind: let the sockets have their turn, then go on
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def hear(self, heard: Heard) -> None:
        """Let a live market's feed run on this server's clock; it calls when something was heard."""
        await heard(self._clock, self._stirred)

    def _stirred(self) -> None:
        if self.lab.usdm is not None:
            self.lab.usdm.stir()
        self._wake.set()

    def farewell(self) -> None:
        """Tell every websocket that the venue shuts down."""
        self._deliver(self.lab.farewell(self._clock()))

    def _deliver(self, outs: list[Out]) -> None:
        for out in outs:
            match out:
                case Respond() | Hangup():
                    waiting = self._calls.get(out.call)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(out)
                case Push() | CloseWs():
                    self._queue(out)

    def _queue(self, out: Push | CloseWs) -> None:
        socket = self._sockets.get(out.conn)
        if socket is None:
            return
        try:
            socket.frames.put_nowait(out)
        except asyncio.QueueFull:
            socket.abort()

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if upgrade and request.path.startswith(_WS_PATHS):
            return await self._websocket(request)
        return await self._call(request)

    # --- calls -----------------------------------------------------------------------------

    async def _call(self, request: web.Request) -> web.StreamResponse:
        number = self._number()
        # The signature covers the text as it was sent, so nothing here may be decoded.
        path, _, query = request.raw_path.partition("?")
        call = RestCall(
            id=number,
            method=request.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=(await request.read()).decode(errors="replace"),
            source=request.remote or "",
        )
        waiting: asyncio.Future[Respond | Hangup] = asyncio.get_running_loop().create_future()
        self._calls[number] = waiting
        try:
            self._deliver(self.lab.handle(call, self._clock()))
            self._wake.set()
            out = await waiting
        finally:
            del self._calls[number]
        if isinstance(out, Hangup):
            return _hung_up(request)
        if out.cut is not None:
            return await _cut_off(request, out)
        if out.spread_ns:
            return await _dribbled(request, out)
        return web.Response(status=out.status, headers=out.headers, body=out.body)

    # --- websockets ------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False, timeout=_SHUTDOWN_S)
        await ws.prepare(request)
        number, source = self._number(), request.remote or ""
        socket = Socket(request.transport)
        self._sockets[number] = socket
        opened = WsOpen(conn=number, path=request.raw_path, source=source)
        self._deliver(self.lab.handle(opened, self._clock()))
        self._wake.set()
        try:
            async with asyncio.timeout(_CONNECTION_LIFE_S), asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(ws, socket))
                pinger = group.create_task(self._ping(ws, socket))
                await self._read(ws, socket, number)
                writer.cancel()
                pinger.cancel()
        except TimeoutError:
            await ws.close()
        finally:
            del self._sockets[number]
            self._deliver(self.lab.handle(WsClosed(conn=number), self._clock()))
        return ws

    async def _read(self, ws: web.WebSocketResponse, socket: Socket, number: int) -> None:
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                text = WsText(conn=number, text=message.data)
                self._deliver(self.lab.handle(text, self._clock()))
                self._wake.set()
            elif message.type is WSMsgType.PING:
                with suppress(ConnectionError):
                    await ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                socket.pinged_s = None

    async def _write(self, ws: web.WebSocketResponse, socket: Socket) -> None:
        while not ws.closed:
            out = await socket.frames.get()
            if isinstance(out, CloseWs):
                if out.code == _BROKEN:
                    socket.abort()
                else:
                    await ws.close(code=out.code, message=out.reason.encode())
                return
            try:
                await ws.send_str(out.text)
            except ConnectionError:
                return  # the reader notices as well, and ends this connection

    async def _ping(self, ws: web.WebSocketResponse, socket: Socket) -> None:
        now_s = asyncio.get_running_loop().time
        while not ws.closed:
            await asyncio.sleep(_PING_EVERY_S)
            if socket.pinged_s is not None and now_s() - socket.pinged_s > _PONG_WITHIN_S:
                socket.abort()
                return
            socket.pinged_s = socket.pinged_s or now_s()
            try:
                await ws.ping()
            except ConnectionError:
                return


def _hung_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut_off(request: web.Request, out: Respond) -> web.StreamResponse:
    headers = out.headers | {"Content-Length": str(len(out.body))}
    response = web.StreamResponse(status=out.status, headers=headers)
    await response.prepare(request)
    await response.write(out.body[: out.cut])
    if request.transport is not None:
        request.transport.close()
    return response


async def _dribbled(request: web.Request, out: Respond) -> web.StreamResponse:
    headers = out.headers | {"Content-Length": str(len(out.body))}
    response = web.StreamResponse(status=out.status, headers=headers)
    await response.prepare(request)
    size = -(-len(out.body) // _PIECES_MAX)
    pieces = [out.body[at : at + size] for at in range(0, len(out.body), size)]
    with suppress(ConnectionError):  # the client may well be tired of waiting
        for piece in pieces:
            await asyncio.sleep(out.spread_ns / len(pieces) / SECOND_NS)
            await response.write(piece)
    return response


async def serve(
    settings: LabSettings,
    market: Market,
    *,
    perp_market: Market | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None],
    heard: Heard | None = None,
) -> None:
    """Run a lab until cancelled; `ready` is told its URL, `heard` feeds a live market. With a market of
    perpetuals, the lab has a USD-M venue too."""
    server = Server(Lab(settings, market, perp_market))
    runner = web.AppRunner(
        server.app(), access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        async with asyncio.TaskGroup() as group:
            group.create_task(server.drive())
            if heard is not None:
                group.create_task(server.hear(heard))
            ready(f"http://{host}:{bound}")
    finally:
        server.farewell()
        await runner.cleanup()
