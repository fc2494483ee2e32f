"""Requests to one venue, stamped with its clock."""

import asyncio
from collections.abc import Callable

from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.ports.clock import Clock
from nightdesk.ports.venue import ConnectFailed, Http
from nightdesk.venues.http import HttpFailure, HttpRequest, HttpResult

READ_TIMEOUT_NS = 5 * SECOND_NS
CONNECT_TIMEOUT_S = 2.0


class Requester:
    """Holds the pool and the venue's measured clock offset."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self.http = http
        self.offset_ns = 0  # the venue's clock minus ours
        self._clock = clock

    def mono(self) -> Mono:
        """This host's CLOCK_BOOTTIME."""
        return self._clock.mono()

    def venue_now(self) -> Wall:
        """UTC on the venue's clock."""
        return Wall(self._clock.wall() + self.offset_ns)

    async def hold(self) -> str:
        """Wait for a held connection; returns why there is none, or nothing."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                while not self.http.ready():
                    await self.http.hold()
        except (ConnectFailed, TimeoutError) as error:
            return str(error) or "no connection in time"
        return ""

    async def request(self, build: Callable[[Wall], HttpRequest]) -> HttpResult:
        """One read or cancel: waits for a connection, then signs and writes in one step."""
        if not self.http.ready():
            cause = await self.hold()
            if cause:
                return HttpFailure(written=False, timed_out=False, cause=cause)
        return await self.http.exchange(build(self.venue_now()), timeout_ns=READ_TIMEOUT_NS)
