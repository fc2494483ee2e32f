"""Losing exits in a row: by order, after fees, from any cut into trades."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.ids import ClientOrderId
from nightdesk.portfolio.exits import Exits

trades = st.lists(st.integers(-5, 5).map(Decimal), min_size=1, max_size=4)


@given(st.lists(trades, max_size=8))
def test_orders_that_lost_are_counted_since_the_last_that_did_not(
    orders: list[list[Decimal]],
) -> None:
    exits = Exits()
    for number, brought in enumerate(orders):
        for earned in brought:
            exits.closed(ClientOrderId(str(number)), earned)
    expected = 0
    for brought in orders:
        expected = expected + 1 if sum(brought) < 0 else 0
    assert exits.in_a_row == expected


def test_nothing_closed_is_nothing_lost() -> None:
    assert Exits().in_a_row == 0
