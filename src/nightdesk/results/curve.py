"""Profit over time, in as many points as a chart can show; extremes are measured before any is dropped."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.money import ZERO

POINTS_MAX = 5_000


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stood, in quote. `profit` is realised and unrealised, less fees; `held` is the value of all
    positions without their signs."""

    at_ns: int
    profit: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    held: Decimal


class Curve:
    """Points at equal steps of time. When there are too many, every second one goes and the step doubles."""

    def __init__(self, step_ns: int) -> None:
        self.points: list[Point] = []
        self.step_ns = step_ns
        self.drawdown = (
            ZERO  # the largest fall from a highest profit, over every point that was told
        )
        self._peak = ZERO
        self._next_ns = 0

    def add(self, point: Point) -> None:
        """Where it stands now; times never go back."""
        self._peak = max(self._peak, point.profit)
        self.drawdown = max(self.drawdown, money.subtract(self._peak, point.profit))
        if point.at_ns < self._next_ns:
            return
        self._next_ns = point.at_ns + self.step_ns
        self.points.append(point)
        if len(self.points) > POINTS_MAX:
            self.points = self.points[::2]
            self.step_ns *= 2
