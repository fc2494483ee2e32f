"""What a venue lets one address and one account send, and who may use how much of it.

Owns the counting, in windows that slide. A request counts from when it leaves until one length after its
answer: it reached the venue somewhere between the two, so no window of that length holds more than the limit,
wherever the venue's own windows begin and however unevenly requests travel. One without an answer counts as
if it had come `STRAY_NS` after it was given up. Refuses to wait, and to know any venue's numbers: these are
data (`Limit`, `Cost`) of its codec. Times are CLOCK_BOOTTIME: a leap of UTC forgets nothing.

Several processes of one host are several budgets, each of which hears what the others use (`board`); several
hosts have a share each. What nobody here used is learnt from what the venue says beyond all of that.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from heapq import merge

import msgspec
from msgspec.structs import replace

from nightdesk.model.mode import Mode
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.resilience.board import Column

STEPS = 128  # of a window: what is forgotten is forgotten by steps, so 1/128 of its length too late
STRAY_NS = 5 * SECOND_NS  # how long after it was given up a request may still reach the venue
SUCCEEDED_MAX_NS = 60 * SECOND_NS  # a desk without entries for longer were worse than a refusal
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
PAIR = 2  # orders of an exit; for so many a share has room above what entries may use, however small it is
# What a rank gets before others that are no way out: while it waits with less, these stay below its ceiling.
SHARE_PERCENT: Mapping[Rank, int] = {Rank.RECONCILE: 15, Rank.PRIVATE: 10, Rank.MARKET: 5}
# In use, in per cent of the limit that is nearest to its end: where a mode is demanded, and down to where.
CAUTIOUS_PERCENT, REDUCE_PERCENT = (86, 84), (89, 86)

Spends = tuple[tuple[str, int], ...]  # how much of each unit


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most `most` of a `unit` in any `length_ns`; the (lower case) header that tells how much was counted.

    A unit is whatever a venue counts by itself: the weight of an address, the orders of an account, or those of
    one instrument. A `spread` is no venue's: it holds reads apart, so that what others use shows before all
    of it is spent. No share is less than `least`, in which the heaviest request of each rank has room.
    """

    unit: str
    most: int
    least: int = 1
    length_ns: int
    header: str = ""
    spread: bool = False
    account: bool = False


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
        "_percent",
        "_ranks",
        "_step_ns",
        "ceilings",
        "column",
        "limit",
        "most",
        "pending",
        "spent",
        "whole",
    )

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.whole = _ceilings(limit.most)  # for all that is used, by whomever
        self.allow(100)
        self.column: Column | None = None  # where it is shared with other processes
        self.spent = 0  # ever, less what was given back
        self.pending = 0  # of that, what has no end yet
        self._own = 0  # what counts now, answered or not
        self._ranks = [0] * len(Rank)  # the same by rank
        self._answered: deque[tuple[int, list[int]]] = deque()  # by step, by rank
        self._foreign: deque[tuple[int, int]] = deque()  # by step, falling
        self._step_ns = max(1, limit.length_ns // STEPS)

    def narrow(self, most: int) -> None:
        """The venue allows no more than so much."""
        self.limit = replace(self.limit, most=most)
        self.whole = _ceilings(most)
        self.allow(*self._percent)

    def allow(self, share: int, alone: int = 100) -> None:
        """How much of the limit is this host's to use from now on, and of that this process's, in per cent.
        What reduces is bound by the host's share alone: it cannot wait for hours."""
        self._percent, limit = (share, alone), self.limit
        parts = (limit.most * percent // 10_000 for percent in (share * 100, share * alone))
        of_host, self.most = (min(limit.most, max(limit.least, part)) for part in parts)
        whole = _ceilings(of_host)
        whole[Rank.REDUCE] = max(whole[Rank.REDUCE], min(of_host, whole[Rank.ENTRY] + PAIR))
        self.ceilings = whole[: Rank.ENTRY] + _ceilings(self.most)[Rank.ENTRY :]

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

    def here(self, now: Mono) -> int:
        """What counts of all processes of this host that are heard."""
        return self.own(now) + (0 if self.column is None else self.column.others(now))

    def used(self, now: Mono) -> int:
        """The same with what strangers were seen to use."""
        while self._foreign and self._leaves(self._foreign[0][0]) <= now:
            self._foreign.popleft()
        return self.here(now) + (self._foreign[0][1] if self._foreign else 0)

    def over(self, amount: int, rank: Rank, now: Mono) -> bool:
        """Whether so much more were too much for a rank: of the limit, or of what is ours of it."""
        all_too_much = self.used(now) + amount > self.whole[rank]
        return all_too_much or self.here(now) + amount > self.ceilings[rank]

    def known(self, now: Mono) -> int:
        """What counts of all requests of this host that left by now, less all that ever left."""
        column = self.column
        shared = 0 if column is None else column.others(now) - column.others_spent
        return self.own(now) - self.spent + shared

    def left(self) -> int:
        """All that ever left this host, as far as it is known."""
        return self.spent + (0 if self.column is None else self.column.others_spent)

    def of(self, rank: Rank) -> int:
        """What counts of one rank, as of the last look."""
        return self._ranks[rank]

    def spend(self, rank: Rank, amount: int) -> None:
        """A request leaves."""
        self.spent += amount
        self.pending += amount
        self._own += amount
        self._ranks[rank] += amount

    def give_back(self, rank: Rank, amount: int) -> None:
        """It did not leave."""
        self.spent -= amount
        self.pending -= amount
        self._own -= amount
        self._ranks[rank] -= amount

    def settle(self, rank: Rank, amount: int, at: Mono, now: Mono) -> None:
        """It reached the venue at `at` at the latest. Steps stay in order: one that is earlier than the last
        joins that, and counts a little longer."""
        step = at // self._step_ns
        if not self._answered or self._answered[-1][0] < step:
            self._answered.append((step, [0] * len(Rank)))
        self._answered[-1][1][rank] += amount
        self.pending -= amount
        if self.column is not None:
            self.column.arrived(amount, at, now)

    def told(self, counted: int, own: int, now: Mono) -> None:
        """The venue counted so much, of which at most `own` is ours: others used the rest. The most of it that
        was seen in a length of the window counts, so a late or a low word loosens nothing."""
        others, step, foreign = counted - own, now // self._step_ns, self._foreign
        if others <= 0:
            return
        while foreign and foreign[-1][1] <= others:
            foreign.pop()
        foreign.append((step, others))

    def wait_ns(self, amount: int, rank: Rank, now: Mono) -> int:
        """0 where `amount` more stays within a rank's ceilings, else after how long it does if nothing else
        leaves. What has no answer yet leaves no sooner than a whole length from now."""
        if not self.over(amount, rank, now):
            return 0
        shared = () if self.column is None else self.column.falls()
        of_host = self.here(now) + amount - self.ceilings[rank]
        of_all = self.used(now) + amount - self.whole[rank]
        return max(
            self._wait_ns(of_host, now, merge(self._steps(), shared)),
            self._wait_ns(of_all, now, merge(self._steps(), self._falls(), shared)),
        )

    def _wait_ns(self, over: int, now: Mono, falls: Iterable[tuple[int, int]]) -> int:
        if over <= 0:
            return 0
        for until, count in falls:
            over -= count
            if over <= 0:
                return until - now
        return self.limit.length_ns

    def _steps(self) -> Iterator[tuple[int, int]]:
        """When how much of ours is forgotten."""
        return ((self._leaves(step), sum(counts)) for step, counts in self._answered)

    def _falls(self) -> Iterator[tuple[int, int]]:
        """The same of what strangers use."""
        for at, (step, others) in enumerate(self._foreign, 1):
            less = self._foreign[at][1] if at < len(self._foreign) else 0
            yield self._leaves(step), others - less

    def _leaves(self, step: int) -> int:
        return (step + 1) * self._step_ns + self.limit.length_ns


def _ceilings(most: int) -> list[int]:
    return [most * CEILING_PERCENT[rank] // 100 for rank in Rank]


class Spent:
    """One request that left, or is about to."""

    __slots__ = ("counted", "rank")

    def __init__(self, rank: Rank, counted: list[tuple[Window, int, int]]) -> None:
        self.rank = rank
        # Of each window: how much, and what counted of this host's when it left, less all that ever left.
        self.counted = counted


def _nothing(_now: Mono) -> None:
    """Nobody else is heard."""


class Budget:
    """All limits of one address and account; mutable, one writer."""

    def __init__(self, limits: Sequence[Limit] = (), percent: int = 100) -> None:
        self.claims: dict[Rank, Spends] = {}  # what waits first in each rank
        # Where it is shared with other processes: hears them, unless it just did; tells and hears them at once.
        self.look: Callable[[Mono], None] = _nothing
        self.exchange: Callable[[Mono], None] = _nothing
        self.windows = [Window(limit) for limit in limits]
        self.narrowed: list[tuple[Limit, int]] = []  # and to what; for whoever says so
        self.wait_until = LONG_AGO  # as this process was told
        self.others_wait_until = LONG_AGO
        for account in (False, True):
            self.allow(percent, account=account)

    def allow(self, share: int, alone: int = 100, *, account: bool) -> None:
        """How much of every limit of the account, or of the address, is ours to use from now on (`Window`)."""
        for window in self.windows:
            if window.limit.account is account:
                window.allow(share, alone)

    def narrow(self, limits: Sequence[Limit]) -> None:
        """What the venue tells of its limits now, by unit and length; none is widened."""
        told = {(each.unit, each.length_ns): each.most for each in limits}
        for window in self.windows:
            most = told.get((window.limit.unit, window.limit.length_ns), window.limit.most)
            if most < window.limit.most:
                self.narrowed.append((window.limit, most))
                window.narrow(most)

    def succeed(self, now: Mono, *, elsewhere: bool) -> None:
        """Nobody here knows what was sent for the account before: what entries may use of its short windows is
        spent, unless all of it was on this host before it was booted, longer ago than they last. Of a longer
        window its headers tell."""
        for window in self.windows:
            length_ns = window.limit.length_ns
            short = window.limit.account and length_ns <= SUCCEEDED_MAX_NS
            if short and (elsewhere or now < length_ns):
                window.told(window.whole[Rank.ENTRY], 0, now)

    def wait_ns(self, cost: Cost, now: Mono) -> int:
        """0 where the request has room, else in how long it may have; the way out always has."""
        if cost.rank in WAY_OUT:
            return 0
        self.look(now)
        longest = 0
        for unit, amount in cost.spends:
            for window in self.windows:
                if window.limit.unit == unit and window.concerns(cost.rank):
                    wanted = amount + self._kept(window, cost.rank)
                    longest = max(longest, window.wait_ns(wanted, cost.rank, now))
        return longest

    def below_share(self, cost: Cost) -> bool:
        """Whether the request's rank has used less than its share of everything that it wants."""
        share, units = SHARE_PERCENT.get(cost.rank, 0), dict(cost.spends)
        windows = [w for w in self.windows if w.limit.unit in units and not w.limit.spread]
        return all(100 * w.of(cost.rank) < share * w.most for w in windows)

    def spend(self, cost: Cost, now: Mono) -> Spent:
        """It leaves now; every one is settled or given back."""
        amounts, counted = dict(cost.spends), []
        for window in self.windows:
            amount = amounts.get(window.limit.unit, 0) if window.concerns(cost.rank) else 0
            window.spend(cost.rank, amount)
            counted.append((window, amount, window.known(now)))
        return Spent(cost.rank, counted)

    def claim(self, cost: Cost, now: Mono) -> Spent | None:
        """The same for one that has room; None where others took it meanwhile. All tell first and hear then, so
        of two at the same moment one hears the other."""
        spent = self.spend(cost, now)
        self.exchange(now)
        over = any(n and window.over(0, cost.rank, now) for window, n, _ in spent.counted)
        if not over:
            return spent
        self.give_back(spent)
        self.exchange(now)
        return None

    def settle(self, spent: Spent, now: Mono, headers: Mapping[str, str]) -> None:
        """Its answer came; `headers` may say what the venue has counted by then."""
        self.look(now)
        for window, amount, base in spent.counted:
            if amount:
                window.settle(spent.rank, amount, now, now)
            told = headers.get(window.limit.header, "")
            if told.isascii() and told.isdecimal() and len(told) <= TOLD_DIGITS_MAX:
                window.told(int(told), base + window.left(), now)

    def give_up(self, spent: Spent, now: Mono) -> None:
        """No answer came: it may be under way still."""
        for window, amount, _ in spent.counted:
            if amount:
                window.settle(spent.rank, amount, Mono(now + STRAY_NS), now)

    def give_back(self, spent: Spent) -> None:
        """Nothing of it left this host."""
        for window, amount, _ in spent.counted:
            window.give_back(spent.rank, amount)

    def latch(self, until: Mono) -> None:
        """The venue wants no traffic of this address before then; an earlier end takes nothing back."""
        self.wait_until = max(self.wait_until, until)

    def latched(self, now: Mono) -> bool:
        """Whether it wants none now, as any process of this host was told."""
        self.look(now)
        return now < max(self.wait_until, self.others_wait_until)

    def use_percent(self, now: Mono) -> float:
        """Of the limit that is nearest to its end."""
        self.look(now)
        windows = [window for window in self.windows if not window.limit.spread]
        shares = [(w.used(now) / w.limit.most, w.here(now) / w.most) for w in windows]
        return 100 * max(map(max, shares), default=0.0)

    def demands(self, before: Mode, now: Mono) -> Mode:
        """How careful a desk has to be that was told `before`: entries stop before they find no room."""
        use = self.use_percent(now)
        if use >= REDUCE_PERCENT[before >= Mode.REDUCE_ONLY]:
            return Mode.REDUCE_ONLY
        return Mode.CAUTIOUS if use > CAUTIOUS_PERCENT[before >= Mode.CAUTIOUS] else Mode.NORMAL

    def _kept(self, window: Window, rank: Rank) -> int:
        """How much below its own ceiling a rank stays, for those behind it that wait within their share."""
        kept = 0
        for lower, spends in self.claims.items() if rank > Rank.REDUCE else ():
            share = window.most * SHARE_PERCENT.get(lower, 0) // 100
            for unit, amount in spends:
                if lower > rank and unit == window.limit.unit and window.of(lower) < share:
                    kept = max(kept, window.ceilings[rank] - window.ceilings[lower] + amount)
        return kept
