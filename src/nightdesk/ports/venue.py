"""The two ways to a venue: requests and streams."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from nightdesk.model.errors import OperatingError
from nightdesk.model.time import Mono
from nightdesk.venues.http import HttpRequest, HttpResult


class ConnectFailed(OperatingError):
    """No connection could be made; says where and why."""


class Http(Protocol):
    """A pool of held connections to one endpoint. Nothing here retries, redirects or queues."""

    def ready(self) -> bool:
        """Whether a connection is held and idle, so that `exchange` may be called."""
        ...

    async def hold(self) -> None:
        """Wait until `ready`; raises `ConnectFailed` when no connection can be made."""
        ...

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """Write `request` before returning, on a held connection; the future never raises."""
        ...


Send = Callable[[str], None]


class Streams(Protocol):
    """Opens websocket connections."""

    async def run(
        self, path: str, opened: Callable[[Send], None], frame: Callable[[bytes, Mono], None]
    ) -> str:
        """Deliver frames, stamped when they were received, until the connection ends; says why it did.

        Raises `ConnectFailed`. An exception in `frame` ends the connection and is raised here.
        """
        ...
