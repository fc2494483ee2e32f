"""Requests to one venue, stamped with its clock, within its budget, and held back where it fails. The first
venue's clock is the desk's."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.ports.boards import WHOLE, Allowance
from nightdesk.ports.clock import Clock
from nightdesk.ports.venue import Http
from nightdesk.resilience.budget import CEILING_PERCENT, WAY_OUT, Budget, Cost, Limit, Rank, Spent
from nightdesk.resilience.lanes import Health
from nightdesk.runtime.guard import (
    TOLD_TO_WAIT,
    Guard,
    Operation,
    ReasonOf,
    Settle,
    by_wire,
    operation_of,
)
from nightdesk.runtime.lanes import LanePool, Way, connected, is_read
from nightdesk.runtime.sharing import Sharing
from nightdesk.runtime.turns import Turns
from nightdesk.runtime.venue_clock import VenueClock
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

READ_TIMEOUT_NS = 5 * SECOND_NS
PROBE_TIMEOUT_NS = (
    2 * SECOND_NS
)  # nobody waits for it, and a lane this slow is of no use beside another
CONNECT_TIMEOUT_S = 2.0
# under way at once: fewer than an endpoint's connections, so that a cancel finds one
QUESTIONS_MAX = 6
WAIT_LEAST_S = 2  # where no Retry-After was given, or one of nothing

# Asked in the step that writes: why a request must not leave any more, or nothing.
Latch = Callable[[], str]


def _open() -> str:
    return ""


class Requester:
    """Holds the pool, the budget, the guard and what is known of the venue's clock; `first` is the desk's
    first venue's, or None. Without `limits` nothing but the venue's own word and its failures hold a request
    back. `draw` spreads what is tried again; who asks alone needs none. `reason_of` is the codec's: without one
    only what the wire shows counts for a failure. `allowance` says what of the limits is this process's, and
    where it shares them."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        first: "Requester | None" = None,
        limits: Sequence[Limit] = (),
        draw: Callable[[], float] = lambda: 1.0,
        reason_of: ReasonOf = by_wire,
        allowance: Allowance = WHOLE,
    ) -> None:
        self.http = http
        self.clock = VenueClock(clock)
        self.budget = Budget(limits, allowance.share_percent)
        self.sharing = Sharing(self.budget, allowance)
        self.guard = Guard(clock.mono, draw, reason_of)
        self._turns = Turns(self.budget, clock.mono, shared=bool(self.sharing))
        self.questions = asyncio.Semaphore(sys.maxsize)  # how many more may be under way
        self._first = self.clock if first is None else first.clock
        self.mono: Callable[[], Mono] = clock.mono  # this host's CLOCK_BOOTTIME
        self.venue_now: Callable[[], Wall] = self.clock.now  # UTC on the venue's clock
        self.desk_now: Callable[[], Wall] = self._first.now  # UTC on the desk's clock
        # Whether the way out depends on what is asked about orders and accounts.
        self.urgent: Callable[[], bool] = lambda: False

    @property
    def ahead_ns(self) -> int:
        """How far the venue's clock is ahead of the desk's."""
        return self.clock.ahead_of(self._first)

    async def hold(self) -> str:
        """Wait for a held connection; returns why there is none, or nothing."""
        return await connected(self.http, CONNECT_TIMEOUT_S)

    async def request(
        self, build: Callable[[Wall], HttpRequest], latch: Latch = _open
    ) -> HttpResult:
        """One read or cancel: waits for a connection and for room, then asks `latch`, signs and writes in one
        step; tried again where the venue fails (`runtime.guard`), each time signed anew.

        The way out waits for no room. While the venue has told this host to wait, only it is tried: every other
        request would make the wait longer.
        """
        cost = build(self.venue_now()).cost
        if cost.rank is Rank.RECONCILE and self.urgent():
            cost = msgspec.structs.replace(cost, rank=self._urgent_rank())
        # also an exit's price
        again = Operation.CANCEL if cost.rank is Rank.CANCEL else Operation.READ
        return await self.guard.ask(again, partial(self._once, build, cost, latch))

    def send(
        self, request: HttpRequest, cost: Cost, timeout_ns: int
    ) -> "asyncio.Future[HttpResult] | None":
        """Write a request on the connection that is held, and count it; None where it is held back."""
        settle = self.guard.enter(operation_of(cost.rank))
        if settle is None:
            return None
        return self._exchange(request, self.budget.spend(cost, self.mono()), settle, timeout_ns)

    def lanes_told(self) -> list[Health]:
        """How each lane fares, where there are several."""
        return self.http.told() if isinstance(self.http, LanePool) else []

    def wait_ns(self, cost: Cost) -> int:
        """0 where a request has room at this moment, whatever other processes did; else in how long it may."""
        now = self.mono()
        if cost.rank not in WAY_OUT:
            self.budget.exchange(now)
        return self.budget.wait_ns(cost, now)

    def told_to_wait(self) -> bool:
        """Whether the venue wants no traffic of this host now."""
        return self.budget.latched(self.mono())

    def heed(self, result: HttpResult) -> None:
        """Note the wait that an answer asks for, whatever it answers."""
        wait_s = wait_of(result)
        if wait_s is not None:
            self.budget.latch(Mono(self.mono() + wait_s * SECOND_NS))
            self.sharing.post(self.mono())

    def _urgent_rank(self) -> Rank:
        """Of a question that the way out waits for: a part of it, while cancels and exits have room."""
        now = self.mono()
        room = self.budget.use_percent(now) < CEILING_PERCENT[Rank.CANCEL]
        return Rank.FLATTEN if room and not self.budget.latched(now) else Rank.REDUCE

    async def _once(
        self, build: Callable[[Wall], HttpRequest], cost: Cost, latch: Latch
    ) -> HttpResult:
        way_out = cost.rank in WAY_OUT
        if not way_out and self.told_to_wait():
            return _held_back("the venue said to wait")
        if not self.http.ready():
            failure = await self._connected(cost.rank)
            if failure is not None:
                return failure
        spent: Spent | None = None
        if way_out:
            spent = self.budget.spend(cost, self.mono())
        elif self._turns.free(cost):
            spent = self.budget.claim(cost, self.mono())
        if spent is None:
            spent = await self._turns.wait(cost)
        if spent is None:
            return _held_back("the venue's budget has no room")
        return await self._in_turn(build, spent, latch)

    async def _connected(self, rank: Rank) -> HttpFailure | None:
        """Wait for a connection; how it failed where there is none."""
        cause = await self.hold()
        if not cause:
            return None
        failure = HttpFailure(written=False, timed_out=False, cause=cause)
        self.guard.missed(operation_of(rank), failure)
        return failure

    async def _in_turn(
        self, build: Callable[[Wall], HttpRequest], spent: Spent, latch: Latch
    ) -> HttpResult:
        """Once there is room. Questions leave connections for what is none."""
        if spent.rank <= Rank.ENTRY:
            return await self._leave(build, spent, latch)
        try:
            await self.questions.acquire()
        except asyncio.CancelledError:
            self.budget.give_back(spent)
            self._turns.look()
            raise
        try:
            return await self._leave(build, spent, latch)
        finally:
            self.questions.release()

    async def _leave(
        self, build: Callable[[Wall], HttpRequest], spent: Spent, latch: Latch
    ) -> HttpResult:
        """The venue, or the connection, may not be what it was."""
        settle: Settle | None = None
        try:
            failure = None if self.http.ready() else await self._connected(spent.rank)
            if failure is None and spent.rank not in WAY_OUT and self.told_to_wait():
                failure = _held_back("the venue said to wait")
            why = "" if failure else latch()
            if why:
                failure = _held_back(why)
            if failure is None:
                operation = operation_of(spent.rank)
                settle = self.guard.enter(operation)
                failure = None if settle else _held_back(self.guard.why(operation))
        finally:
            if settle is None:
                self.budget.give_back(spent)
                self._turns.look()
        if settle is None:
            assert failure is not None, "held back by something"
            return failure
        request = build(self.venue_now())
        if isinstance(self.http, LanePool) and is_read(request):
            return await self._read(self.http, request, spent, settle)
        return await self._exchange(request, spent, settle, READ_TIMEOUT_NS)

    def _read(
        self, pool: LanePool, request: HttpRequest, spent: Spent, settle: Settle
    ) -> "asyncio.Future[HttpResult]":
        """One question, perhaps on two lanes: for the guard it is one, for the budget each counts."""
        unused: list[Spent] = [spent]

        def leg(way: Way) -> "asyncio.Future[HttpResult] | None":
            paid = unused.pop() if unused else self._more(request.cost)
            if paid is None:
                return None
            future = way.exchange(request, timeout_ns=READ_TIMEOUT_NS)
            self._written(future, paid, None)
            return future

        future = pool.read(leg)
        future.add_done_callback(settle)
        return future

    def _more(self, cost: Cost) -> Spent | None:
        """Room for what may as well stay away: it waits for nothing."""
        if self.told_to_wait():
            return None
        if cost.rank in WAY_OUT:
            return self.budget.spend(cost, self.mono())
        return self.budget.claim(cost, self.mono()) if self._turns.free(cost) else None

    def probe(self, way: Way, request: HttpRequest) -> None:
        """Ask something light on one lane, if there is room: how it is answered tells of the lane alone."""
        if not way.http.ready():
            return
        spent = self._more(request.cost)
        if spent is not None:
            future = way.exchange(request, timeout_ns=PROBE_TIMEOUT_NS)
            self._written(future, spent, None)

    def _exchange(
        self, request: HttpRequest, spent: Spent, settle: Settle, timeout_ns: int
    ) -> "asyncio.Future[HttpResult]":
        future = self.http.exchange(request, timeout_ns=timeout_ns)
        self._written(future, spent, settle)
        return future

    def _written(
        self, future: "asyncio.Future[HttpResult]", spent: Spent, settle: Settle | None
    ) -> None:
        """Bytes left: others hear of it now, and of its end when it is known."""
        self.sharing.post(self.mono())
        if future.done():  # who awaits it goes on before any callback runs
            self._answered(spent, settle, future)
        else:
            future.add_done_callback(partial(self._answered, spent, settle))

    def _answered(
        self, spent: Spent, settle: Settle | None, done: "asyncio.Future[HttpResult]"
    ) -> None:
        if settle is not None:  # None where the guard hears of another's end
            settle(done)
        result = None if done.cancelled() else done.result()
        match result:
            case HttpAnswer(headers=headers):
                self.budget.settle(spent, self.mono(), headers)
                self.heed(result)
            case HttpFailure(written=False):
                self.budget.give_back(spent)
                self._turns.look()
            case _:
                self.budget.give_up(spent, self.mono())
        self.sharing.post(self.mono())


def _held_back(cause: str) -> HttpFailure:
    return HttpFailure(written=False, timed_out=False, cause=cause, tried=False)


def wait_of(result: HttpResult) -> int | None:
    """For how many seconds the venue wants no traffic of this host, where an answer says so."""
    if not isinstance(result, HttpAnswer) or result.status not in TOLD_TO_WAIT:
        return None
    return max(result.retry_after_s, WAIT_LEAST_S)
