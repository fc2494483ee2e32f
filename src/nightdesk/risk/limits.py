"""What a desk may do at most, and what the gate looks at when it judges one order."""

from decimal import Decimal
from functools import lru_cache

import msgspec

from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one instrument and of the desk. Quantities in base, notionals in quote.

    `gross_max` is over all instruments together; `orders_per_second_max` and `open_orders_max` are the desk's.
    """

    order_qty_max: Decimal
    order_notional_max: Decimal
    position_max: Decimal
    gross_max: Decimal
    open_orders_max: int
    orders_per_second_max: int
    collar_bps: Decimal
    stale_after_ns: int
    duplicate_window_ns: int


@lru_cache(maxsize=256)
def cautious(limits: Limits) -> Limits:
    """The limits in CAUTIOUS: half the size, half the rate, half as many orders."""
    return msgspec.structs.replace(
        limits,
        order_qty_max=money.half_way(ZERO, limits.order_qty_max),
        order_notional_max=money.half_way(ZERO, limits.order_notional_max),
        position_max=money.half_way(ZERO, limits.position_max),
        gross_max=money.half_way(ZERO, limits.gross_max),
        open_orders_max=max(1, limits.open_orders_max // 2),
        orders_per_second_max=max(1, limits.orders_per_second_max // 2),
    )


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the world that one verdict is about; every number is the worst case.

    `position` is the whole desk's in this instrument, relative to the baseline. `buying` and `selling` are
    what open, pending, unknown and unsettled orders may still trade. `gross_elsewhere` is the other
    instruments' worst case in quote, None when one of them is exposed and has no price. `quote_age_ns` is
    None before the first quote.
    """

    instrument: Instrument
    position: Decimal
    buying: Decimal
    selling: Decimal
    gross_elsewhere: Decimal | None
    open_orders: int
    orders_last_second: int
    same_order_age_ns: int | None
    bid: Decimal
    ask: Decimal
    quote_age_ns: int | None
    available_base: Decimal
    available_quote: Decimal
    may_add_risk: bool
    may_reduce: bool
    mode: str
