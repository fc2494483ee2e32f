"""What a venue tells of its limits narrows those of its documents, and widens none."""

import pytest

from nightdesk.venues.binance_costs import SPOT_LIMITS
from nightdesk.venues.binance_rates import narrowed
from nightdesk.venues.protocol import RateLimit
from venues.spot import CODEC, HTML, answer

WEIGHT, SPREAD, PER_10S, PER_DAY = range(4)


def told(unit: str, most: int, length_s: int) -> RateLimit:
    return RateLimit(unit=unit, most=most, length_s=length_s)


@pytest.mark.parametrize(
    ("unit", "most", "length_s", "which"),
    [
        ("request_weight", 1_200, 60, WEIGHT),
        ("orders", 50, 10, PER_10S),
        ("orders", 50, 86_400, PER_DAY),
    ],
)
def test_a_limit_that_is_less_than_the_documents_say_is_kept_to(
    unit: str, most: int, length_s: int, which: int
) -> None:
    left = narrowed(SPOT_LIMITS, [told(unit, most, length_s)])
    assert left[which].most == most
    others = [n for n in range(4) if n not in (which, SPREAD)]
    assert all(left[n] == SPOT_LIMITS[n] for n in others)


@pytest.mark.parametrize(
    ("unit", "most", "length_s"),
    [
        ("request_weight", 6_000, 60),
        ("request_weight", 12_000, 60),
        ("request_weight", 0, 60),
        ("orders", 50, 60),  # a window that nothing here counts
        ("raw_requests", 1, 300),
    ],
)
def test_what_is_more_or_not_ours_or_nothing_changes_nothing(
    unit: str, most: int, length_s: int
) -> None:
    assert narrowed(SPOT_LIMITS, [told(unit, most, length_s)]) == SPOT_LIMITS


@pytest.mark.parametrize(("most", "spread"), [(3_000, 600), (300, 60), (60, 50)])
def test_reads_are_spread_over_what_is_left(most: int, spread: int) -> None:
    assert narrowed(SPOT_LIMITS, [told("request_weight", most, 60)])[SPREAD].most == spread


def test_the_rules_bring_the_limits_with_them_and_an_answer_without_leaves_them() -> None:
    listed = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 7}
    assert CODEC.limited(answer({"rateLimits": [listed], "symbols": []}))[PER_10S].most == 7
    unknown = {"rateLimitType": "ORDERS", "interval": "WEEK", "intervalNum": 1, "limit": 7}
    both = CODEC.limited(answer({"rateLimits": [unknown, listed], "symbols": []}))
    assert [limit.most for limit in both] == [6_000, 1_200, 7, 200_000]
    for body in (HTML, {"symbols": []}):
        assert CODEC.limited(answer(body)) == SPOT_LIMITS
