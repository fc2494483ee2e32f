"""The pool of one venue's lanes behind the port of one: what is best when a request is written, that it takes.

A request is written on one lane and never moved: what was written may have arrived. Only a read may be written
a second time, on another lane, while the first is late or after it failed; the first answer counts.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from nightdesk.model.outcome import Reason
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.ports.venue import ConnectFailed, Http
from nightdesk.resilience.lanes import Health, Lanes, Trip
from nightdesk.runtime.guard import ReasonOf, by_wire, judged
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

SHUT_OUT_NS = 10 * SECOND_NS  # where no Retry-After says for how long
CONNECT_TIMEOUT_S = 1.5  # of one lane: less than whoever waits for any of them

# Write one read on a lane, which then counts for the budget too; None where that has no room.
Leg = Callable[["Way"], "asyncio.Future[HttpResult] | None"]


def is_read(request: HttpRequest) -> bool:
    """Whether a request changes nothing at the venue, and may be repeated."""
    return request.method == "GET"


async def connected(http: Http, within_s: float) -> str:
    """Wait for a held connection; why there is none, or nothing."""
    try:
        async with asyncio.timeout(within_s):
            while not http.ready():
                await http.hold()
    except (ConnectFailed, TimeoutError) as error:
        return str(error) or "no connection in time"
    return ""


class Way:
    """One lane of a pool."""

    def __init__(self, pool: "LanePool", number: int, http: Http) -> None:
        self.number = number
        self.http = http
        self._pool = pool

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """Write `request` before returning; how it ends tells of the lane."""
        future = self.http.exchange(request, timeout_ns=timeout_ns)
        lanes, mono = self._pool.lanes, self._pool.mono
        trip = lanes.begin(self.number, mono(), read=is_read(request))
        if future.done():
            self._ended(trip, future)
        else:
            future.add_done_callback(partial(self._ended, trip))
        return future

    async def hold(self) -> str:
        """Have a connection; why there is none, or nothing. One whose connections are all at work is well."""
        why, lanes = await connected(self.http, CONNECT_TIMEOUT_S), self._pool.lanes
        if why and not lanes.lanes[self.number].under_way:
            lanes.missed(self.number, self._pool.mono(), why)
        return why

    def _ended(self, trip: Trip, done: "asyncio.Future[HttpResult]") -> None:
        well, wait_ns, pool = None, 0, self._pool
        if not done.cancelled():
            well, wait_ns = pool.judged(done.result()), pool.shut_out_ns(done.result())
        pool.lanes.end(trip, pool.mono(), False if wait_ns else well, wait_ns)


class LanePool:
    """See `Http`: the same, of several. `https` by the names of their lanes; `reason_of` is the codec's."""

    def __init__(
        self,
        https: Mapping[str, Http],
        mono: Callable[[], Mono],
        draw: Callable[[], float],
        reason_of: ReasonOf = by_wire,
    ) -> None:
        self.lanes = Lanes(list(https), draw)
        self.ways = [Way(self, number, http) for number, http in enumerate(https.values())]
        self.mono = mono
        self.judged: Callable[[HttpResult], bool | None] = partial(judged, reason_of=reason_of)
        self._reason_of = reason_of

    def shut_out_ns(self, result: HttpResult) -> int:
        """For how long a lane is to be left alone that lets nobody in: a firewall, a region or a ban concern an
        address of ours, or a host, and so this lane. 0 where its answer is none of these."""
        if not isinstance(result, HttpAnswer) or self._reason_of(result) is not Reason.BANNED:
            return 0
        return max(result.retry_after_s * SECOND_NS, SHUT_OUT_NS)

    def ready(self) -> bool:
        """See the port. A lane that is not in use does not count while another is."""
        return bool(self._ready(self.mono()))

    async def hold(self) -> None:
        """See the port: the first lane that has a connection ends the wait."""
        said: list[str] = []
        usable = [self.ways[n] for n in self.lanes.usable(self.mono())]
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[None]] = []

            async def held(way: Way) -> None:
                if cause := await way.hold():
                    said.append(cause)
                    return
                for task in tasks:
                    if task is not asyncio.current_task():
                        task.cancel()

            tasks += [group.create_task(held(way)) for way in usable]
        if len(said) == len(usable):
            raise ConnectFailed("; ".join(said))

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """See the port."""
        now = self.mono()
        ready = self._ready(now)
        assert ready, "exchange needs a held connection"
        pick = self.lanes.for_read if is_read(request) else self.lanes.for_write
        return self.ways[pick(ready, now)].exchange(request, timeout_ns=timeout_ns)

    def read(self, leg: Leg) -> "asyncio.Future[HttpResult]":
        """Write one read, and once more on another lane where that is late or failed."""
        now = self.mono()
        first = self.ways[self.lanes.for_read(self._ready(now), now)]
        return _Read(self, first, leg).result

    def another(self, besides: Way) -> Way | None:
        """A lane in use for a second try, if there is one and not too many were made."""
        now = self.mono()
        others = [n for n in self._ready(now) if n != besides.number]
        if not others or not self.lanes.may_hedge():
            return None
        return self.ways[self.lanes.for_read(others, now)]

    def told(self) -> list[Health]:
        """How each lane fares."""
        return self.lanes.told(self.mono())

    def _ready(self, now: Mono) -> list[int]:
        """The lanes that may be written on now. One that is out is better than none: where those in use have no
        connection at all, nobody knows that they get one."""
        used = self.lanes.usable(now)
        ready = [n for n in used if self.ways[n].http.ready()]
        if ready or any(self.lanes.lanes[n].under_way for n in used):
            return ready
        return [n for n, way in enumerate(self.ways) if way.http.ready()]


class _Read:
    """One read and, perhaps, its second."""

    def __init__(self, pool: LanePool, first: Way, leg: Leg) -> None:
        loop = asyncio.get_running_loop()
        self.result: asyncio.Future[HttpResult] = loop.create_future()
        self._pool = pool
        self._first = first
        self._leg = leg
        self._under_way = 1
        self._hedged = False
        self._failed: HttpResult | None = None
        future = leg(first)
        assert future is not None, "the first was paid for"
        late_ns = pool.lanes.hedge_ns()
        self._timer = loop.call_later(late_ns / SECOND_NS, self._second)
        future.add_done_callback(self._ended)

    def _second(self) -> None:
        if self._hedged or self.result.done():
            return
        way = self._pool.another(self._first)
        future = None if way is None else self._leg(way)
        if future is None:
            return
        self._hedged = True
        self._under_way += 1
        self._pool.lanes.hedged()
        future.add_done_callback(self._ended)

    def _ended(self, done: "asyncio.Future[HttpResult]") -> None:
        self._under_way -= 1
        if self.result.done():
            self._timer.cancel()
            return
        result: HttpResult = (
            HttpFailure(written=True, timed_out=False, cause="cancelled")
            if done.cancelled()
            else done.result()
        )
        if self._pool.judged(result) is False:
            self._second()
            if self._failed is None or isinstance(result, HttpAnswer):
                self._failed = result
            if self._under_way:
                return
            result = self._failed
        self._timer.cancel()
        self.result.set_result(result)
