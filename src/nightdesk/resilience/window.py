"""What the last calls came to: the last so many, or those of the last while."""

from collections import deque
from typing import NamedTuple

import msgspec

from nightdesk.model.time import Mono

PARTS = 10  # of a window of time: its oldest tenth is forgotten whole


class Tally(NamedTuple):
    """How many calls ended, how many of them failed, and how many took too long, failed or not."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    def plus(self, *, failed: bool, slow: bool) -> "Tally":
        """The same with one call more."""
        return Tally(self.calls + 1, self.failed + failed, self.slow + slow)

    def less(self, other: "Tally") -> "Tally":
        """The same without those."""
        return Tally(self.calls - other.calls, self.failed - other.failed, self.slow - other.slow)


class LastCalls(msgspec.Struct, frozen=True):
    """The last `most` calls, however long ago they ended."""

    most: int

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"a window of {self.most} calls holds nothing")

    def opened(self) -> "CountWindow":
        """An empty one."""
        return CountWindow(self.most)


class LastWhile(msgspec.Struct, frozen=True):
    """The calls that ended within `span_ns`, to its tenth: between nine tenths and the whole are looked at."""

    span_ns: int

    def __post_init__(self) -> None:
        if self.span_ns < PARTS:
            raise ValueError(f"a window of {self.span_ns} ns has no {PARTS} parts")

    def opened(self) -> "TimeWindow":
        """An empty one."""
        return TimeWindow(self.span_ns // PARTS)


class CountWindow:
    """A ring of the last calls, added up."""

    def __init__(self, most: int) -> None:
        self._calls: deque[Tally] = deque()
        self._most = most
        self._sum = Tally()

    def record(self, now: Mono, *, failed: bool, slow: bool) -> None:
        """One call ended."""
        if len(self._calls) == self._most:
            self._sum = self._sum.less(self._calls.popleft())
        self._calls.append(Tally().plus(failed=failed, slow=slow))
        self._sum = self._sum.plus(failed=failed, slow=slow)

    def tally(self, now: Mono) -> Tally:
        """What is looked at now."""
        return self._sum


class TimeWindow:
    """Parts of equal length, added up; bounded whatever the rate of calls."""

    def __init__(self, part_ns: int) -> None:
        self._parts: deque[tuple[int, Tally]] = deque()  # the part's number, what ended in it
        self._part_ns = part_ns
        self._sum = Tally()

    def record(self, now: Mono, *, failed: bool, slow: bool) -> None:
        """One call ended."""
        self._forget(now)
        number, part = now // self._part_ns, Tally()
        if self._parts and self._parts[-1][0] == number:
            part = self._parts.pop()[1]
        self._parts.append((number, part.plus(failed=failed, slow=slow)))
        self._sum = self._sum.plus(failed=failed, slow=slow)

    def tally(self, now: Mono) -> Tally:
        """What is looked at now."""
        self._forget(now)
        return self._sum

    def _forget(self, now: Mono) -> None:
        oldest = now // self._part_ns - PARTS + 1
        while self._parts and self._parts[0][0] < oldest:
            self._sum = self._sum.less(self._parts.popleft()[1])


Window = LastCalls | LastWhile
