"""Closing orders in a row that lost: folded trade by trade, judged order by order."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.money import ZERO


class Exits(msgspec.Struct, kw_only=True):
    """Mutable; its one writer is the desk's fold.

    `earned` is what `order`, the last one that closed something, has brought so far, after fees; `lost` is how
    many before it lost, without one between that did not.
    """

    order: ClientOrderId = ClientOrderId("")
    earned: Decimal = ZERO
    lost: int = 0

    def closed(self, order: ClientOrderId, earned: Decimal) -> None:
        """One trade of `order` closed (part of) a position and brought `earned`."""
        if order != self.order:
            self.lost, self.order, self.earned = self.in_a_row, order, ZERO
        self.earned = money.add(self.earned, earned)

    @property
    def in_a_row(self) -> int:
        """How many have lost since the last that did not, the last one as far as it has traded."""
        return self.lost + 1 if self.earned < 0 else 0
