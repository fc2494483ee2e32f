"""The worst that the orders of one instrument may still become, kept side by side.

Every order that is pending, open, unknown or cancelled-but-unsettled is a leg. A leg may fill wholly or not
at all, so each side is summed on its own: an unsure exit frees neither limit nor closable quantity.
"""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, StrategyId
from nightdesk.model.money import ZERO
from nightdesk.model.order import Side


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """What one order, of `owner`, may still trade."""

    side: Side
    qty: Decimal
    price: Decimal
    owner: StrategyId = StrategyId("")


class Exposure:
    """Mutable sums over the legs of one instrument; one writer, the desk's fold."""

    __slots__ = ("buying", "buying_value", "legs", "selling", "selling_value")

    def __init__(self) -> None:
        self.legs: dict[ClientOrderId, Leg] = {}
        self.buying = ZERO
        self.selling = ZERO
        self.buying_value = ZERO
        self.selling_value = ZERO

    def set_leg(self, client_id: ClientOrderId, leg: Leg | None) -> None:
        """Replace what `client_id` may still trade; None when it may not trade any more."""
        old = self.legs.pop(client_id, None)
        if old is not None:
            self._count(old, -1)
        if leg is not None and leg.qty > 0:
            self.legs[client_id] = leg
            self._count(leg, 1)

    def worst_long(self, position: Decimal) -> Decimal:
        """The position if every buy fills and no sell does."""
        return money.add(position, self.buying)

    def worst_short(self, position: Decimal) -> Decimal:
        """The position if every sell fills and no buy does."""
        return money.subtract(position, self.selling)

    def of(self, owner: StrategyId) -> tuple[Decimal, Decimal]:
        """What one strategy's orders may still buy, and sell."""
        buying = selling = ZERO
        for leg in self.legs.values():
            if leg.owner != owner:
                continue
            if leg.side is Side.BUY:
                buying = money.add(buying, leg.qty)
            else:
                selling = money.add(selling, leg.qty)
        return buying, selling

    def _count(self, leg: Leg, sign: int) -> None:
        qty = leg.qty if sign > 0 else money.minus(leg.qty)
        value = money.multiply(leg.price, qty)
        if leg.side is Side.BUY:
            self.buying = money.add(self.buying, qty)
            self.buying_value = money.add(self.buying_value, value)
        else:
            self.selling = money.add(self.selling, qty)
            self.selling_value = money.add(self.selling_value, value)
