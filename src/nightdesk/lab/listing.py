"""A symbol's rules as a venue lists them, made the lab's own.

Owns reading filters. Refuses to invent: a symbol without tick or lot size is refused; other rules that are not
listed keep the lab's defaults.

Source: binance-spot-api-docs, filters.md and rest-api.md "Exchange information", read 2026-11-22.
"""

from decimal import Decimal

import msgspec

from nightdesk.lab.settings import SymbolSettings


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: Decimal | None = None
    max_price: Decimal | None = None
    step_size: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None
    max_num_orders: int | None = None
    bid_multiplier_up: Decimal | None = None
    bid_multiplier_down: Decimal | None = None
    ask_multiplier_up: Decimal | None = None
    ask_multiplier_down: Decimal | None = None


class Listed(msgspec.Struct, rename="camel"):
    """One symbol of the exchange information."""

    symbol: str
    base_asset: str
    quote_asset: str
    filters: list[_Filter]


# Which field of which filter is which rule. Zero stands for a rule that is switched off.
_RULES = (
    ("PRICE_FILTER", "tick_size", "tick"),
    ("PRICE_FILTER", "max_price", "price_max"),
    ("LOT_SIZE", "step_size", "step"),
    ("LOT_SIZE", "min_qty", "quantity_min"),
    ("LOT_SIZE", "max_qty", "quantity_max"),
    ("MARKET_LOT_SIZE", "max_qty", "market_quantity_max"),
    ("MIN_NOTIONAL", "min_notional", "notional_min"),
    ("NOTIONAL", "min_notional", "notional_min"),
    ("NOTIONAL", "max_notional", "notional_max"),
    ("MAX_NUM_ORDERS", "max_num_orders", "open_orders_max"),
    ("PERCENT_PRICE_BY_SIDE", "bid_multiplier_up", "bid_up"),
    ("PERCENT_PRICE_BY_SIDE", "bid_multiplier_down", "bid_down"),
    ("PERCENT_PRICE_BY_SIDE", "ask_multiplier_up", "ask_up"),
    ("PERCENT_PRICE_BY_SIDE", "ask_multiplier_down", "ask_down"),
)


def symbol_of(listed: Listed) -> SymbolSettings:
    """The rules of a listed symbol. Raises `ValueError` where tick or lot size is missing."""
    filters = {each.filter_type: each for each in listed.filters}
    rules: dict[str, Decimal | int] = {}
    for kind, name, rule in _RULES:
        value = getattr(filters.get(kind), name, None)
        if value:
            rules[rule] = value
    if missing := {"tick", "step"} - rules.keys():
        raise ValueError(f"the venue names no {' and no '.join(sorted(missing))} size")
    named = {"symbol": listed.symbol, "base": listed.base_asset, "quote": listed.quote_asset}
    return msgspec.convert(named | rules, SymbolSettings)
