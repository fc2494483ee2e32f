"""HTTP/1.1 over held connections, so that a request can be signed and written in one synchronous step.

h11 does the protocol; this module only keeps connections open and tells what really happened to each request:
whether a byte left, whether a status line came back, whether the body was whole. It never retries, redirects
or reuses a connection that misbehaved.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import h11

from nightdesk.model.errors import BadInput
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.venue import ConnectFailed
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

CONNECTIONS = 8  # opened as they are needed: six questions at once, and two for orders and cancels
BODY_MAX = 32 << 20  # exchangeInfo of every symbol is 10 MiB


class HeldConnection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, host: bytes, freed: "Callable[[HeldConnection], None]") -> None:
        self._host = host
        self._freed = freed
        self._h11 = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[HttpResult] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    @property
    def usable(self) -> bool:
        """Whether a request may be written now."""
        return (
            self._transport is not None
            and not self._transport.is_closing()
            and self._waiting is None
            and self._h11.our_state is h11.IDLE
        )

    def exchange(self, request: HttpRequest, timeout_ns: int) -> asyncio.Future[HttpResult]:
        """Write now; the future tells how it ended."""
        assert self.usable, "one request at a time"
        assert self._transport is not None, "usable means connected"
        loop = asyncio.get_running_loop()
        # The bytes leave first; h11 is told behind them. A test holds the two spellings equal.
        self._transport.write(wire_bytes(self._host, request))
        self._waiting = loop.create_future()
        self._timer = loop.call_later(timeout_ns / SECOND_NS, self._timed_out)
        loop.call_soon(self._tell_h11, request)
        return self._waiting

    def _tell_h11(self, request: HttpRequest) -> None:
        """Runs before any byte of the answer can be read: what was written a moment ago."""
        if self._h11.our_state is h11.IDLE:
            for event in told_events(self._host, request):
                self._h11.send(event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's callback."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio's callback."""
        if self._waiting is None:
            self.close()  # bytes nobody asked for: whatever follows could pass for an answer
            return
        self._h11.receive_data(data)
        self._read()

    def eof_received(self) -> bool:
        """asyncio's callback: the peer sends no more."""
        self._h11.receive_data(b"")
        self._read()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's callback."""
        self._transport = None
        self._end_broken(f"connection lost: {exc or 'closed by the venue'}", timed_out=False)
        self._freed(self)

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _read(self) -> None:
        try:
            while True:
                event = self._h11.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Response):
                    self._status = event.status_code
                    self._headers = {n.decode(): v.decode("latin-1") for n, v in event.headers}
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > BODY_MAX:
                        self._end_broken("the answer is larger than any of ours", timed_out=False)
                        self.close()
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._end_whole()
                    return
                elif isinstance(event, h11.ConnectionClosed):
                    self.close()
                    return
        except h11.RemoteProtocolError as error:
            self._end_broken(f"not HTTP: {error}", timed_out=False)
            self.close()

    def _end_whole(self) -> None:
        answer = HttpAnswer(
            status=self._status, headers=self._headers, body=bytes(self._body), complete=True
        )
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
        else:
            self.close()
        self._settle(answer)
        self._freed(self)

    def _end_broken(self, cause: str, *, timed_out: bool) -> None:
        if self._status:
            self._settle(
                HttpAnswer(
                    status=self._status,
                    headers=self._headers,
                    body=bytes(self._body),
                    complete=False,
                )
            )
        else:
            self._settle(HttpFailure(written=True, timed_out=timed_out, cause=cause))

    def _settle(self, result: HttpResult) -> None:
        waiting, self._waiting = self._waiting, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._status, self._headers, self._body = 0, {}, bytearray()
        if waiting is not None and not waiting.done():
            waiting.set_result(result)

    def _timed_out(self) -> None:
        self._end_broken("no answer in time", timed_out=True)
        self.close()  # whatever still comes belongs to nobody


def wire_bytes(host: bytes, request: HttpRequest) -> bytes:
    """A request as it is written: what h11 would write, without its checks, on the way to the wire."""
    lines = [f"{request.method} {request.target} HTTP/1.1\r\nHost: {host.decode()}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in request.headers]
    if request.body:
        lines.append(f"Content-Length: {len(request.body)}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode() + request.body


def told_events(host: bytes, request: HttpRequest) -> list[h11.Event]:
    """The same request as h11 sees it."""
    headers = [(b"Host", host)]
    headers += [(name.encode(), value.encode()) for name, value in request.headers]
    if request.body:
        headers.append((b"Content-Length", str(len(request.body)).encode()))
    head = h11.Request(method=request.method, target=request.target, headers=headers)
    body = [h11.Data(data=request.body)] if request.body else []
    return [head, *body, h11.EndOfMessage()]


class HttpPool:
    """Connections to one endpoint, kept open and handed out one request at a time; from `link`, an IP address
    of this host, where one is given."""

    def __init__(self, base_url: str, *, link: str = "", connections: int = CONNECTIONS) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(f"{base_url!r} is not an http or https address")
        self._name = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.netloc.encode()
        self._from = (link, 0) if link else None
        self._connections = connections
        self._idle: deque[HeldConnection] = deque()
        self._all: set[HeldConnection] = set()
        self._freed = asyncio.Event()
        self._opening = 0

    def ready(self) -> bool:
        """Whether a usable connection is held."""
        while self._idle and not self._idle[-1].usable:
            self._idle.pop()
        return bool(self._idle)

    async def hold(self) -> None:
        """Open a connection, or wait for one to come free; raises `ConnectFailed`."""
        if self.ready():
            return
        if len(self._all) + self._opening >= self._connections:
            self._freed.clear()
            await self._freed.wait()
            return
        self._opening += 1
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: HeldConnection(self._host, self._free),
                self._name,
                self._port,
                ssl=self._tls,
                local_addr=self._from,
            )
        except (OSError, ssl.SSLError) as error:
            via = f" from {self._from[0]}" if self._from else ""
            raise ConnectFailed(f"{self._name}:{self._port}{via}: {error}") from error
        finally:
            self._opening -= 1
        self._all.add(connection)
        self._free(connection)

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> asyncio.Future[HttpResult]:
        """Write on a held connection; `ready` comes first, with nothing awaited in between."""
        assert self.ready(), "exchange needs a held connection"
        return self._idle.pop().exchange(request, timeout_ns)

    def close(self) -> None:
        """Drop every connection."""
        for connection in list(self._all):
            connection.close()

    def _free(self, connection: HeldConnection) -> None:
        if connection.usable:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        self._freed.set()
