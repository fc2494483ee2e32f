"""Every limit that may be set keeps any history of orders, fills and unknown outcomes inside it."""

import pytest
from hypothesis import HealthCheck, given, settings

from desk.stories import MEASURED, RULES, STEPS, Story


def test_every_cap_is_measured_here() -> None:
    assert set(MEASURED) == set(RULES)


@pytest.mark.parametrize("rule", MEASURED)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_history_passes_the_limit(rule: str, steps: list[tuple[str, int]]) -> None:
    story = Story(rule)
    for what, n in steps:
        story.step(what, n)


@pytest.mark.parametrize("rule", MEASURED)
def test_the_limit_is_reached_and_says_so(rule: str) -> None:
    story = Story(rule)
    for n in (0, 12, 24, 0, 12, 0, 0, 24, 36):
        story.step("place", n)
        story.step("ack", 0)
        if rule.startswith("cancels"):
            for k in range(3):
                story.step("cancel", k)
    assert story.refused, story.allowed
    assert story.allowed
    assert set(story.bench.desk.views.refusals) == {rule}
