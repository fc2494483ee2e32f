"""What a market says: quotes, trades, book changes, ended bars, as the codecs hand them over."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.bars import Bar
from nightdesk.model.ids import InstrumentId
from nightdesk.model.time import Mono, Wall

Level = tuple[Decimal, Decimal]  # price, quantity; quantity 0 removes the level


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask. `received` is this host's clock; `venue_time` is 0 where the frame has none."""

    instrument: InstrumentId
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal
    update_id: int
    received: Mono
    venue_time: Wall = Wall(0)

    @property
    def mid(self) -> Decimal:
        """Half way between the two."""
        return money.half_way(self.bid, self.ask)

    def repeats(self, before: "Quote") -> bool:
        """Whether it says what `before` said: that it still stands, and nothing else."""
        return (
            self.bid == before.bid
            and self.ask == before.ask
            and self.bid_qty == before.bid_qty
            and self.ask_qty == before.ask_qty
        )

    @property
    def crossed(self) -> bool:
        """Whether the quote cannot be one: the book behind it is broken."""
        return self.bid >= self.ask or self.bid <= 0


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One print; `buyer_is_maker` means that the aggressor sold."""

    instrument: InstrumentId
    trade_id: int
    price: Decimal
    qty: Decimal
    buyer_is_maker: bool
    received: Mono
    venue_time: Wall


class DepthUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Levels that changed between update ids `first_id` and `last_id`, both included."""

    instrument: InstrumentId
    first_id: int
    last_id: int
    bids: list[Level]
    asks: list[Level]
    received: Mono
    venue_time: Wall


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The price at which a venue values a contract, and its next funding: longs pay shorts `funding_rate` of
    the notional at `funding_at` (UTC), or get it where the rate is negative."""

    instrument: InstrumentId
    price: Decimal
    index: Decimal
    funding_rate: Decimal
    funding_at: Wall
    received: Mono
    venue_time: Wall


MarketEvent = Quote | Trade | DepthUpdate | Mark | Bar
