"""What one order may still come to, as exposure and as what it takes from a balance."""

from decimal import Decimal

from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.order import Origin
from nightdesk.orders.book import Order
from nightdesk.portfolio.exposure import Leg
from nightdesk.portfolio.funds import Hold

_PROTECT = Origin.PROTECT  # a member is looked up slowly


def stake_of(order: Order, other: Order | None) -> tuple[Leg, Decimal]:
    """What it may still trade, and what has filled without its trades being known; `other` is of its pair. Of a
    pair only one trades: together they are what it may still come to, before that the larger."""
    intent, stake, owed = order.intent, order.at_stake, order.untold
    if other is not None:
        pair = (order, other)
        trading = [one for one in pair if one.filled > 0] or pair
        stake, owed = max(o.at_stake for o in trading), money.add(owed, other.untold)
    leg = Leg(
        side=intent.side,
        qty=stake,
        price=order.intent.price,
        owner=intent.strategy,
        reduces=intent.reduce_only,
        protects=intent.origin is _PROTECT,
    )
    return leg, owed


def hold_of(leg: Leg, owed: Decimal, instrument: Instrument) -> Hold:
    """What it takes of a balance. A fill whose trade is not known yet has not moved that: it stays held."""
    still = money.add(leg.qty, owed)
    if leg.side.sign > 0:
        return Hold(asset=instrument.quote, amount=money.notional(leg.price, still))
    return Hold(asset=instrument.base, amount=still)
