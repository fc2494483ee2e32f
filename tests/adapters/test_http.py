"""The pool against a raw socket server that misbehaves in every way: what really happened is told, once."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TypeVar

import h11
import pytest

from nightdesk.adapters import http as http_module
from nightdesk.adapters.http import HttpPool, told_events, wire_bytes
from nightdesk.model.errors import BadInput
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.ports.venue import ConnectFailed
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

T = TypeVar("T")
GET = HttpRequest(method="GET", target="/api/v3/time")
POST = HttpRequest(
    method="POST", target="/api/v3/order", headers=(("X-MBX-APIKEY", "k"),), body=b"symbol=A&side=B"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Runs one act per request, on whichever connection it comes; keeps every byte it was sent."""

    def __init__(self, *acts: Act) -> None:
        self.acts = list(acts)
        self.requests: list[bytes] = []
        self.connections = 0
        self.came = asyncio.Event()
        self.url = ""
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.requests.append(head + await reader.readexactly(length))
                self.came.set()
                act = self.acts.pop(0) if self.acts else whole
                await act(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()


def says(data: bytes, *, then_close: bool = False) -> Act:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then_close:
            writer.close()
            raise ConnectionResetError

    return act


whole = says(OK)


async def nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Say nothing, keep it open."""


async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    raise ConnectionResetError


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionResetError


async def ask(
    pool: HttpPool, request: HttpRequest = POST, timeout_ns: int = SECOND_NS
) -> HttpResult:
    async with asyncio.timeout(5):
        while not pool.ready():
            await pool.hold()
        return await pool.exchange(request, timeout_ns=timeout_ns)


def with_server(
    *acts: Act, connections: int = 1
) -> Callable[[Callable[[Server, HttpPool], Awaitable[T]]], T]:
    def run(body: Callable[[Server, HttpPool], Awaitable[T]]) -> T:
        async def main() -> T:
            asyncio.get_running_loop().set_debug(True)
            async with Server(*acts) as server:
                pool = HttpPool(server.url, connections=connections)
                try:
                    return await body(server, pool)
                finally:
                    pool.close()
                    await asyncio.sleep(0)

        return asyncio.run(main())

    return run


def test_a_whole_answer_comes_with_status_headers_and_body() -> None:
    async def body(server: Server, pool: HttpPool) -> HttpResult:
        return await ask(pool)

    text = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\n{...}"
    answer = with_server(says(text))(body)
    assert answer == HttpAnswer(
        status=429, headers={"retry-after": "7", "content-length": "5"}, body=b"{...}"
    )


def test_the_bytes_on_the_wire_are_one_request_with_its_body_and_host() -> None:
    async def body(server: Server, pool: HttpPool) -> list[bytes]:
        await ask(pool)
        await ask(pool, GET)
        return server.requests

    post, get = with_server()(body)
    assert post.startswith(b"POST /api/v3/order HTTP/1.1\r\n")
    assert b"\r\nx-mbx-apikey: k\r\n" in post.lower()
    assert post.endswith(b"\r\n\r\nsymbol=A&side=B")
    assert get.startswith(b"GET /api/v3/time HTTP/1.1\r\nHost: 127.0.0.1:")
    assert get.endswith(b"\r\n\r\n")


def test_the_request_is_written_before_exchange_returns() -> None:
    async def main() -> bytes:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        pool = HttpPool(f"http://127.0.0.1:{listener.getsockname()[1]}")
        await pool.hold()
        peer, _ = listener.accept()
        peer.settimeout(2)
        future = pool.exchange(POST, timeout_ns=SECOND_NS)
        data = peer.recv(65_536)  # the loop has not run since
        assert not future.done()
        peer.close()
        listener.close()
        await future
        pool.close()
        await asyncio.sleep(0)
        return data

    assert asyncio.run(main()).endswith(POST.body)


def test_nobody_listening_is_a_connection_that_failed_and_names_the_place() -> None:
    async def main() -> None:
        free = socket.create_server(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        pool = HttpPool(f"http://127.0.0.1:{port}")
        assert not pool.ready()
        with pytest.raises(ConnectFailed, match=str(port)):
            await pool.hold()
        assert not pool.ready()

    asyncio.run(main())


@pytest.mark.parametrize("act", [close, reset], ids=["closed", "reset"])
def test_a_connection_that_dies_without_a_status_line_is_perhaps_done(act: Act) -> None:
    async def body(server: Server, pool: HttpPool) -> HttpResult:
        result = await ask(pool)
        assert len(server.requests) == 1, "nothing is ever retried"
        return result

    result = with_server(act)(body)
    assert isinstance(result, HttpFailure)
    assert (result.written, result.timed_out) == (True, False)


def test_an_answer_that_does_not_come_in_time_is_perhaps_done() -> None:
    async def body(server: Server, pool: HttpPool) -> HttpResult:
        result = await ask(pool, timeout_ns=50 * MS_NS)
        await asyncio.sleep(0)
        assert len(server.requests) == 1
        assert not pool.ready(), "that connection is never used again"
        return result

    result = with_server(nothing)(body)
    assert isinstance(result, HttpFailure)
    assert (result.written, result.timed_out) == (True, True)


def test_an_answer_after_the_timeout_belongs_to_nobody() -> None:
    late = asyncio.Event

    async def body(server: Server, pool: HttpPool) -> None:
        assert isinstance(await ask(pool, timeout_ns=30 * MS_NS), HttpFailure)
        gate.set()
        second = await ask(pool, GET)
        assert isinstance(second, HttpAnswer)
        assert second.body == b"{}", "the second question got the second answer"
        assert server.connections == 2

    gate = late()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
        await writer.drain()

    with_server(slow)(body)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{half", b"{half"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{half\r\n", b"{half"),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 9\r\n\r\n", b""),
    ],
    ids=["length", "chunked", "no body"],
)
def test_a_body_that_breaks_off_keeps_its_status_and_is_not_complete(
    data: bytes, body: bytes
) -> None:
    async def run(server: Server, pool: HttpPool) -> HttpResult:
        result = await ask(pool)
        assert len(server.requests) == 1
        return result

    result = with_server(says(data, then_close=True))(run)
    assert isinstance(result, HttpAnswer)
    assert (result.complete, result.body) == (False, body)
    assert result.status in (200, 503)


def test_a_body_that_stalls_past_the_deadline_is_not_complete() -> None:
    async def run(server: Server, pool: HttpPool) -> HttpResult:
        return await ask(pool, timeout_ns=60 * MS_NS)

    result = with_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"))(run)
    assert result == HttpAnswer(
        status=200, headers={"content-length": "9"}, body=b"{", complete=False
    )


def test_a_status_line_drip_fed_past_the_total_deadline_times_out() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in OK[:-3]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)

    async def run(server: Server, pool: HttpPool) -> HttpResult:
        return await ask(pool, timeout_ns=100 * MS_NS)

    result = with_server(drip)(run)
    assert result == HttpFailure(written=True, timed_out=True, cause="no answer in time")


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3\r\n   \r\n0\r\n\r\n",
            200,
            b"{}   ",
        ),
        (
            b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            502,
            b"<html>",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"{}"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 301, b""),
    ],
    ids=["204", "chunked", "html", "informational", "redirect"],
)
def test_legal_answers_of_every_shape_are_whole_and_the_connection_is_kept(
    data: bytes, status: int, body: bytes
) -> None:
    async def run(server: Server, pool: HttpPool) -> HttpResult:
        result = await ask(pool)
        again = await ask(pool)
        assert isinstance(again, HttpAnswer)
        assert (server.connections, len(server.requests)) == (1, 2)
        return result

    result = with_server(says(data))(run)
    assert isinstance(result, HttpAnswer)
    assert (result.status, result.body, result.complete) == (status, body, True)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
    ],
    ids=["close", "http/1.0"],
)
def test_an_answer_that_ends_its_connection_is_whole_and_the_next_one_takes_another(
    data: bytes,
) -> None:
    async def run(server: Server, pool: HttpPool) -> None:
        first = await ask(pool)
        assert isinstance(first, HttpAnswer)
        assert (first.body, first.complete) == (b"{}", True)
        assert isinstance(await ask(pool), HttpAnswer)
        assert server.connections == 2

    with_server(says(data, then_close=True))(run)


def test_what_is_not_http_is_perhaps_done_and_the_connection_is_dropped() -> None:
    async def run(server: Server, pool: HttpPool) -> HttpResult:
        result = await ask(pool)
        assert not pool.ready()
        return result

    result = with_server(says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"))(run)
    assert isinstance(result, HttpFailure)
    assert result.written
    assert "not HTTP" in result.cause


def test_a_body_larger_than_any_of_ours_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "BODY_MAX", 1_000)

    async def run(server: Server, pool: HttpPool) -> HttpResult:
        return await ask(pool)

    huge = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9_000
    result = with_server(says(huge))(run)
    assert isinstance(result, HttpAnswer)
    assert not result.complete


def test_one_connection_carries_one_request_at_a_time() -> None:
    gate = asyncio.Event

    async def run(server: Server, pool: HttpPool) -> None:
        await pool.hold()
        first = pool.exchange(POST, timeout_ns=SECOND_NS)
        assert not pool.ready()
        waiting = asyncio.get_running_loop().create_task(pool.hold())
        await server.came.wait()
        assert len(server.requests) == 1, "nothing is pipelined"
        assert not waiting.done()
        open_gate.set()
        await first
        await waiting
        assert pool.ready()

    open_gate = gate()

    async def held(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await open_gate.wait()
        writer.write(OK)

    with_server(held)(run)


def test_requests_together_take_connections_of_their_own_up_to_the_limit() -> None:
    async def run(server: Server, pool: HttpPool) -> None:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask(pool)) for _ in range(20)]
        assert all(isinstance(t.result(), HttpAnswer) for t in asked)
        assert server.connections <= 3
        assert len(server.requests) == 20

    async def little_later(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.002)
        writer.write(OK)

    with_server(*[little_later] * 20, connections=3)(run)


def test_a_connection_that_died_idle_is_not_handed_out() -> None:
    async def run(server: Server, pool: HttpPool) -> None:
        await ask(pool)
        assert pool.ready()
        for writer in server._writers:
            writer.transport.abort()
        async with asyncio.timeout(2):
            while pool.ready():
                await asyncio.sleep(0)
        assert isinstance(await ask(pool), HttpAnswer)
        assert len(server.requests) == 2

    with_server()(run)


def test_a_reset_between_the_last_look_and_the_write_is_still_perhaps_done() -> None:
    """The peer is gone and our loop has not heard: bytes were handed to the kernel all the same."""

    async def main() -> HttpResult:
        listener = socket.create_server(("127.0.0.1", 0))
        pool = HttpPool(f"http://127.0.0.1:{listener.getsockname()[1]}")
        await pool.hold()
        peer, _ = listener.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        listener.close()
        assert pool.ready()
        result = await pool.exchange(POST, timeout_ns=SECOND_NS)
        await asyncio.sleep(0)
        return result

    result = asyncio.run(main())
    assert isinstance(result, HttpFailure)
    assert result.written


def test_an_answer_nobody_asked_for_is_never_taken_for_the_next_ones() -> None:
    async def run(server: Server, pool: HttpPool) -> None:
        await ask(pool)
        for writer in server._writers:
            writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nbored")
        async with asyncio.timeout(2):
            while pool.ready():
                await asyncio.sleep(0)
        second = await ask(pool)
        assert isinstance(second, HttpAnswer)
        assert second.status == 200

    with_server()(run)


def test_half_an_answer_nobody_asked_for_spoils_its_connection() -> None:
    async def run(server: Server, pool: HttpPool) -> None:
        await ask(pool)
        for writer in server._writers:
            writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nbo")
        await asyncio.sleep(0.05)
        second = await ask(pool)
        assert isinstance(second, HttpAnswer)
        assert second.status == 200

    with_server()(run)


def test_a_caller_that_gives_up_takes_no_connection_with_it() -> None:
    async def run(server: Server, pool: HttpPool) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await ask(pool, timeout_ns=100 * MS_NS)
        assert isinstance(await ask(pool), HttpAnswer)
        assert len(server.requests) == 2

    with_server(nothing)(run)


def test_closing_ends_what_is_under_way_as_perhaps_done() -> None:
    async def run(server: Server, pool: HttpPool) -> HttpResult:
        await pool.hold()
        future = pool.exchange(POST, timeout_ns=SECOND_NS)
        await server.came.wait()
        pool.close()
        return await future

    result = with_server(nothing)(run)
    assert isinstance(result, HttpFailure)
    assert result.written


@pytest.mark.parametrize("url", ["ftp://x", "api.binance.com", "http://"])
def test_an_address_that_is_none_is_a_clear_error(url: str) -> None:
    with pytest.raises(BadInput, match="address"):
        HttpPool(url)


@pytest.mark.parametrize("body", [b"", b"symbol=BTCUSDT&price=1.5"])
@pytest.mark.parametrize("target", ["/api/v3/time", "/api/v3/order?a=%2B&b=1"])
def test_what_is_written_is_what_h11_would_write(target: str, body: bytes) -> None:
    headers = (("X-MBX-APIKEY", "k"), ("Content-Type", "application/x-www-form-urlencoded"))
    request = HttpRequest(method="POST", target=target, headers=headers, body=body)
    machine = h11.Connection(h11.CLIENT)
    events = told_events(b"127.0.0.1:80", request)
    assert wire_bytes(b"127.0.0.1:80", request) == b"".join(machine.send(e) or b"" for e in events)


def test_a_link_is_where_its_connections_come_from() -> None:
    async def body(server: Server, _: HttpPool) -> list[str]:
        came = []
        for link in ("127.0.0.3", "127.0.0.4"):
            pool = HttpPool(server.url, link=link)
            await ask(pool)
            came.append(server._writers[-1].get_extra_info("peername")[0])
            pool.close()
        await asyncio.sleep(0)
        return came

    assert with_server()(body) == ["127.0.0.3", "127.0.0.4"]


def test_a_link_that_this_host_does_not_have_connects_nowhere_and_says_so() -> None:
    async def body(server: Server, _: HttpPool) -> None:
        pool = HttpPool(server.url, link="192.0.2.1")
        with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1:\d+ from 192\.0\.2\.1: "):
            await pool.hold()
        assert not pool.ready()
        assert server.requests == []

    with_server()(body)
