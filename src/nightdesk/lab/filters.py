"""Filters: the rules of a symbol that an order must keep before the engine sees it.

Owns the checks and how exchange information shows them, side by side, so that they cannot
disagree. Refuses to know accounts beyond how many orders they have open.
"""

from collections.abc import Sequence
from decimal import Decimal

from nightdesk.lab.accounts import NewOrder
from nightdesk.lab.orders import Order, Side, text8
from nightdesk.lab.refusals import filter_failure
from nightdesk.lab.settings import SymbolSettings

AVERAGE_MINUTES = 5


def shown(rules: SymbolSettings) -> list[dict[str, object]]:
    """The filters as exchange information lists them."""
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": text8(rules.tick),
            "maxPrice": text8(rules.price_max),
            "tickSize": text8(rules.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": text8(rules.quantity_min),
            "maxQty": text8(rules.quantity_max),
            "stepSize": text8(rules.step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text8(Decimal(0)),
            "maxQty": text8(rules.market_quantity_max),
            "stepSize": text8(Decimal(0)),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": str(rules.bid_up),
            "bidMultiplierDown": str(rules.bid_down),
            "askMultiplierUp": str(rules.ask_up),
            "askMultiplierDown": str(rules.ask_down),
            "avgPriceMins": AVERAGE_MINUTES,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text8(rules.notional_min),
            "applyMinToMarket": True,
            "maxNotional": text8(rules.notional_max),
            "applyMaxToMarket": False,
            "avgPriceMins": AVERAGE_MINUTES,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.open_orders_max},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.algo_orders_max},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": rules.trailing_min,
            "maxTrailingAboveDelta": rules.trailing_max,
            "minTrailingBelowDelta": rules.trailing_min,
            "maxTrailingBelowDelta": rules.trailing_max,
        },
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": rules.order_lists_max},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": rules.amends_max},
    ]


def check(
    rules: SymbolSettings,
    new: NewOrder,
    average_price: Decimal | None,
    open_orders: Sequence[Order | NewOrder],
) -> None:
    """Refuse an order that breaks a filter. `average_price` None skips what compares with it;
    `open_orders` are the account's on this symbol."""
    if not new.type.at_market:
        _check_price(rules, new, average_price)
    if new.stop_price:
        _check_tick(rules, new.stop_price)
    if new.trailing_delta is not None and not (
        rules.trailing_min <= new.trailing_delta <= rules.trailing_max
    ):
        raise filter_failure("TRAILING_DELTA")
    if new.quantity is not None:
        _check_lot(rules, new.quantity, at_market=new.type.at_market)
    _check_notional(rules, new, average_price)
    if len(open_orders) >= rules.open_orders_max:
        raise filter_failure("MAX_NUM_ORDERS")
    if new.type.conditional:
        waiting = sum(order.type.conditional for order in open_orders)
        if waiting >= rules.algo_orders_max:
            raise filter_failure("MAX_NUM_ALGO_ORDERS")


def check_size(rules: SymbolSettings, order: Order) -> None:
    """Refuse an order that would be amended to a size no order may have."""
    _check_lot(rules, order.quantity, at_market=order.type.at_market)
    if order.price and order.price * order.quantity < rules.notional_min:
        raise filter_failure("NOTIONAL")


def _check_tick(rules: SymbolSettings, price: Decimal) -> None:
    if not rules.tick <= price <= rules.price_max or price % rules.tick:
        raise filter_failure("PRICE_FILTER")


def _check_price(rules: SymbolSettings, new: NewOrder, average_price: Decimal | None) -> None:
    _check_tick(rules, new.price)
    if average_price is None:
        return
    up, down = (
        (rules.bid_up, rules.bid_down) if new.side is Side.BUY else (rules.ask_up, rules.ask_down)
    )
    if not average_price * down <= new.price <= average_price * up:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _check_lot(rules: SymbolSettings, quantity: Decimal, *, at_market: bool) -> None:
    if not rules.quantity_min <= quantity <= rules.quantity_max or quantity % rules.step:
        raise filter_failure("LOT_SIZE")
    if at_market and quantity > rules.market_quantity_max:
        raise filter_failure("MARKET_LOT_SIZE")


def _check_notional(rules: SymbolSettings, new: NewOrder, average_price: Decimal | None) -> None:
    at_market = new.type.at_market
    if new.quote_quantity is not None:
        notional = new.quote_quantity
    else:
        price = (new.stop_price or average_price) if at_market else new.price
        if price is None or new.quantity is None:
            return
        notional = price * new.quantity
    if notional < rules.notional_min:
        raise filter_failure("NOTIONAL")
    if notional > rules.notional_max and not at_market:
        raise filter_failure("NOTIONAL")
