"""The worst that the orders of one instrument may still become, kept side by side.

Every order that is pending, open, unknown or cancelled-but-unsettled is a leg. A leg may fill wholly or not
at all, so each side is summed on its own: an unsure exit frees neither limit nor closable quantity.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, StrategyId
from nightdesk.model.money import ZERO
from nightdesk.model.order import Side


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """What one order, of `owner`, may still trade; `reduces` where the venue lets it only reduce, `protects`
    where it closes no more than its owner holds."""

    side: Side
    qty: Decimal
    price: Decimal
    owner: StrategyId = StrategyId("")
    reduces: bool = False
    protects: bool = False


class Exposure:
    """Mutable sums over the legs of one instrument; one writer, the desk's fold.

    What only reduces makes no position larger by itself and is not in the sums. It may use up the position that
    other orders would close, though: then those open one on the other side.
    """

    __slots__ = ("buying", "buying_value", "legs", "reducing", "selling", "selling_value")

    def __init__(self) -> None:
        self.reducing: dict[ClientOrderId, Leg] = {}
        self.legs: dict[ClientOrderId, Leg] = {}
        self.buying = ZERO
        self.selling = ZERO
        self.buying_value = ZERO
        self.selling_value = ZERO

    def set_leg(self, client_id: ClientOrderId, leg: Leg | None) -> None:
        """Replace what `client_id` may still trade; None when it may not trade any more."""
        self.reducing.pop(client_id, None)
        if leg is not None and leg.reduces:
            if leg.qty > 0:
                self.reducing[client_id] = leg
            return
        old = self.legs.pop(client_id, None)
        if old is not None:
            self._count(old, -1)
        if leg is not None and leg.qty > 0:
            self.legs[client_id] = leg
            self._count(leg, 1)

    def leg(self, client_id: ClientOrderId) -> Leg | None:
        """What `client_id` may still trade; None where it may not."""
        return self.legs.get(client_id) or self.reducing.get(client_id)

    def worst_long(self, position: Decimal) -> Decimal:
        """The position if every buy fills and no sell does."""
        return money.total((position, self.buying, self.closing(position)[0]))

    def worst_short(self, position: Decimal) -> Decimal:
        """The position if every sell fills and no buy does."""
        return money.subtract(position, money.add(self.selling, self.closing(position)[1]))

    def closing(self, position: Decimal) -> tuple[Decimal, Decimal]:
        """What orders that only reduce may still buy, and sell, of this position."""
        return _closing(self.reducing.values(), position) if self.reducing else _NOTHING

    def of(self, owner: StrategyId, held: Decimal) -> tuple[Decimal, Decimal]:
        """What the orders of one strategy, which holds `held`, may still buy, and sell. The venue knows the
        account's position alone: its reducing orders may open one of its own, but for those that protect."""
        buying, selling, legs = *_NOTHING, list(self.legs.values())
        if self.reducing:
            mine = [leg for leg in self.reducing.values() if leg.owner == owner]
            buying, selling = _closing([leg for leg in mine if leg.protects], held)
            legs += [leg for leg in mine if not leg.protects]
        for leg in legs:
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


_NOTHING = (ZERO, ZERO)


def _closing(legs: Iterable[Leg], position: Decimal) -> tuple[Decimal, Decimal]:
    """What of a position these may buy back, and sell."""
    sides: dict[Side, Decimal] = {Side.BUY: ZERO, Side.SELL: ZERO}
    for leg in legs:
        sides[leg.side] = money.add(sides[leg.side], leg.qty)
    return (
        min(sides[Side.BUY], max(money.minus(position), ZERO)),
        min(sides[Side.SELL], max(position, ZERO)),
    )
