"""What a desk, or one of its strategies, may lose before it stops adding risk."""

from decimal import Decimal

import msgspec

from nightdesk.model import money

DAY_NS = 86_400 * 1_000_000_000


class LossLimits(msgspec.Struct, frozen=True, kw_only=True):
    """In quote, after fees, what is held valued at the side of the market that would take it; None is no limit.

    `day_max` is since 00:00 UTC, `drawdown_max` since the highest profit, `losing_exits_max` counts closing
    orders in a row that lost. The desk and each strategy have their own.
    """

    day_max: Decimal | None = None
    drawdown_max: Decimal | None = None
    losing_exits_max: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return not (
            self.day_max is None and self.drawdown_max is None and not self.losing_exits_max
        )


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """Where losses are measured from: the UTC day, the profit at its beginning, and the highest profit."""

    day: int
    day_profit: Decimal
    peak: Decimal


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """What was lost by each measure; never negative."""

    day: Decimal
    drawdown: Decimal
    losing_exits: int


def losses(marks: Marks, profit: Decimal, losing_exits: int) -> Losses:
    """What a profit that was higher has become."""
    return Losses(
        day=max(money.ZERO, money.subtract(marks.day_profit, profit)),
        drawdown=max(money.ZERO, money.subtract(marks.peak, profit)),
        losing_exits=losing_exits,
    )


def breach(limits: LossLimits, lost: Losses) -> str:
    """Which limit is reached, in words; "" while none is."""
    day, drawdown, exits = limits.day_max, limits.drawdown_max, limits.losing_exits_max
    if day is not None and lost.day >= day:
        return f"lost {money.shown(lost.day)} since 00:00 UTC, the limit is {day}"
    if drawdown is not None and lost.drawdown >= drawdown:
        return (
            f"lost {money.shown(lost.drawdown)} since the highest profit, the limit is {drawdown}"
        )
    if exits and lost.losing_exits >= exits:
        return f"{lost.losing_exits} closing orders in a row lost, the limit is {exits}"
    return ""
