"""Filters: the rules of a contract that an order must keep before the engine sees it.

Owns the checks and how exchange information shows them, side by side, so that they cannot disagree.
Codes and texts: the venue's error codes, 2026-08.
"""

from decimal import Decimal

from nightdesk.lab.refusals import Refused
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.usdm.views import price as shown_price

_PRECISION = (-1111, "Precision is over the maximum defined for this asset.")


def shown(rules: PerpSettings) -> list[dict[str, object]]:
    """The filters as exchange information lists them."""
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": f"{rules.price_min:f}",
            "maxPrice": f"{rules.price_max:f}",
            "tickSize": f"{rules.tick:f}",
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": f"{rules.quantity_min:f}",
            "maxQty": f"{rules.quantity_max:f}",
            "stepSize": f"{rules.step:f}",
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": f"{rules.quantity_min:f}",
            "maxQty": f"{rules.market_quantity_max:f}",
            "stepSize": f"{rules.step:f}",
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": rules.open_orders_max},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": rules.algo_orders_max},
        {"filterType": "MIN_NOTIONAL", "notional": f"{rules.notional_min:f}"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{rules.price_up:.4f}",
            "multiplierDown": f"{rules.price_down:.4f}",
            "multiplierDecimal": "4",
        },
    ]


def check_price(rules: PerpSettings, price: Decimal) -> None:
    """Refuse a price that is not on the contract's grid."""
    if price < rules.price_min:
        raise Refused(-4013, "Price less than min price.")
    if price > rules.price_max:
        raise Refused(-4002, "Price greater than max price.")
    if price % rules.tick:
        raise Refused(-4014, "Price not increased by tick size.")


def check_near(rules: PerpSettings, price: Decimal, mark: Decimal | None, *, buys: bool) -> None:
    """Refuse a limit that is too far on the wrong side of the mark price."""
    if mark is None:
        return
    most, least = mark * rules.price_up, mark * rules.price_down
    if buys and price > most:
        raise Refused(-4016, f"Limit price can't be higher than {shown_price(rules, most)}.")
    if not buys and price < least:
        raise Refused(-4024, f"Limit price can't be lower than {shown_price(rules, least)}.")


def check_quantity(rules: PerpSettings, quantity: Decimal, *, at_market: bool) -> None:
    """Refuse a quantity that is not on the contract's grid."""
    if quantity % rules.step:
        raise Refused(*_PRECISION)
    if quantity < rules.quantity_min:
        raise Refused(-4004, "Quantity less than min quantity.")
    if quantity > (rules.market_quantity_max if at_market else rules.quantity_max):
        raise Refused(-4005, "Quantity greater than max quantity.")


def check_notional(rules: PerpSettings, notional: Decimal) -> None:
    """Refuse an order that is too small."""
    if notional < rules.notional_min:
        raise Refused(
            -4164,
            f"Order's notional must be no smaller than {rules.notional_min:f} "
            "(unless you choose reduce only).",
        )
