"""A contract's rules as a venue lists them, made the lab's own.

Owns reading filters. Refuses to invent: a contract without tick or lot size is refused, and so is one that
ends; other rules that are not listed keep the lab's defaults, and so do leverage brackets, which a venue tells
only to its accounts.

Source: USD-M futures, "Exchange Information", read 2026-11-22.
"""

from decimal import Decimal

import msgspec

from nightdesk.lab.usdm.settings import PerpSettings

_ENDLESS = ("PERPETUAL", "TRADIFI_PERPETUAL")


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    step_size: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    notional: Decimal | None = None
    limit: int | None = None
    multiplier_up: Decimal | None = None
    multiplier_down: Decimal | None = None


class ListedPerp(msgspec.Struct, rename="camel"):
    """One contract of the exchange information."""

    symbol: str
    contract_type: str
    base_asset: str
    margin_asset: str
    filters: list[_Filter]
    liquidation_fee: Decimal | None = None


# Which field of which filter is which rule.
_RULES = (
    ("PRICE_FILTER", "tick_size", "tick"),
    ("PRICE_FILTER", "min_price", "price_min"),
    ("PRICE_FILTER", "max_price", "price_max"),
    ("LOT_SIZE", "step_size", "step"),
    ("LOT_SIZE", "min_qty", "quantity_min"),
    ("LOT_SIZE", "max_qty", "quantity_max"),
    ("MARKET_LOT_SIZE", "max_qty", "market_quantity_max"),
    ("MIN_NOTIONAL", "notional", "notional_min"),
    ("MAX_NUM_ORDERS", "limit", "open_orders_max"),
    ("MAX_NUM_ALGO_ORDERS", "limit", "algo_orders_max"),
    ("PERCENT_PRICE", "multiplier_up", "price_up"),
    ("PERCENT_PRICE", "multiplier_down", "price_down"),
)


def perp_of(listed: ListedPerp) -> PerpSettings:
    """The rules of a listed contract. Raises `ValueError` where it ends, or tick or lot size is missing."""
    if listed.contract_type not in _ENDLESS:
        raise ValueError(f"a contract of kind {listed.contract_type!r}; the lab has perpetual ones")
    filters = {each.filter_type: each for each in listed.filters}
    rules: dict[str, Decimal | int] = {}
    for kind, name, rule in _RULES:
        value = getattr(filters.get(kind), name, None)
        if value:
            rules[rule] = value
    if missing := {"tick", "step"} - rules.keys():
        raise ValueError(f"the venue names no {' and no '.join(sorted(missing))} size")
    if listed.liquidation_fee is not None:
        rules["liquidation_fee"] = listed.liquidation_fee
    named = {"symbol": listed.symbol, "base": listed.base_asset, "quote": listed.margin_asset}
    return msgspec.convert(named | rules, PerpSettings)
