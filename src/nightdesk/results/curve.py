"""Profit over time, in as many points as a chart can show; extremes are measured before any is dropped."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.money import ZERO

POINTS_MAX = 5_000


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stood, in quote. `realised` is of trades alone, before fees and funding; `insurance` is
    what a venue's insurance fund gave (below zero: took) at liquidations. `profit` is all of them, less
    fees, and `equity` that on top of what the run began with. `held` is the value of all positions without
    their signs."""

    at_ns: int
    equity: Decimal
    profit: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    insurance: Decimal
    held: Decimal


class Curve:
    """Points at equal steps of time, and always the last that was told. When there are too many, every second
    one goes and the step doubles."""

    def __init__(self, step_ns: int) -> None:
        self._kept: list[Point] = []
        self._last: Point | None = None
        self.step_ns = step_ns
        self.drawdown = (
            ZERO  # the largest fall from a highest profit, over every point that was told
        )
        self._peak = ZERO
        self._next_ns = 0

    @property
    def points(self) -> list[Point]:
        """In order of time."""
        if self._last is None or self._last is self._kept[-1]:
            return self._kept
        return [*self._kept, self._last]

    def add(self, point: Point) -> None:
        """Where it stands now; times never go back."""
        self._peak = max(self._peak, point.profit)
        self.drawdown = max(self.drawdown, money.subtract(self._peak, point.profit))
        self._last = point
        if point.at_ns < self._next_ns:
            return
        self._next_ns = point.at_ns + self.step_ns
        self._kept.append(point)
        if len(self._kept) > POINTS_MAX:
            self._kept = self._kept[::2]
            self.step_ns *= 2
