from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.lab.orders import Side
from nightdesk.lab.usdm.positions import Position, filled

D = Decimal
FLAT = Position(symbol="BTCUSDT", leverage=20)
SIGN = {Side.BUY: 1, Side.SELL: -1}

fills = st.tuples(
    st.sampled_from(Side),
    st.integers(1, 10_000).map(lambda n: D(n) / 10),
    st.integers(1, 5_000).map(lambda n: D(n) / 1000),
)


@pytest.mark.parametrize(
    ("steps", "amount", "entry", "realised"),
    [
        ([(Side.BUY, "100", "1")], "1", "100", "0"),
        ([(Side.BUY, "100", "1"), (Side.BUY, "110", "1")], "2", "105", "0"),
        ([(Side.BUY, "100", "2"), (Side.SELL, "110", "1")], "1", "100", "10"),
        ([(Side.SELL, "100", "1"), (Side.BUY, "90", "1")], "0", "0", "10"),
        ([(Side.BUY, "100", "1"), (Side.SELL, "90", "3")], "-2", "90", "-10"),
        ([(Side.SELL, "100", "2"), (Side.BUY, "120", "1")], "-1", "100", "-20"),
    ],
)
def test_a_fill_opens_closes_or_turns_a_position(
    steps: list[tuple[Side, str, str]], amount: str, entry: str, realised: str
) -> None:
    position, total = FLAT, D(0)
    for side, price, quantity in steps:
        position, profit = filled(position, side, D(price), D(quantity))
        total += profit
    assert (position.amount, position.entry, total) == (D(amount), D(entry), D(realised))


@given(st.lists(fills, max_size=30))
def test_a_position_is_the_sum_of_its_fills(steps: list[tuple[Side, Decimal, Decimal]]) -> None:
    position = FLAT
    for side, price, quantity in steps:
        position, _ = filled(position, side, price, quantity)
    assert position.amount == sum(SIGN[side] * quantity for side, _, quantity in steps)


@given(st.lists(fills, max_size=30))
def test_cost_and_profit_add_up_to_the_money_that_changed_hands(
    steps: list[tuple[Side, Decimal, Decimal]],
) -> None:
    position, realised = FLAT, D(0)
    for side, price, quantity in steps:
        position, profit = filled(position, side, price, quantity)
        realised += profit
    spent = sum(SIGN[side] * price * quantity for side, price, quantity in steps)
    assert position.cost == spent + realised
    assert position.amount or not position.cost


@given(st.lists(fills, min_size=1, max_size=20))
def test_no_order_reduces_more_than_what_is_held(
    steps: list[tuple[Side, Decimal, Decimal]],
) -> None:
    position = FLAT
    for side, price, quantity in steps:
        position, _ = filled(position, side, price, quantity)
        assert sorted(position.reducible(s) for s in Side) == [0, abs(position.amount)]
