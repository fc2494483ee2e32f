"""What stands between this host and a venue that fails: a breaker for each class of requests, and retries.

New risk and questions are held back from a venue that keeps failing them. The way out never is: cancels, and
orders that reduce or protect, are only measured. Questions and cancels by id are tried again; orders never are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum, auto
from functools import partial

from nightdesk.model.outcome import Reason
from nightdesk.model.severity import BEARINGS, Again, Bearing, Severity
from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.resilience.breaker import (
    Breaker,
    Change,
    Permit,
    Rules,
    Standing,
    State,
    growing,
)
from nightdesk.resilience.budget import Rank
from nightdesk.resilience.retry import Retry, RetryRules
from nightdesk.resilience.window import LastCalls, LastWhile
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpResult

TOLD_TO_WAIT = frozenset({418, 429})  # the way every venue of ours says it
ReasonOf = Callable[[HttpResult], Reason]  # why a result is no answer; NONE where it may be one
RETRY_WITHIN_NS = 5 * SECOND_NS  # no later try begins: whoever asked asks anew by then


class Operation(StrEnum):
    """Classes of requests that may fail apart from each other."""

    READ = auto()
    CANCEL = auto()
    EXIT = auto()  # orders that reduce or protect, and a flatten's
    ENTRY = auto()


_OF_RANK = {
    Rank.FLATTEN: Operation.EXIT,
    Rank.CANCEL: Operation.CANCEL,
    Rank.REDUCE: Operation.EXIT,
    Rank.ENTRY: Operation.ENTRY,
}


def operation_of(rank: Rank) -> Operation:
    """The class that a request of a rank is in."""
    return _OF_RANK.get(rank, Operation.READ)


# Questions are many and find out most of what the desk knows: they are held back briefly, never for longer than
# the slowest of those who ask again anyway (`reconcile.resolve`).
READS = Rules(
    window=LastCalls(50),
    calls_min=20,
    slow_ns=4 * SECOND_NS,
    in_a_row_max=10,
    wait_ns=growing(500 * MS_NS, 5 * SECOND_NS),
    half_open_calls=3,
    half_open_max_ns=5 * SECOND_NS,
    then=State.CLOSED,
)
# Orders are few, so failures in a row decide. Half open without an order, for longer than one may take to be
# answered, is no reason to stop.
ENTRIES = Rules(
    window=LastWhile(60 * SECOND_NS),
    calls_min=10,
    slow_percent=80,
    slow_ns=2 * SECOND_NS,
    in_a_row_max=5,
    wait_ns=growing(SECOND_NS, 30 * SECOND_NS),
    half_open_calls=2,
    half_open_max_ns=10 * SECOND_NS,
    then=State.CLOSED,
)
_BREAKERS: Mapping[Operation, tuple[Rules, State]] = {
    Operation.READ: (READS, State.CLOSED),
    Operation.CANCEL: (ENTRIES, State.METRICS_ONLY),
    Operation.EXIT: (ENTRIES, State.METRICS_ONLY),
    Operation.ENTRY: (ENTRIES, State.CLOSED),
}

Settle = Callable[
    ["asyncio.Future[HttpResult]"], None
]  # how one request ended, or that it was cancelled


def _unheard(_operation: Operation, _change: Change) -> None:
    """Nobody listens yet."""


class Guard:
    """The breakers and retries of one venue, by what its codec makes of a result (`reason_of`). `draw` tells
    numbers from 0 to 1, for the waits between tries."""

    def __init__(
        self, mono: Callable[[], Mono], draw: Callable[[], float], reason_of: ReasonOf
    ) -> None:
        self.changed: Callable[[Operation, Change], None] = _unheard
        self._reason_of = reason_of
        self._mono = mono
        self._breakers = {
            operation: Breaker(rules, state=state, changed=partial(self._heard, operation))
            for operation, (rules, state) in _BREAKERS.items()
        }
        self._retries = {
            operation: Retry(RetryRules(), draw) for operation in (Operation.READ, Operation.CANCEL)
        }

    def enter(self, operation: Operation) -> Settle | None:
        """A request is about to leave, and must be settled when it has ended; None where it is held back."""
        permit = self._breakers[operation].acquire(self._mono())
        return None if permit is None else partial(self._done, operation, permit)

    def missed(self, operation: Operation, result: HttpFailure) -> None:
        """A request could not leave, for want of a connection: the venue's failure too."""
        permit = self._breakers[operation].acquire(self._mono())
        if permit is not None:
            self._settle(operation, permit, result)

    async def ask(
        self, operation: Operation, once: Callable[[], Awaitable[HttpResult]]
    ) -> HttpResult:
        """What came of a question or a cancel, tried again while that may help."""
        retry, deadline, tries = self._retries[operation], self._mono() + RETRY_WITHIN_NS, 1
        retry.called()
        left: HttpResult | None = None
        while True:
            result = await once()
            if _left(result):
                left = result
            wait_ns = None
            bearing = _bearing(result, self._reason_of)
            if bearing is not None and bearing.again is Again.SOON:
                wait_ns = retry.wait_ns(tries, self._mono(), Mono(deadline))
            if wait_ns is None:
                # Of an earlier try whose bytes left, a later one that did not leave says nothing.
                return result if left is None else left
            tries += 1
            await asyncio.sleep(wait_ns / SECOND_NS)

    def why(self, operation: Operation) -> str:
        """Why such requests are held back."""
        return f"the venue fails: {self.standing(operation).over}"

    def standing(self, operation: Operation) -> Standing:
        """How one breaker stands; looking brings what time brought."""
        return self._breakers[operation].told(self._mono())

    def look(self) -> None:
        """Notice what time alone has changed."""
        now = self._mono()
        for breaker in self._breakers.values():
            breaker.state(now)

    def _done(
        self, operation: Operation, permit: Permit, done: "asyncio.Future[HttpResult]"
    ) -> None:
        self._settle(operation, permit, None if done.cancelled() else done.result())

    def _settle(self, operation: Operation, permit: Permit, result: HttpResult | None) -> None:
        breaker, now = self._breakers[operation], self._mono()
        match None if result is None else judged(result, self._reason_of):
            case True:
                breaker.succeeded(permit, now)
            case False:
                wait_s = result.retry_after_s if isinstance(result, HttpAnswer) else 0
                why = f"the venue said to wait {wait_s} s"
                breaker.failed(permit, now, wait_ns=wait_s * SECOND_NS, why=why)
            case None:
                breaker.released(permit, now)

    def _heard(self, operation: Operation, change: Change) -> None:
        self.changed(operation, change)


def judged(result: HttpResult, reason_of: ReasonOf) -> bool | None:
    """Whether the venue did its work, whatever it answered; None where that does not show: it was not asked, or
    wants less traffic, which is no failure of its own and has a wait that whoever sends heeds."""
    bearing = _bearing(result, reason_of)
    if bearing is None or bearing.severity is Severity.HOLD:
        return None
    return not bearing.failure


def _bearing(result: HttpResult, reason_of: ReasonOf) -> Bearing | None:
    if isinstance(result, HttpFailure) and not result.tried:
        return None
    return BEARINGS[reason_of(result)]


def by_wire(result: HttpResult) -> Reason:
    """The reason by what the wire alone shows, for whoever has no codec of the venue's."""
    match result:
        case HttpFailure(timed_out=timed_out):
            return Reason.TIMEOUT if timed_out else Reason.CONNECTION
        case HttpAnswer(status=status) if status in TOLD_TO_WAIT:
            return Reason.THROTTLED
        case HttpAnswer(status=status) if status >= 500 or status == 408:
            return Reason.VENUE_ERROR
        case HttpAnswer(complete=complete):
            return Reason.NONE if complete else Reason.UNREADABLE


def _left(result: HttpResult) -> bool:
    return isinstance(result, HttpAnswer) or result.written
