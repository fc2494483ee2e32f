"""What a desk may do at most, and what the gate looks at when it judges one order."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.risk.caps import Whole


class StrategyLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of one strategy's own positions and orders; None is no limit. `position_max` is per instrument and
    `asset_max` per base asset, in base; gross and net over its instruments, in quote; the others are shares and
    ratios as a desk's."""

    position_max: Decimal | None = None
    gross_max: Decimal | None = None
    open_orders_max: int | None = None
    orders_per_second_max: int | None = None
    net_max: Decimal | None = None
    asset_max: Decimal | None = None
    concentration_max: Decimal | None = None
    margin_use_max: Decimal | None = None
    leverage_max: Decimal | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of one instrument and of the desk. Quantities in base, notionals in quote; None is no limit.

    Of the desk: gross, net, concentration, margin use and leverage of contracts, `open_orders_max`, orders a
    second and a minute, messages.
    `asset_max` is over all instruments of the same base asset. `own` are those of the strategy that asks.
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
    notional_max: Decimal | None = None
    instrument_open_orders_max: int | None = None
    cancels_per_second_max: int | None = None
    cancels_per_minute_max: int | None = None
    orders_per_fill_max: Decimal | None = None
    net_max: Decimal | None = None
    asset_max: Decimal | None = None
    concentration_max: Decimal | None = None
    concentration_floor: Decimal = ZERO
    margin_use_max: Decimal | None = None
    leverage_max: Decimal | None = None
    orders_per_minute_max: int | None = None
    messages_per_second_max: int | None = None
    messages_per_minute_max: int | None = None
    own: StrategyLimits = StrategyLimits()


_SIZES = (
    "order_qty_max",
    "order_notional_max",
    "position_max",
    "gross_max",
    "notional_max",
    "net_max",
    "asset_max",
)
_COUNTS = (
    "open_orders_max",
    "orders_per_second_max",
    "instrument_open_orders_max",
    "cancels_per_second_max",
    "cancels_per_minute_max",
    "orders_per_minute_max",
    "messages_per_second_max",
    "messages_per_minute_max",
)
_OWN_SIZES, _OWN_COUNTS = (
    ("position_max", "gross_max", "net_max", "asset_max"),
    ("open_orders_max", "orders_per_second_max"),
)


def cautious(limits: Limits) -> Limits:
    """The limits in CAUTIOUS: half the size, half the rate, half as many orders; ratios stay."""
    own = msgspec.structs.replace(limits.own, **_halved(limits.own, _OWN_SIZES, _OWN_COUNTS))
    return msgspec.structs.replace(limits, own=own, **_halved(limits, _SIZES, _COUNTS))


def _halved(
    limits: Limits | StrategyLimits, sizes: tuple[str, ...], counts: tuple[str, ...]
) -> dict[str, Decimal | int]:
    given = {name: getattr(limits, name) for name in (*sizes, *counts)}
    half: dict[str, Decimal | int] = {
        name: money.half_way(ZERO, given[name]) for name in sizes if given[name] is not None
    }
    return half | {name: max(1, given[name] // 2) for name in counts if given[name] is not None}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the world that one verdict is about; every number is the worst case.

    `position` is the whole desk's in this instrument, relative to the baseline. `buying` and `selling` are
    what open, pending, unknown and unsettled orders may still trade. `gross_elsewhere` is the other
    instruments' worst case in quote, None when one of them is exposed and has no price. `quote_age_ns` is
    None before the first quote. `whole` is what the caps in force look at, None where none is. `leverage` is 0
    where an order takes balances and not margin, whose free part is otherwise `available_quote`.
    """

    instrument: Instrument
    position: Decimal
    buying: Decimal
    selling: Decimal
    closing: tuple[Decimal, Decimal] = (ZERO, ZERO)
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
    whole: Whole | None = None
    leverage: int = 0
