"""What goes into the lab and what comes out of it, as values.

Owns the boundary between the lab's core and whatever carries bytes: a real server or a
simulated network. Refuses sockets and time: every output says when it left the venue, which
is never later than the moment the core was told.
"""

from collections.abc import Mapping

import msgspec


class RestCall(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. `query` and `body` are raw text: signatures cover them as sent."""

    id: int
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: str = ""
    source: str = ""


class WsOpen(msgspec.Struct, frozen=True, kw_only=True):
    """A websocket was opened; `path` carries its query."""

    conn: int
    path: str
    source: str = ""


class WsText(msgspec.Struct, frozen=True, kw_only=True):
    """A text frame from the client."""

    conn: int
    text: str


class WsClosed(msgspec.Struct, frozen=True, kw_only=True):
    """The client's side of a websocket is gone."""

    conn: int


Request = RestCall | WsOpen | WsText | WsClosed


class Respond(msgspec.Struct, frozen=True, kw_only=True):
    """Answer a call. With `cut`, send only so many bytes of the body under the whole
    content length, then break the connection. With `spread_ns`, send the body in small pieces
    over so long a time; the head goes at once."""

    call: int
    at_ns: int
    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None
    spread_ns: int = 0


class Hangup(msgspec.Struct, frozen=True, kw_only=True):
    """Break the connection of a call without an answer."""

    call: int
    at_ns: int


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Send a text frame."""

    conn: int
    at_ns: int
    text: str


class CloseWs(msgspec.Struct, frozen=True, kw_only=True):
    """Close a websocket. Code 1006 means: break it without a closing handshake."""

    conn: int
    at_ns: int
    code: int
    reason: str


Out = Respond | Hangup | Push | CloseWs
