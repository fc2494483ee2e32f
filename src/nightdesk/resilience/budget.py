"""What a venue lets one address and one account send, and who may use how much of it.

Owns the counting, in windows that slide. A request counts from when it leaves until one length after its
answer: it reached the venue somewhere between the two, so no window of that length holds more than the limit,
wherever the venue's own windows begin and however unevenly requests travel. One without an answer counts as
if it had come `STRAY_NS` after it was given up. Refuses to wait, and to know any venue's numbers: these are
data (`Limit`, `Cost`) of its codec. Times are CLOCK_BOOTTIME: a leap of UTC forgets nothing.

Several processes at one address are several budgets, each with its share as limits; what the others use is
learnt from what the venue says beyond our own count.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from heapq import merge

import msgspec

from nightdesk.model.mode import Mode
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono

STEPS = 128  # of a window: what is forgotten is forgotten by steps, so 1/128 of its length too late
STRAY_NS = 5 * SECOND_NS  # how long after it was given up a request may still reach the venue
TOLD_DIGITS_MAX = 9  # of a count in a header


class Rank(IntEnum):
    """What a request is for; the lower the number, the later it goes without."""

    FLATTEN = 0
    CANCEL = 1
    REDUCE = 2
    ENTRY = 3
    RECONCILE = 4
    PRIVATE = 5
    MARKET = 6


WAY_OUT = frozenset({Rank.FLATTEN, Rank.CANCEL})  # never wait, whatever is left
# How much of a limit may be in use, in per cent, for another request of a rank: what lies above is kept for the
# ranks before it, however much these have used already.
CEILING_PERCENT: Mapping[Rank, int] = {
    Rank.FLATTEN: 100,
    Rank.CANCEL: 97,
    Rank.REDUCE: 94,
    Rank.ENTRY: 90,
    Rank.RECONCILE: 87,
    Rank.PRIVATE: 84,
    Rank.MARKET: 80,
}
# What a rank gets before others that are no way out: while it waits with less, these stay below its ceiling.
SHARE_PERCENT: Mapping[Rank, int] = {Rank.RECONCILE: 15, Rank.PRIVATE: 10, Rank.MARKET: 5}
# In use, in per cent of the limit that is nearest to its end: where a mode is demanded, and down to where.
CAUTIOUS_PERCENT, REDUCE_PERCENT = (86, 84), (89, 86)

Spends = tuple[tuple[str, int], ...]  # how much of each unit


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most `most` of a `unit` in any `length_ns`; the (lower case) header that tells how much was counted.

    A unit is whatever a venue counts by itself: the weight of an address, the orders of an account, or those of
    one instrument. A `spread` is no venue's: it holds reads apart, so that what others use shows before all
    of it is spent.
    """

    unit: str
    most: int
    length_ns: int
    header: str = ""
    spread: bool = False


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one request counts for, and what it is for."""

    rank: Rank = Rank.MARKET
    spends: Spends = ()


class Window:
    """One limit and what counts against it."""

    __slots__ = (
        "_answered",
        "_foreign",
        "_own",
        "_ranks",
        "_step_ns",
        "ceilings",
        "limit",
        "spent",
    )

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.ceilings = [limit.most * CEILING_PERCENT[rank] // 100 for rank in Rank]
        self.spent = 0  # ever, less what was given back
        self._own = 0  # what counts now, answered or not
        self._ranks = [0] * len(Rank)  # the same by rank
        self._answered: deque[tuple[int, list[int]]] = deque()  # by step, by rank
        self._foreign: deque[tuple[int, int]] = deque()  # by step, falling
        self._step_ns = max(1, limit.length_ns // STEPS)

    def concerns(self, rank: Rank) -> bool:
        """Whether it counts what a rank sends."""
        return rank > Rank.ENTRY or not self.limit.spread

    def own(self, now: Mono) -> int:
        """What counts of our own requests."""
        while self._answered and self._leaves(self._answered[0][0]) <= now:
            _, counts = self._answered.popleft()
            for rank, count in enumerate(counts):
                self._ranks[rank] -= count
                self._own -= count
        return self._own

    def used(self, now: Mono) -> int:
        """What counts, with what others were seen to use."""
        while self._foreign and self._leaves(self._foreign[0][0]) <= now:
            self._foreign.popleft()
        return self.own(now) + (self._foreign[0][1] if self._foreign else 0)

    def of(self, rank: Rank) -> int:
        """What counts of one rank, as of the last look."""
        return self._ranks[rank]

    def spend(self, rank: Rank, amount: int) -> None:
        """A request leaves."""
        self.spent += amount
        self._own += amount
        self._ranks[rank] += amount

    def give_back(self, rank: Rank, amount: int) -> None:
        """It did not leave."""
        self.spent -= amount
        self._own -= amount
        self._ranks[rank] -= amount

    def settle(self, rank: Rank, amount: int, at: Mono) -> None:
        """It reached the venue at `at` at the latest. Steps stay in order: one that is earlier than the last
        joins that, and counts a little longer."""
        step = at // self._step_ns
        if not self._answered or self._answered[-1][0] < step:
            self._answered.append((step, [0] * len(Rank)))
        self._answered[-1][1][rank] += amount

    def told(self, counted: int, own: int, now: Mono) -> None:
        """The venue counted so much, of which at most `own` is ours: others used the rest. The most of it that
        was seen in a length of the window counts, so a late or a low word loosens nothing."""
        others, step, foreign = counted - own, now // self._step_ns, self._foreign
        if others <= 0:
            return
        while foreign and foreign[-1][1] <= others:
            foreign.pop()
        foreign.append((step, others))

    def wait_ns(self, amount: int, ceiling: int, now: Mono) -> int:
        """0 where `amount` more stays within the ceiling, else after how long it does if nothing else leaves.

        What has no answer yet leaves no sooner than a whole length from now.
        """
        over = self.used(now) + amount - ceiling
        if over <= 0:
            return 0
        for step, count in merge(self._steps(), self._falls()):
            over -= count
            if over <= 0:
                return self._leaves(step) - now
        return self.limit.length_ns

    def _steps(self) -> Iterator[tuple[int, int]]:
        """How much of ours leaves, by step."""
        return ((step, sum(counts)) for step, counts in self._answered)

    def _falls(self) -> Iterator[tuple[int, int]]:
        """By how much what others use falls, by step."""
        for at, (step, others) in enumerate(self._foreign, 1):
            yield step, others - (self._foreign[at][1] if at < len(self._foreign) else 0)

    def _leaves(self, step: int) -> int:
        return (step + 1) * self._step_ns + self.limit.length_ns


class Spent:
    """One request that left, or is about to."""

    __slots__ = ("counted", "rank")

    def __init__(self, rank: Rank, counted: list[tuple[Window, int, int]]) -> None:
        self.rank = rank
        # Of each window: how much, and what counted of ours when it left, less all that was ever spent.
        self.counted = counted


class Budget:
    """All limits of one address and account; mutable, one writer."""

    def __init__(self, limits: Sequence[Limit] = ()) -> None:
        self.claims: dict[Rank, Spends] = {}  # what waits first in each rank
        self._windows = [Window(limit) for limit in limits]
        self._wait_until = LONG_AGO

    def wait_ns(self, cost: Cost, now: Mono) -> int:
        """0 where the request has room, else in how long it may have; the way out always has."""
        if cost.rank in WAY_OUT:
            return 0
        longest = 0
        for unit, amount in cost.spends:
            for window in self._windows:
                if window.limit.unit == unit and window.concerns(cost.rank):
                    ceiling = self._ceiling(window, cost.rank)
                    longest = max(longest, window.wait_ns(amount, ceiling, now))
        return longest

    def below_share(self, cost: Cost) -> bool:
        """Whether the request's rank has used less than its share of everything that it wants."""
        share, units = SHARE_PERCENT.get(cost.rank, 0), dict(cost.spends)
        windows = [w for w in self._windows if w.limit.unit in units and not w.limit.spread]
        return all(100 * w.of(cost.rank) < share * w.limit.most for w in windows)

    def spend(self, cost: Cost, now: Mono) -> Spent:
        """It leaves now; every one is settled or given back."""
        amounts, counted = dict(cost.spends), []
        for window in self._windows:
            own = window.own(now)
            amount = amounts.get(window.limit.unit, 0) if window.concerns(cost.rank) else 0
            window.spend(cost.rank, amount)
            counted.append((window, amount, own + amount - window.spent))
        return Spent(cost.rank, counted)

    def settle(self, spent: Spent, now: Mono, headers: Mapping[str, str]) -> None:
        """Its answer came; `headers` may say what the venue has counted by then."""
        for window, amount, base in spent.counted:
            if amount:
                window.settle(spent.rank, amount, now)
            told = headers.get(window.limit.header, "")
            if told.isascii() and told.isdecimal() and len(told) <= TOLD_DIGITS_MAX:
                window.told(int(told), base + window.spent, now)

    def give_up(self, spent: Spent, now: Mono) -> None:
        """No answer came: it may be under way still."""
        for window, amount, _ in spent.counted:
            if amount:
                window.settle(spent.rank, amount, Mono(now + STRAY_NS))

    def give_back(self, spent: Spent) -> None:
        """Nothing of it left this host."""
        for window, amount, _ in spent.counted:
            window.give_back(spent.rank, amount)

    def latch(self, until: Mono) -> None:
        """The venue wants no traffic of this address before then; an earlier end takes nothing back."""
        self._wait_until = max(self._wait_until, until)

    def latched(self, now: Mono) -> bool:
        """Whether it wants none now."""
        return now < self._wait_until

    def use_percent(self, now: Mono) -> float:
        """Of the limit that is nearest to its end."""
        windows = (window for window in self._windows if not window.limit.spread)
        return max((100 * w.used(now) / w.limit.most for w in windows), default=0.0)

    def demands(self, before: Mode, now: Mono) -> Mode:
        """How careful a desk has to be that was told `before`: entries stop before they find no room."""
        use = self.use_percent(now)
        if use >= REDUCE_PERCENT[before >= Mode.REDUCE_ONLY]:
            return Mode.REDUCE_ONLY
        return Mode.CAUTIOUS if use > CAUTIOUS_PERCENT[before >= Mode.CAUTIOUS] else Mode.NORMAL

    def _ceiling(self, window: Window, rank: Rank) -> int:
        ceiling = window.ceilings[rank]
        if rank <= Rank.REDUCE:
            return ceiling
        for lower, spends in self.claims.items():
            share = window.limit.most * SHARE_PERCENT.get(lower, 0) // 100
            for unit, amount in spends:
                if lower > rank and unit == window.limit.unit and window.of(lower) < share:
                    ceiling = min(ceiling, window.ceilings[lower] - amount)
        return ceiling
