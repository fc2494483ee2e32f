"""How the ways to one venue fare, and which of them the next request takes.

A lane is one endpoint of the venue over one link of this host. Owns what is known of each: how long reads take
on it, what share of requests fails, what is under way, and whether it is in use. One that fails twice in a row,
or keeps answering far slower than the others, is ejected; light probes try it after a wait that grows, and once
they are answered it takes a share of the reads that grows with time, and orders again when that share is whole.
Where no lane is in use all of them are: which of them is to blame then nobody knows.

Reads spread by the power of two choices: of two lanes drawn the one with less to wait for. What is not a read
goes the best way there is, and stays on it while it is about as good as any, so that an order and its cancel
seldom overtake each other. Pure: times are CLOCK_BOOTTIME, `draw` tells numbers from 0 to 1.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum, auto
from functools import partial

import msgspec

from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono
from nightdesk.resilience.breaker import Breaker, Change, Permit, Rules, State, growing
from nightdesk.resilience.window import LastCalls

# Another lane is near, so that little is lost by ejecting one too soon.
RULES = Rules(
    window=LastCalls(20),
    calls_min=10,
    in_a_row_max=2,
    wait_ns=growing(2 * SECOND_NS, 60 * SECOND_NS),
    half_open_calls=3,
    half_open_max_ns=30 * SECOND_NS,
    then=State.OPEN,
)
NEWEST = 0.3  # the weight of the last answer in the average: three of them tell a change
SLOW_TIMES = 5  # as long as the best other lane takes
SLOW_LEAST_NS = 100 * MS_NS  # less is no reason to go another way
ADMIT_NS = 10 * SECOND_NS  # from the first reads to a whole share
ADMIT_LEAST = 0.1
KEEP_NS = 2 * MS_NS  # orders stay where they are for less
PROBE_IDLE_NS = 10 * SECOND_NS  # without a read a lane is not known any more
PROBE_TRIAL_NS = SECOND_NS  # where something is wrong, or was
HEDGE_AT = 0.95  # of the last reads were answered by then
HEDGE_OF, HEDGE_KNOWN = 64, 20  # so many reads are looked at; fewer than so many say nothing
HEDGE_NS = (5 * MS_NS, SECOND_NS)
HEDGE_UNKNOWN_NS = 250 * MS_NS
HEDGE_PERCENT = 10  # of all reads at most
HEDGES_SAVED_MAX = 10  # that calm times may save up


class Use(StrEnum):
    """What a lane is used for."""

    IN_USE = auto()
    EJECTED = auto()  # nothing, until its wait is over
    TRIAL = auto()  # probes
    COMING_BACK = auto()  # a share of the reads


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is shown of a lane; `latency_ns` is an average of reads, None before the first."""

    name: str
    use: Use
    latency_ns: int | None
    errors_percent: float
    under_way: int
    why: str


class Trip:
    """One request under way on a lane."""

    __slots__ = ("began", "lane", "permit", "read")

    def __init__(self, lane: "Lane", began: Mono, permit: Permit | None, *, read: bool) -> None:
        self.lane = lane
        self.began = began
        self.permit = permit
        self.read = read


class Lane:
    """One way; `changed` hears of its breaker."""

    def __init__(self, name: str, changed: Callable[[Change], None]) -> None:
        self.name = name
        self.latency_ns: float | None = None
        self.errors = 0.0  # share of requests that failed, the last ones weighing most
        self.breaker = Breaker(RULES, changed=self._heard)
        self.under_way: dict[Trip, None] = {}  # the oldest first
        self.heard_at = LONG_AGO  # the last answer to a read
        self.probed_at = LONG_AGO
        self.doubted = False  # whether the last request on it failed, or took far too long
        self.cause = ""  # why there was no connection, the last time
        self.since = LONG_AGO  # what began before says nothing of how it is now
        self._back_at = LONG_AGO
        self._changed = changed

    def share(self, now: Mono) -> float:
        """How much of what it could take it is given: nothing while it is ejected, ever more afterwards."""
        if self.breaker.state(now) is not State.CLOSED:
            return 0.0
        return min(1.0, max(ADMIT_LEAST, (now - self._back_at) / ADMIT_NS))

    def expected_ns(self, now: Mono) -> float:
        """How long a read would take: what they took, or what the oldest under way has taken already."""
        oldest = next(iter(self.under_way), None)
        waited = 0 if oldest is None else now - oldest.began
        return max(self.latency_ns or 0.0, waited) * (1 + 9 * self.errors)

    def use(self, now: Mono) -> Use:
        """What it is used for."""
        match self.breaker.state(now):
            case State.CLOSED:
                return Use.IN_USE if self.share(now) >= 1 else Use.COMING_BACK
            case State.HALF_OPEN:
                return Use.TRIAL
            case _:
                return Use.EJECTED

    def why(self, now: Mono) -> str:
        """What would eject it now, or has."""
        over = self.breaker.told(now).over
        return f"{over}: {self.cause}" if over and self.cause else over

    def heard(self, took_ns: int, now: Mono) -> None:
        """A read took so long, answered or given up."""
        before = took_ns if self.latency_ns is None else self.latency_ns
        self.latency_ns = before + NEWEST * (took_ns - before)
        self.heard_at = now

    def failed(self, *, failed: bool) -> None:
        """One more request that failed, or did not."""
        self.errors += NEWEST * (failed - self.errors)

    def probe_due(self, now: Mono) -> bool:
        """Whether a probe would tell what nothing else does."""
        match self.breaker.state(now):
            case State.CLOSED:
                every = PROBE_TRIAL_NS if self.doubted else PROBE_IDLE_NS
                last = max(self.heard_at, self.probed_at)
            case State.HALF_OPEN:
                last, every = self.probed_at, PROBE_TRIAL_NS
            case _:
                return False
        return now - last >= every and not self.under_way

    def _heard(self, change: Change) -> None:
        if change.after is State.HALF_OPEN:
            self.latency_ns, self.errors, self.since = None, 0.0, change.at
        elif change.after is State.CLOSED:
            self._back_at, self.cause = change.at, ""
        self._changed(change)


def _unheard(_lane: str, _change: Change) -> None:
    """Nobody listens yet."""


class Lanes:
    """All of them, the one that a person named first in front. Lanes are told by their number."""

    def __init__(self, names: Sequence[str], draw: Callable[[], float]) -> None:
        self.changed: Callable[[str, Change], None] = _unheard
        self.lanes = [Lane(name, partial(self._heard, name)) for name in names]
        self._draw = draw
        self._writes: Lane | None = None  # the one that the last write took
        self._took: deque[int] = deque(maxlen=HEDGE_OF)
        self._percents = HEDGES_SAVED_MAX * 100  # a hedge costs 100, a read brings `HEDGE_PERCENT`

    def usable(self, now: Mono) -> list[int]:
        """Those that may be written on: in use, or all of them where none is."""
        used = [n for n, lane in enumerate(self.lanes) if lane.breaker.state(now) is State.CLOSED]
        return used or list(range(len(self.lanes)))

    def for_write(self, ready: Iterable[int], now: Mono) -> int:
        """The lane for what may be written once only."""
        among = {n: self.lanes[n] for n in ready}
        best = min(among, key=lambda n: self._worse(among[n], now))
        before = self._writes
        for number, lane in among.items():
            whole = lane.share(now) >= 1 or among[best].share(now) < 1
            slack_ns = 2 * among[best].expected_ns(now) + KEEP_NS
            if lane is before and whole and lane.expected_ns(now) <= slack_ns:
                best = number
        self._writes = among[best]
        return best

    def for_read(self, ready: Sequence[int], now: Mono) -> int:
        """The lane for a read."""
        known = [n for n in ready if self.lanes[n].latency_ns is not None] or list(ready)[:1]
        among = [n for n in known if self._admitted(self.lanes[n].share(now))] or known
        if len(among) > 1:
            first = among.pop(int(self._draw() * len(among)))
            second = among[int(self._draw() * len(among))]
            among = [first, second]
        return min(among, key=lambda n: self._load(self.lanes[n], now))

    def begin(self, number: int, now: Mono, *, read: bool) -> Trip:
        """A request leaves on a lane; every one is ended."""
        lane = self.lanes[number]
        trip = Trip(lane, now, lane.breaker.acquire(now), read=read)
        lane.under_way[trip] = None
        return trip

    def end(self, trip: Trip, now: Mono, well: bool | None, wait_ns: int = 0) -> None:
        """How it ended: as it should, badly (`wait_ns` where the lane is to be left alone), or so that it says
        nothing of the way."""
        lane, took_ns = trip.lane, now - trip.began
        del lane.under_way[trip]
        slow = bool(well) and trip.read and self._too_slow(lane, took_ns, now)
        if well is not None and trip.began >= lane.since:
            lane.failed(failed=not well)
            lane.doubted = slow or not well
            if trip.read and (well or took_ns > (lane.latency_ns or 0)):
                lane.heard(took_ns, now)
        if trip.read and well:
            self._took.append(took_ns)
        if trip.permit is None:
            return
        if well is None:
            lane.breaker.released(trip.permit, now)
        elif well and not slow:
            lane.breaker.succeeded(trip.permit, now)
        else:
            lane.breaker.failed(trip.permit, now, wait_ns=wait_ns, why="it does not let us in")

    def missed(self, number: int, now: Mono, why: str) -> None:
        """No connection could be made on it."""
        lane = self.lanes[number]
        lane.cause = why
        lane.failed(failed=True)
        lane.doubted = True
        permit = lane.breaker.acquire(now)
        if permit is not None:
            lane.breaker.failed(permit, now)

    def hedge_ns(self) -> int:
        """After how long an unanswered read is late. A read begins."""
        self._percents = min(self._percents + HEDGE_PERCENT, HEDGES_SAVED_MAX * 100)
        if len(self._took) < HEDGE_KNOWN:
            return HEDGE_UNKNOWN_NS
        late = sorted(self._took)[int(len(self._took) * HEDGE_AT)]
        least, most = HEDGE_NS
        return max(least, min(late, most))

    def may_hedge(self) -> bool:
        """Whether few enough reads were sent twice for one more."""
        return self._percents >= 100

    def hedged(self) -> None:
        """One was."""
        self._percents -= 100

    def due(self, now: Mono) -> list[int]:
        """The lanes to be probed now: what is asked for here is taken to be done."""
        due = [n for n, lane in enumerate(self.lanes) if lane.probe_due(now)]
        for number in due:
            self.lanes[number].probed_at = now
        return due

    def told(self, now: Mono) -> list[Health]:
        """How each of them fares."""
        return [
            Health(
                name=lane.name,
                use=lane.use(now),
                latency_ns=None if lane.latency_ns is None else int(lane.latency_ns),
                errors_percent=round(100 * lane.errors, 1),
                under_way=len(lane.under_way),
                why=lane.why(now),
            )
            for lane in self.lanes
        ]

    def _admitted(self, share: float) -> bool:
        return share >= 1 or self._draw() < share

    def _worse(self, lane: Lane, now: Mono) -> tuple[bool, bool, float]:
        """What an order would rather not meet: a lane on trial, an unknown one, a slow one."""
        return lane.share(now) < 1, lane.latency_ns is None, lane.expected_ns(now)

    def _load(self, lane: Lane, now: Mono) -> float:
        return lane.expected_ns(now) * (1 + len(lane.under_way))

    def _too_slow(self, lane: Lane, took_ns: int, now: Mono) -> bool:
        """Whether another lane in use would have been far quicker."""
        others = [
            other.latency_ns
            for other in self.lanes
            if other is not lane and other.latency_ns is not None and other.share(now) > 0
        ]
        return bool(others) and took_ns > max(SLOW_LEAST_NS, SLOW_TIMES * min(others))

    def _heard(self, lane: str, change: Change) -> None:
        self.changed(lane, change)
