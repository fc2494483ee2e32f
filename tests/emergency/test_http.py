"""What really happened to a request, over real sockets."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from nightdesk.emergency import http
from nightdesk.emergency.http import Line
from nightdesk.model.errors import BadInput
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest

ASKED = HttpRequest(method="POST", target="/a?b=c", headers=(("X-MBX-APIKEY", "k"),), body=b"d=e")


class Server:
    """Takes connections one after the other; each is answered with the same bytes, and closed."""

    def __init__(self, reply: bytes, *, hang: bool = False) -> None:
        self.heard: list[bytes] = []
        self._reply, self._hang = reply, hang
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self._thread = Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            self.heard.append(_request(line))
            if self._hang:
                self._held.append(line)
                continue
            line.sendall(self._reply)
            line.close()

    @contextmanager
    def running(self) -> Iterator["Server"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            for line in self._held:
                line.close()
            self._thread.join()


def _request(line: socket.socket) -> bytes:
    """All of it: what is closed with something unread is reset, and its answer lost."""
    heard = b""
    while part := line.recv(65_536):
        heard += part
        head, ended, body = heard.partition(b"\r\n\r\n")
        [length] = [row for row in head.split(b"\r\n") if row.startswith(b"Content-Length")] or [
            b"0"
        ]
        if ended and len(body) >= int(length.split()[-1]):
            break
    return heard


def answer(
    body: bytes, *, told: int | None = None, status: str = "200 OK", more: str = ""
) -> bytes:
    length = len(body) if told is None else told
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n".encode() + body


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"http://127.0.0.1:{gone.getsockname()[1]}"


def test_a_request_is_written_as_it_is_and_its_answer_told_whole() -> None:
    reply = answer(b'{"a":1}', status="429 Too Many", more="Retry-After: 7\r\n")
    with Server(reply).running() as server:
        told = Line([server.url]).exchange(ASKED)
        assert isinstance(told, HttpAnswer)
        assert (told.status, told.body, told.complete) == (429, b'{"a":1}', True)
        assert told.retry_after_s == 7
        (heard,) = server.heard
        head, _, _ = heard.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /a?b=c HTTP/1.1\r\n")
        assert b"X-MBX-APIKEY: k" in head
        assert b"Content-Length: 3" in head


def test_a_body_that_broke_off_is_not_whole() -> None:
    with Server(answer(b'{"a"', told=900)).running() as server:
        told = Line([server.url]).exchange(ASKED)
        assert isinstance(told, HttpAnswer)
        assert (told.body, told.complete) == (b'{"a"', False)


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 2"])
def test_what_was_written_and_has_no_answer_is_in_doubt_and_written_once(reply: bytes) -> None:
    with Server(reply).running() as server, Server(answer(b"{}")).running() as other:
        told = Line([server.url, other.url]).exchange(ASKED)
        assert isinstance(told, HttpFailure)
        assert (told.written, told.timed_out) == (True, False)
        assert len(server.heard) == 1
        assert other.heard == []


def test_a_venue_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT_S", 0.2)
    with Server(b"", hang=True).running() as server:
        told = Line([server.url]).exchange(ASKED)
        assert isinstance(told, HttpFailure)
        assert (told.written, told.timed_out) == (True, True)


def test_what_was_not_written_goes_to_the_next_host_and_stays_there() -> None:
    with Server(answer(b"{}")).running() as server:
        line = Line([nobody(), server.url])
        assert isinstance(line.exchange(ASKED), HttpAnswer)
        assert line.host == server.url


def test_a_host_that_fails_leaves_the_next_request_to_another() -> None:
    with (
        Server(answer(b"", status="502 Bad")).running() as server,
        Server(answer(b"{}")).running() as other,
    ):
        line = Line([server.url, other.url])
        told = line.exchange(ASKED)
        assert isinstance(told, HttpAnswer)
        assert told.status == 502
        assert other.heard == []
        assert line.host == other.url


def test_where_nobody_listens_nothing_was_written() -> None:
    told = Line([nobody()]).exchange(ASKED)
    assert isinstance(told, HttpFailure)
    assert not told.written


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with Server(answer(b"{}")).running() as other:
        moved = answer(b"", status="302 Found", more=f"Location: {other.url}\r\n")
        with Server(moved).running() as server:
            told = Line([server.url]).exchange(ASKED)
            assert isinstance(told, HttpAnswer)
            assert told.status == 302
            assert other.heard == []


def test_a_host_without_a_certificate_is_not_talked_to() -> None:
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
    with Server(b"no tls here").running() as server:
        told = Line([server.url.replace("http", "https")]).exchange(ASKED)
        assert isinstance(told, HttpFailure)
        assert not told.written
        assert b"X-MBX-APIKEY" not in b"".join(server.heard)


@pytest.mark.parametrize("host", ["api.binance.com", "ftp://a", "http://", ""])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(BadInput, match="is not an http or https address"):
        Line([host])


def test_what_may_not_be_written_any_more_is_not_once_the_connection_is_there() -> None:
    with Server(answer(b"{}")).running() as server:
        result = Line([server.url], lambda: "somebody else leads").exchange(ASKED)
    assert isinstance(result, HttpFailure)
    assert (result.written, result.tried, result.cause) == (False, False, "somebody else leads")
    assert server.heard in ([], [b""])
