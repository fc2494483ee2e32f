"""The agenda: what the lab will do later, in order of time.

Owns deferred acts. Refuses to know the time: whoever asks says what time it is.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

Act = Callable[[int], None]


@dataclass(slots=True)
class Agenda:
    """Acts by due time; equal times keep the order they were noted in."""

    _heap: list[tuple[int, int, Act]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def at(self, due_ns: int, act: Act) -> None:
        """Do `act` at `due_ns`; it is told the time."""
        heapq.heappush(self._heap, (due_ns, next(self._numbers), act))

    def next_due_ns(self) -> int | None:
        """When the next act is due."""
        return self._heap[0][0] if self._heap else None

    def take(self) -> tuple[int, Act]:
        """Remove and return the next act and its due time."""
        due_ns, _, act = heapq.heappop(self._heap)
        return due_ns, act
