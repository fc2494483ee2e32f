"""Trying again: ever later, at random, not past a deadline, and never more than a share of all calls.

For questions and for cancels by id, which may be repeated. What may have acted is never tried again here:
an order belongs to its state machine.
"""

from collections.abc import Callable

import msgspec

from nightdesk.model.time import MS_NS, SECOND_NS, Mono

SAVED_MAX = 10  # retries that calm times may save up for a bad one


class RetryRules(msgspec.Struct, frozen=True, kw_only=True):
    """At most `tries_max` tries of one call. The wait before the next one is drawn evenly between nothing and
    `first_ns`, which doubles each time up to `most_ns` (full jitter: who failed together does not come back
    together). Retries are at most `budget_percent` of the calls ever made."""

    tries_max: int = 3
    first_ns: int = 100 * MS_NS
    most_ns: int = SECOND_NS
    budget_percent: int = 10

    def __post_init__(self) -> None:
        if self.tries_max < 1 or not 0 <= self.budget_percent <= 100:
            raise ValueError("tries_max is at least 1, budget_percent 0 to 100")


class Retry:
    """One budget and whoever shares it; `draw` tells numbers from 0 to 1."""

    def __init__(self, rules: RetryRules, draw: Callable[[], float]) -> None:
        self._rules = rules
        self._draw = draw
        self._percents = 0  # saved: a retry costs 100, a call brings `budget_percent`

    @property
    def left(self) -> int:
        """Retries that the budget still pays for."""
        return self._percents // 100

    def called(self) -> None:
        """A call begins, for the first time."""
        self._percents = min(self._percents + self._rules.budget_percent, SAVED_MAX * 100)

    def wait_ns(self, tries: int, now: Mono, deadline: Mono) -> int | None:
        """For how long to wait before trying what failed `tries` times once more, or None: not again. What is
        told is paid for."""
        rules = self._rules
        if tries >= rules.tries_max or self._percents < 100:
            return None
        most_ns = min(rules.first_ns << min(tries - 1, 32), rules.most_ns)
        wait_ns = int(self._draw() * most_ns)
        if now + wait_ns >= deadline:
            return None
        self._percents -= 100
        return wait_ns
