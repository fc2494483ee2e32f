"""Limits in CAUTIOUS: never wider, and still room for one order."""

from hypothesis import given
from hypothesis import strategies as st

from builders import D
from nightdesk.risk.limits import Limits, cautious

SIZES = ("order_qty_max", "order_notional_max", "position_max", "gross_max")
COUNTS = ("open_orders_max", "orders_per_second_max")


@given(st.decimals("0.00000001", "1000000", places=8), st.integers(1, 1000))
def test_a_cautious_desk_has_half_of_each_size_and_count_and_room_for_one(size, count):
    limits = Limits(
        order_qty_max=size,
        order_notional_max=size,
        position_max=size,
        gross_max=size,
        open_orders_max=count,
        orders_per_second_max=count,
        collar_bps=D(50),
        stale_after_ns=1,
        duplicate_window_ns=1,
    )
    tighter = cautious(limits)
    assert all(getattr(tighter, name) * 2 == size for name in SIZES)
    assert all(getattr(tighter, name) == max(1, count // 2) for name in COUNTS)
    assert (tighter.collar_bps, tighter.stale_after_ns) == (D(50), 1)
