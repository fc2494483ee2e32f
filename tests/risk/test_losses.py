"""What was lost by each measure, and which limit is reached first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import D
from nightdesk.risk.losses import Losses, LossLimits, Marks, breach, losses

ALL = LossLimits(day_max=D(10), drawdown_max=D(20), losing_exits_max=3)


@pytest.mark.parametrize(
    ("day", "drawdown", "exits", "says"),
    [
        ("9.99", "19.99", 2, ""),
        ("10", "0", 0, "lost 10 since 00:00 UTC, the limit is 10"),
        ("0", "20", 0, "lost 20 since the highest profit, the limit is 20"),
        ("0", "0", 3, "3 closing orders in a row lost, the limit is 3"),
        ("11", "21", 4, "lost 11 since 00:00 UTC, the limit is 10"),
    ],
)
def test_a_limit_is_reached_exactly_at_its_number(
    day: str, drawdown: str, exits: int, says: str
) -> None:
    lost = Losses(day=D(day), drawdown=D(drawdown), losing_exits=exits)
    assert breach(ALL, lost) == says
    assert breach(LossLimits(), lost) == ""


@given(st.integers(-100, 100), st.integers(-100, 100), st.integers(0, 100))
def test_losses_are_measured_down_from_their_marks_and_are_never_negative(
    profit: int, began: int, above: int
) -> None:
    marks = Marks(day=1, day_profit=D(began), peak=D(began + above))
    lost = losses(marks, D(profit), 4)
    assert lost.day == max(0, began - profit)
    assert lost.drawdown == max(0, began + above - profit)
    assert lost.losing_exits == 4


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (LossLimits(), False),
        (LossLimits(day_max=D(1)), True),
        (LossLimits(drawdown_max=D(1)), True),
        (LossLimits(losing_exits_max=1), True),
    ],
)
def test_whether_there_is_a_limit(limits: LossLimits, expected: bool) -> None:
    assert limits.any is expected
