"""Profit over time: few points, and no extreme lost with those that go."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.model.money import ZERO
from nightdesk.results import curve as module
from nightdesk.results.curve import Curve, Point


def a_point(at_ns: int, profit: Decimal) -> Point:
    nothing = dict.fromkeys(("unrealised", "fees", "funding", "insurance", "held"), ZERO)
    return Point(at_ns=at_ns, equity=profit, profit=profit, realised=profit, **nothing)


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=300))
@settings(max_examples=50)
def test_points_stay_few_and_in_order_and_the_largest_fall_is_kept(profits: list[int]) -> None:
    made = Curve(step_ns=1)
    most, module.POINTS_MAX = module.POINTS_MAX, 50
    try:
        for n, profit in enumerate(profits, 1):
            made.add(a_point(n, Decimal(profit)))
    finally:
        module.POINTS_MAX = most
    times = [point.at_ns for point in made.points]
    assert times == sorted(set(times))
    assert len(times) <= 52
    assert times[-1] == len(profits)
    assert times[0] == 1
    peak = worst = 0
    for profit in profits:
        peak = max(peak, profit)
        worst = max(worst, peak - profit)
    assert made.drawdown == worst


def test_points_between_two_steps_are_measured_and_not_kept() -> None:
    made = Curve(step_ns=10)
    for at_ns, profit in ((1, 0), (5, 7), (9, -3), (11, 0)):
        made.add(a_point(at_ns, Decimal(profit)))
    assert [point.at_ns for point in made.points] == [1, 11]
    assert made.drawdown == 10


def test_the_last_point_is_always_there_so_that_a_run_ends_where_it_ended() -> None:
    made = Curve(step_ns=10)
    assert made.points == []
    for at_ns, profit in ((1, 0), (5, 7), (11, 3), (12, -2)):
        made.add(a_point(at_ns, Decimal(profit)))
    assert [(point.at_ns, point.profit) for point in made.points] == [(1, 0), (11, 3), (12, -2)]
