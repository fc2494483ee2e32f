"""A line over time: readable axes whatever the span and the size, and nothing outside of the picture."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.cli.time_chart import HEIGHT, WIDTH, time_chart
from nightdesk.model.time import SECOND_NS

BEGINS = 1_760_129_400 * SECOND_NS
VALUES = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("span_s", "ticks"),
    [
        (40, ["20:50:05", "20:50:35"]),
        (3_600, ["21:00", "21:40"]),
        (2 * 86_400, ["2025-10-11", "12:00"]),
        (400 * 86_400, ["2025-11-08", "2026-02-16"]),
    ],
)
def test_moments_are_told_as_far_as_the_span_needs_it(span_s: int, ticks: list[str]) -> None:
    drawn = time_chart([(BEGINS, 1.0), (BEGINS + span_s * SECOND_NS, 2.0)], name="equity")
    for tick in ticks:
        assert f">{tick}</text>" in drawn


@given(st.lists(VALUES, min_size=1, max_size=50), st.integers(1, 10**9))
def test_every_point_is_within_the_picture_and_there_are_values_to_read(
    values: list[float], step_s: int
) -> None:
    points = [(BEGINS + n * step_s * SECOND_NS, value) for n, value in enumerate(values)]
    drawn = time_chart(points, name="equity", from_zero=True)
    (line,) = re.findall(r"<polyline points='([^']*)'", drawn)
    for pair in line.split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert 1 <= len(re.findall("class=value", drawn)) <= 12


def test_marks_carry_what_happened_and_nothing_is_drawn_of_nothing() -> None:
    points = [(BEGINS, 1.0), (BEGINS + SECOND_NS, 1.0)]
    drawn = time_chart(points, name="equity", marks=[(BEGINS, "liquidation <x>"), (0, "before")])
    assert "liquidation &lt;x&gt;" in drawn
    assert "before" not in drawn
    assert time_chart([], name="equity") == ""
