"""Limits in CAUTIOUS: never wider, and still room for one order."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from builders import D
from nightdesk.risk.limits import Limits, StrategyLimits, cautious

SIZES = ("order_qty_max", "order_notional_max", "position_max", "gross_max")
COUNTS = ("open_orders_max", "orders_per_second_max")
OPTIONAL_SIZES = ("notional_max", "net_max", "asset_max")
OPTIONAL_COUNTS = (
    "instrument_open_orders_max",
    "cancels_per_second_max",
    "cancels_per_minute_max",
    "orders_per_minute_max",
    "messages_per_second_max",
    "messages_per_minute_max",
)


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
    assert cautious(limits).notional_max is None, "what is off stays off"
    optional = dict.fromkeys(OPTIONAL_SIZES, size) | dict.fromkeys(OPTIONAL_COUNTS, count)
    ratios = dict.fromkeys(("concentration_max", "margin_use_max", "leverage_max"), D("0.5"))
    sizes = dict.fromkeys(("position_max", "gross_max", "net_max", "asset_max"), size)
    counts = dict.fromkeys(("open_orders_max", "orders_per_second_max"), count)
    own = StrategyLimits(**sizes, **counts, **ratios)
    limits = msgspec.structs.replace(limits, **optional, own=own, **ratios)
    tighter = cautious(limits)
    assert all(getattr(tighter, name) * 2 == size for name in OPTIONAL_SIZES)
    assert all(getattr(tighter, name) == max(1, count // 2) for name in OPTIONAL_COUNTS)
    assert all(getattr(tighter.own, name) * 2 == size for name in sizes)
    assert all(getattr(tighter.own, name) == max(1, count // 2) for name in counts)
    for of in (tighter, tighter.own):
        assert all(getattr(of, name) == half for name, half in ratios.items())
    assert all(getattr(tighter, name) * 2 == size for name in SIZES)
    assert all(getattr(tighter, name) == max(1, count // 2) for name in COUNTS)
    assert (tighter.collar_bps, tighter.stale_after_ns) == (D(50), 1)
