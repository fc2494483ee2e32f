"""Requests to one venue, stamped with its clock. The first venue's clock is the desk's."""

import asyncio
from collections.abc import Callable
from functools import partial

from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.ports.clock import Clock
from nightdesk.ports.venue import ConnectFailed, Http
from nightdesk.runtime.guard import TOLD_TO_WAIT, Guard, Operation, retry_after_s
from nightdesk.runtime.venue_clock import VenueClock
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

READ_TIMEOUT_NS = 5 * SECOND_NS
CONNECT_TIMEOUT_S = 2.0
WAIT_LEAST_S = 2  # where no Retry-After was given, or one of nothing


class Requester:
    """Holds the pool, the guard and what is known of the venue's clock; `first` is the desk's first venue's, or
    None. `draw` spreads what is tried again; who asks alone needs none."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        first: "Requester | None" = None,
        draw: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.http = http
        self.clock = VenueClock(clock)
        self.guard = Guard(clock.mono, draw)
        self._first = self.clock if first is None else first.clock
        self._wait_until = Mono(0)
        self.mono: Callable[[], Mono] = clock.mono  # this host's CLOCK_BOOTTIME
        self.venue_now: Callable[[], Wall] = self.clock.now  # UTC on the venue's clock
        self.desk_now: Callable[[], Wall] = self._first.now  # UTC on the desk's clock

    @property
    def ahead_ns(self) -> int:
        """How far the venue's clock is ahead of the desk's."""
        return self.clock.ahead_of(self._first)

    async def hold(self) -> str:
        """Wait for a held connection; returns why there is none, or nothing."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                while not self.http.ready():
                    await self.http.hold()
        except (ConnectFailed, TimeoutError) as error:
            return str(error) or "no connection in time"
        return ""

    async def request(
        self, build: Callable[[Wall], HttpRequest], *, way_out: bool = False
    ) -> HttpResult:
        """One read or cancel: waits for a connection, then signs and writes in one step; tried again where the
        venue fails (`runtime.guard`), each time signed anew.

        While the venue has told this host to wait, only the way out is tried: every other request would make
        the wait longer.
        """
        operation = Operation.CANCEL if way_out else Operation.READ
        return await self.guard.ask(operation, partial(self._once, build, operation))

    async def _once(self, build: Callable[[Wall], HttpRequest], operation: Operation) -> HttpResult:
        if self.told_to_wait() and operation is not Operation.CANCEL:
            return _held_back("the venue said to wait")
        if not self.http.ready():
            cause = await self.hold()
            if cause:
                failure = HttpFailure(written=False, timed_out=False, cause=cause)
                self.guard.missed(operation, failure)
                return failure
        settle = self.guard.enter(operation)
        if settle is None:
            return _held_back(self.guard.why(operation))
        future = self.http.exchange(build(self.venue_now()), timeout_ns=READ_TIMEOUT_NS)
        future.add_done_callback(settle)
        result = await future
        self.heed(result)
        return result

    def told_to_wait(self) -> bool:
        """Whether the venue wants no traffic of this host now."""
        return self.mono() < self._wait_until

    def heed(self, result: HttpResult) -> None:
        """Note the wait that an answer asks for, whatever it answers."""
        wait_s = wait_of(result)
        if wait_s is not None:
            self._wait_until = max(self._wait_until, Mono(self.mono() + wait_s * SECOND_NS))


def _held_back(cause: str) -> HttpFailure:
    return HttpFailure(written=False, timed_out=False, cause=cause, tried=False)


def wait_of(result: HttpResult) -> int | None:
    """For how many seconds the venue wants no traffic of this host, where an answer says so."""
    if not isinstance(result, HttpAnswer) or result.status not in TOLD_TO_WAIT:
        return None
    return max(retry_after_s(result), WAIT_LEAST_S)
