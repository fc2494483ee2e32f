"""Binance spot's kinds of order as parameters: limit orders, what waits for a price, and pairs of that.

Source: the venue's rest-api.md ("New order", "New Order list - OCO"), read 2026-11-22, of 2026-07-21.
"""

from nightdesk.model import money
from nightdesk.model.order import Intent, OrderType, Side

_PLAIN = {
    OrderType.LIMIT: "LIMIT&timeInForce=GTC",
    OrderType.IOC: "LIMIT&timeInForce=IOC",
    OrderType.FOK: "LIMIT&timeInForce=FOK",
    OrderType.POST_ONLY: "LIMIT_MAKER",
}
_CONDITIONAL = {
    OrderType.STOP: "STOP_LOSS",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TRAILING_STOP: "STOP_LOSS",
}


def terms(intent: Intent) -> str:
    """One order's type, quantity and price; one that waits trades at the market, so it has none."""
    plain, qty = _PLAIN.get(intent.type), money.plain(intent.qty)
    if plain is not None:
        return f"type={plain}&quantity={qty}&price={money.plain(intent.price)}"
    return f"type={_CONDITIONAL[intent.type]}&quantity={qty}{_waits(intent, 's', 't')}"


def pair_terms(intent: Intent, other: Intent) -> str:
    """Two of which only one may trade: the venue tells them apart by where they lie."""
    above, below = intent, other
    if (intent.type is OrderType.TAKE_PROFIT) is not (intent.side is Side.SELL):
        above, below = other, intent
    parts = [f"quantity={money.plain(intent.qty)}"]
    for name, leg in (("above", above), ("below", below)):
        waits = _waits(leg, f"{name}S", f"{name}T")
        parts.append(
            f"{name}Type={_CONDITIONAL[leg.type]}&{name}ClientOrderId={leg.client_id}{waits}"
        )
    return "&".join(parts)


def _waits(intent: Intent, stop: str, trailing: str) -> str:
    told = ""
    if intent.trigger is not None:
        told += f"&{stop}topPrice={money.plain(intent.trigger)}"
    if intent.trail_bps:
        told += f"&{trailing}railingDelta={intent.trail_bps}"
    return told
