"""Trying again: never soon by agreement, never past the deadline, never beyond the budget."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.resilience.retry import SAVED_MAX, Retry, RetryRules

NOW, LATER = Mono(5 * SECOND_NS), Mono(60 * SECOND_NS)


def rich(draw: float = 1.0, **rules: int) -> Retry:
    """One that may retry."""
    retry = Retry(RetryRules(**rules), lambda: draw)
    for _ in range(1_000):
        retry.called()
    return retry


@pytest.mark.parametrize(
    ("tries", "most_ms"), [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (60, 1_000)]
)
def test_the_wait_doubles_up_to_its_most(tries: int, most_ms: int) -> None:
    assert rich(1.0, tries_max=99).wait_ns(tries, NOW, LATER) == most_ms * MS_NS
    assert rich(0.0, tries_max=99).wait_ns(tries, NOW, LATER) == 0


def test_the_wait_is_spread_over_the_whole_of_it() -> None:
    draw = random.Random(1).random
    retry = Retry(RetryRules(budget_percent=100), draw)
    waits = []
    for _ in range(1_000):
        retry.called()
        waits.append(retry.wait_ns(1, NOW, LATER))
    told = [wait for wait in waits if wait is not None]
    assert min(told) < 5 * MS_NS
    assert max(told) > 95 * MS_NS
    assert 45 * MS_NS < sum(told) / len(told) < 55 * MS_NS


def test_what_was_tried_often_enough_is_not_tried_again() -> None:
    assert rich().wait_ns(2, NOW, LATER) is not None
    assert rich().wait_ns(3, NOW, LATER) is None


def test_nothing_is_tried_past_its_deadline_nor_paid_for() -> None:
    retry = rich(1.0)
    assert retry.wait_ns(1, NOW, Mono(NOW + 100 * MS_NS)) is None
    assert retry.left == SAVED_MAX
    assert retry.wait_ns(1, NOW, Mono(NOW + 100 * MS_NS + 1)) is not None
    assert retry.left == SAVED_MAX - 1


@given(percent=st.integers(0, 100), steps=st.lists(st.booleans(), max_size=400))
def test_retries_are_never_more_than_their_share_of_the_calls(
    percent: int, steps: list[bool]
) -> None:
    retry = Retry(RetryRules(budget_percent=percent, tries_max=99), lambda: 0.5)
    calls = retries = 0
    window: list[tuple[int, int]] = []
    for is_call in steps:
        if is_call:
            retry.called()
            calls += 1
        elif retry.wait_ns(1, NOW, LATER) is not None:
            retries += 1
        assert retries * 100 <= calls * percent
        window.append((calls, retries))
    for then_calls, then_retries in window:  # nor, but for what was saved, in any part of the time
        since = (retries - then_retries - SAVED_MAX) * 100
        assert since <= (calls - then_calls) * percent


@pytest.mark.parametrize(
    "rules", [{"tries_max": 0}, {"budget_percent": 101}, {"budget_percent": -1}]
)
def test_rules_that_mean_nothing_are_refused(rules: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RetryRules(**rules)
