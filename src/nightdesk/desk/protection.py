"""What a strategy declared about the way out of what it holds, as the fold keeps it."""

from collections.abc import Collection
from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.order import Intent, OrderType, Side
from nightdesk.model.records import ProtectionSet

Terms = tuple[OrderType, Decimal | None, int]  # type, trigger, trail in basis points


class Protection(msgspec.Struct, kw_only=True):
    """Where a strategy wants out of what it holds. Mutable; one writer, the desk's fold.

    `side` is the side of what was held since it was declared, BUY of a long position; None while there has been
    nothing to protect. Flat again, or turned, it has served.
    """

    stop: Decimal | None = None
    take_profit: Decimal | None = None
    trail_bps: int = 0
    side: Side | None = None

    @property
    def legs(self) -> list[Terms]:
        """The conditional orders that it comes to."""
        legs: list[Terms] = []
        if self.stop is not None:
            legs.append((OrderType.STOP, self.stop, 0))
        if self.trail_bps:
            legs.append((OrderType.TRAILING_STOP, None, self.trail_bps))
        if self.take_profit is not None:
            legs.append((OrderType.TAKE_PROFIT, self.take_profit, 0))
        return legs

    def says(self, record: ProtectionSet) -> bool:
        """Whether `record` would change nothing."""
        wanted = (record.stop, record.take_profit, record.trail_bps, record.side)
        return (self.stop, self.take_profit, self.trail_bps, self.side) == wanted

    def note(self, qty: Decimal, qty_min: Decimal) -> None:
        """Take in what is held: the first that is more than dust is what it protects from then on."""
        if self.side is None:
            self.side = side_of(qty, qty_min)


def on_grid(rules: Instrument, price: Decimal | None, *, stops: bool) -> Decimal | None:
    """A price that a strategy means as the venue takes it: a stop not above that, a take profit not below."""
    if price is None:
        return None
    return money.canonical(
        max(rules.price_down(price) if stops else rules.price_up(price), rules.tick)
    )


def side_of(qty: Decimal, qty_min: Decimal) -> Side | None:
    """The side of a position; less than the least order is none."""
    if money.magnitude(qty) < qty_min:
        return None
    return Side.BUY if qty > 0 else Side.SELL


def terms_of(intent: Intent) -> Terms:
    """What an order waits for."""
    return intent.type, intent.trigger, intent.trail_bps


def reached(legs: Collection[Terms], quote: Quote, held: Decimal) -> bool:
    """Whether the market is at a stop or at a take profit of them."""
    for kind, trigger, _ in legs:
        if trigger is None:
            continue
        price, ahead = (quote.bid, 1) if held > 0 else (quote.ask, -1)
        gain = (price - trigger) * ahead
        if gain <= 0 if kind is OrderType.STOP else gain >= 0:
            return True
    return False
