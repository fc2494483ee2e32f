"""What a quote says of itself."""

import pytest

from builders import D, a_quote


@pytest.mark.parametrize(
    ("bid", "ask", "crossed"),
    [
        ("100", "100.01", False),
        ("100", "100", True),
        ("100.01", "100", True),
        ("0", "1", True),
        ("-1", "1", True),
    ],
)
def test_a_quote_is_crossed_when_it_cannot_be_one(bid, ask, crossed):
    assert a_quote(bid, ask).crossed is crossed


def test_mid_is_half_way():
    assert a_quote("100", "101").mid == D("100.5")
