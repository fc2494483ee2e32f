"""Requests that wait for room in a budget: by rank, within a rank as they came.

A rank that waits and has used less than its share is served before those that have used theirs. What waits
first in a rank is never passed by what wants the same unit, or the heavy would wait for ever. Who leaves has
cost nothing. Refuses to wait by itself: `due` says when to look again.
"""

from collections import deque
from collections.abc import Iterator

from nightdesk.model.time import Mono
from nightdesk.resilience.budget import Budget, Cost, Rank, Spent

WAITING_MAX = 1_000  # more than a minute of any venue's weight; what comes then is refused at once


class Waiting:
    """One place in the line."""

    __slots__ = ("cost", "deadline", "spent")

    def __init__(self, cost: Cost, deadline: Mono) -> None:
        self.cost = cost
        self.deadline = deadline
        self.spent: Spent | None = None  # once it has room


class Line:
    """All that wait for one budget; mutable, one writer."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._ranks: dict[Rank, deque[Waiting]] = {rank: deque() for rank in Rank}

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._ranks.values())

    def free(self, cost: Cost, now: Mono) -> bool:
        """Whether a request need not wait: there is room, and nobody of its rank or before it waits."""
        ahead = any(self._ranks[rank] for rank in Rank if rank <= cost.rank)
        return not ahead and not self._budget.wait_ns(cost, now)

    def join(self, cost: Cost, deadline: Mono) -> Waiting | None:
        """A place, or None where the line is full. Of one rank, who comes later waits no less long."""
        if len(self) >= WAITING_MAX:
            return None
        waiting = Waiting(cost, deadline)
        self._ranks[cost.rank].append(waiting)
        self._claim()
        return waiting

    def leave(self, waiting: Waiting) -> None:
        """Wait no longer; what it was given in the meantime is given back."""
        if waiting.spent is not None:
            self._budget.give_back(waiting.spent)
        elif waiting in self._ranks[waiting.cost.rank]:
            self._ranks[waiting.cost.rank].remove(waiting)
        self._claim()

    def serve(self, now: Mono) -> list[Waiting]:
        """Who waits no longer: with `spent` set, or past the deadline."""
        done: list[Waiting] = []
        for waiting in self._ranks.values():
            while waiting and waiting[0].deadline <= now:
                done.append(waiting.popleft())
        self._claim()
        while (first := self._next(now)) is not None:
            first.spent = self._budget.claim(first.cost, now)
            if first.spent is None:
                break  # another process was there at the same moment
            self._ranks[first.cost.rank].popleft()
            self._claim()
            done.append(first)
        return done

    def due(self, now: Mono) -> Mono | None:
        """When to serve again, if nothing happens before; None where nobody waits."""
        dues = [waiting[0].deadline for waiting in self._ranks.values() if waiting]
        if not dues:
            return None
        waits = [self._budget.wait_ns(front.cost, now) for front in self._fronts()]
        return min(*dues, Mono(now + min(waits)))

    def _fronts(self) -> Iterator[Waiting]:
        """Who may be next: the first of each rank, what reduces and those below their share before the others,
        but for those that want a unit that one before them wants."""
        heads = [waiting[0] for waiting in self._ranks.values() if waiting]
        wanted: set[str] = set()
        for head in sorted(heads, key=self._is_late):
            units = {unit for unit, _ in head.cost.spends}
            if not units & wanted:
                yield head
            wanted |= units

    def _is_late(self, head: Waiting) -> bool:
        return head.cost.rank > Rank.REDUCE and not self._budget.below_share(head.cost)

    def _next(self, now: Mono) -> Waiting | None:
        fronts = (front for front in self._fronts() if not self._budget.wait_ns(front.cost, now))
        return next(fronts, None)

    def _claim(self) -> None:
        self._budget.claims = {
            rank: waiting[0].cost.spends for rank, waiting in self._ranks.items() if waiting
        }
