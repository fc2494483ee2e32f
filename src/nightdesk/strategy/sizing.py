"""How much: amounts made quantities that a venue takes, exact and never more than asked for."""

from decimal import Decimal

from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO


def sized(
    instrument: Instrument, amount: Decimal, price: Decimal | None, *, in_base: bool
) -> Decimal:
    """The largest quantity on the grid for `amount` (of base, or of quote at `price`); 0 where the venue would
    not take it, or where a price is needed and there is none. Capped at the venue's largest order."""
    if price is None or price <= 0:
        if not in_base:
            return ZERO
        price = None
    if in_base or price is None:
        qty = instrument.qty_down(amount)
    else:
        qty = money.affordable(amount, price, instrument.lot)
    qty = min(qty, instrument.qty_down(instrument.qty_max))
    if qty < instrument.qty_min:
        return ZERO
    if price is not None and money.notional(price, qty) < instrument.notional_min:
        return ZERO
    return money.canonical(qty)
