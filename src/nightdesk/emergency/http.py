"""HTTP by the standard library alone, honest about what happened to each request.

Every request has a connection of its own: a held one that the venue closed meanwhile would leave an order in
doubt. Nothing is ever sent twice here, and no redirect is followed; a host that was not reached leaves the
request to the next one.
"""

import http.client
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from nightdesk.model.errors import BadInput
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

TIMEOUT_S = 5.0  # of each wait for the network: to connect, to write, to hear
BODY_MAX = 32 << 20  # exchangeInfo of every symbol is 10 MiB
_PART = 1 << 16
_TRY_ELSEWHERE = frozenset({403, 500, 502, 503, 504})  # the next question goes to another host


class Line:
    """The way to one venue, over one of its hosts at a time. Raises `BadInput` for what is no address.

    `may_not` says why nothing may be written now, or nothing: it is asked once the connection is there, in the
    step that writes.
    """

    def __init__(self, hosts: Sequence[str], may_not: Callable[[], str] = lambda: "") -> None:
        self._hosts = deque(hosts)
        self._may_not = may_not
        for host in hosts:
            if urlsplit(host).scheme not in ("http", "https") or not urlsplit(host).hostname:
                raise BadInput(f"{host!r} is not an http or https address")

    @property
    def host(self) -> str:
        """Where the next request goes first."""
        return self._hosts[0]

    def exchange(self, request: HttpRequest) -> HttpResult:
        """Write it once, to the first host that takes a connection; what really happened to it."""
        result: HttpResult = HttpFailure(written=False, timed_out=False, cause="no host")
        for _ in range(len(self._hosts)):
            result = _exchange(self._hosts[0], request, self._may_not)
            if isinstance(result, HttpFailure) or result.status in _TRY_ELSEWHERE:
                self._hosts.rotate(-1)
            if isinstance(result, HttpAnswer) or result.written:
                break
        return result


def _exchange(host: str, request: HttpRequest, may_not: Callable[[], str]) -> HttpResult:
    parts = urlsplit(host)
    name, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(
            name, port, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(name, port, timeout=TIMEOUT_S)
    )
    try:
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            return _failed(host, error, written=False)
        if why := may_not():
            return HttpFailure(written=False, timed_out=False, cause=why, tried=False)
        try:
            headers = dict(request.headers)
            connection.request(request.method, request.target, request.body or None, headers)
            return _read(connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            return _failed(host, error, written=True)
    finally:
        connection.close()


def _failed(host: str, error: Exception, *, written: bool) -> HttpFailure:
    timed_out = isinstance(error, TimeoutError)
    cause = f"{host}: {'no answer in time' if timed_out else str(error) or type(error).__name__}"
    return HttpFailure(written=written, timed_out=timed_out, cause=cause)


def _read(response: http.client.HTTPResponse) -> HttpAnswer:
    body, complete = bytearray(), True
    try:
        while part := response.read(_PART):
            body += part
            if len(body) > BODY_MAX:
                complete = False
                break
    except (OSError, http.client.HTTPException) as error:
        body += getattr(error, "partial", b"")
        complete = False
    if response.length:  # the venue hung up before the length that it had told
        complete = False
    headers = {name.lower(): value for name, value in response.getheaders()}
    return HttpAnswer(status=response.status, headers=headers, body=bytes(body), complete=complete)
