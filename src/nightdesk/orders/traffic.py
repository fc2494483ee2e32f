"""How many orders, cancels and fills there were lately, by scope, in windows that slide by steps.

The oldest step counts whole until all of it has left: a window may count a little too much, never too little.
"""

from collections import deque
from collections.abc import Iterable
from functools import lru_cache

from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.time import SECOND_NS, Wall

_STEP_NS, _STEPS = SECOND_NS // 10, 10  # a second, in tenths


@lru_cache(maxsize=1024)
def orders_of(name: str) -> str:
    """The key of the orders of an instrument or a strategy; of all without a name."""
    return f"order {name}"


@lru_cache(maxsize=256)
def cancels_of(name: str) -> str:
    """The key of the cancels of an instrument; of all without a name."""
    return f"cancel {name}"


@lru_cache(maxsize=256)
def fills_of(name: str) -> str:
    """The key of the trades of an instrument."""
    return f"fill {name}"


class Window:
    """Counts over the last `steps` steps and the one under way. A clock that is set back begins no step."""

    __slots__ = ("_step_ns", "_steps", "_totals", "buckets")

    def __init__(self, step_ns: int, steps: int) -> None:
        self.buckets: deque[tuple[int, dict[str, int]]] = deque()
        self._step_ns = step_ns
        self._steps = steps
        self._totals: dict[str, int] = {}

    def add(self, keys: Iterable[str], at: Wall) -> None:
        """One more of each key."""
        step, buckets, totals = at // self._step_ns, self.buckets, self._totals
        if not buckets or step > buckets[-1][0]:
            self._forget(step - self._steps)
            buckets.append((step, {}))
        counted = buckets[-1][1]
        for key in keys:
            counted[key] = counted.get(key, 0) + 1
            totals[key] = totals.get(key, 0) + 1

    def count(self, key: str, now: Wall) -> int:
        """How many there were until now."""
        total = self._totals.get(key, 0)
        if not total:
            return 0
        oldest = now // self._step_ns - self._steps
        for step, counted in self.buckets:
            if step >= oldest:
                break
            total -= counted.get(key, 0)
        return total

    def load(self, buckets: Iterable[tuple[int, dict[str, int]]]) -> None:
        """Begin where `buckets` of another window are."""
        self.buckets.extend((step, dict(counted)) for step, counted in buckets)
        for _, counted in self.buckets:
            for key, n in counted.items():
                self._totals[key] = self._totals.get(key, 0) + n

    def _forget(self, before: int) -> None:
        buckets, totals = self.buckets, self._totals
        while buckets and buckets[0][0] < before:
            for key, n in buckets.popleft()[1].items():
                left = totals[key] - n
                if left:
                    totals[key] = left
                else:
                    del totals[key]


class Traffic:
    """What went to and fro; mutable, one writer, the desk's fold. Strategies and instruments share the keys:
    no two of them have one name."""

    def __init__(self) -> None:
        self.second = Window(_STEP_NS, _STEPS)
        self.minute = Window(SECOND_NS, 60)

    def ordered(self, strategy: StrategyId, instrument: InstrumentId, at: Wall) -> None:
        """An order was decided."""
        second, minute = _order_keys(strategy, instrument)
        self.second.add(second, at)
        self.minute.add(minute, at)

    def cancelled(self, instrument: InstrumentId, at: Wall) -> None:
        """A cancel was asked for."""
        keys = _cancel_keys(instrument)
        self.second.add(keys, at)
        self.minute.add(keys, at)

    def filled(self, instrument: InstrumentId, at: Wall) -> None:
        """A trade was told."""
        self.minute.add(_fill_keys(instrument), at)


@lru_cache(maxsize=1024)
def _order_keys(
    strategy: StrategyId, instrument: InstrumentId
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (orders_of(""), orders_of(strategy)), (orders_of(""), orders_of(instrument))


@lru_cache(maxsize=256)
def _cancel_keys(instrument: InstrumentId) -> tuple[str, ...]:
    return cancels_of(""), cancels_of(instrument)


@lru_cache(maxsize=256)
def _fill_keys(instrument: InstrumentId) -> tuple[str, ...]:
    return (fills_of(instrument),)
