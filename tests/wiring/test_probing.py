"""What is made of what a venue says of itself; `tests/cli/test_venue_check.py` looks at a real one."""

import pytest

from nightdesk.venues.binance_costs import SPOT_LIMITS
from nightdesk.venues.protocol import RateLimit
from nightdesk.wiring.probing import allows_less


@pytest.mark.parametrize(
    ("unit", "most", "length_s", "less"),
    [
        ("request_weight", 6_000, 60, False),
        ("request_weight", 12_000, 60, False),
        ("request_weight", 1_200, 60, True),
        ("orders", 50, 10, True),
        ("orders", 50, 86_400, True),
        ("orders", 50, 60, False),  # a window that nothing here counts
        ("raw_requests", 1, 300, False),
    ],
)
def test_a_limit_that_is_less_than_the_codec_says_is_seen(
    unit: str, most: int, length_s: int, less: bool
) -> None:
    told = RateLimit(unit=unit, most=most, length_s=length_s)
    assert allows_less(told, SPOT_LIMITS) is less
