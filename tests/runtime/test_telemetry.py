"""Histograms told within their bucket's width."""

import math

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.runtime.telemetry import RING_MAX, SUB_BITS, Histogram, Telemetry

VALUES = st.lists(st.integers(0, 10**13), min_size=1, max_size=300)


@given(VALUES, st.sampled_from([0.01, 0.5, 0.9, 0.99, 0.999, 1.0]))
def test_a_quantile_is_never_below_the_true_one_and_within_a_sixteenth_above(
    values: list[int], share: float
) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    true = sorted(values)[max(math.ceil(share * len(values)), 1) - 1]
    told = histogram.quantile(share)
    assert true <= told <= true + (true >> SUB_BITS) + 1
    assert told <= max(values)


@given(VALUES)
def test_count_total_and_largest_are_exact_and_quantiles_rise(values: list[int]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    told = histogram.told()
    assert (told["count"], histogram.total, told["max_ns"]) == (
        len(values),
        sum(values),
        max(values),
    )
    assert told["p50_ns"] <= told["p90_ns"] <= told["p99_ns"] <= told["max_ns"]
    assert len(histogram.buckets) <= len(values)


def test_nothing_recorded_is_zero_and_a_clock_that_ran_backwards_counts_as_zero() -> None:
    histogram = Histogram()
    assert histogram.quantile(0.5) == 0
    histogram.record(-5)
    assert histogram.told() == {"p50_ns": 0, "p90_ns": 0, "p99_ns": 0, "max_ns": 0, "count": 1}


def test_the_ring_is_bounded() -> None:
    telemetry = Telemetry()
    for n in range(RING_MAX + 50):
        telemetry.ring.append((n, "info", "x", {}))
    assert len(telemetry.ring) == RING_MAX
    telemetry.count("a")
    telemetry.count("a", 4)
    assert telemetry.counters == {"a": 5}
