"""What a market says: quotes, trades, order books, ended bars, as the codecs hand them over."""

from array import array
from decimal import Decimal
from typing import NamedTuple

import msgspec

from nightdesk.model import money
from nightdesk.model.bars import Bar
from nightdesk.model.ids import InstrumentId
from nightdesk.model.time import Mono, Wall

Level = tuple[Decimal, Decimal]  # price; quantity in base, above 0
DEPTH_LEVELS = (5, 10, 20)  # of each side: what every venue of ours tells whole


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


class DepthOf(NamedTuple):
    """One instrument's order book, as many levels of each side (`DEPTH_LEVELS`)."""

    instrument: InstrumentId
    levels: int


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The best levels of an order book, whole: best first, each price once; there may be fewer than were asked
    for. `received` is this host's clock; `venue_time` is 0 where the frame has none.

    The columns are read-only float64, in the levels' order: `numpy.asarray(book.bid_qtys)` copies nothing.
    """

    instrument: InstrumentId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    update_id: int
    received: Mono
    venue_time: Wall = Wall(0)

    @property
    def bid_prices(self) -> memoryview:
        """Prices of the bids, the highest first."""
        return _column(self.bids, 0)

    @property
    def bid_qtys(self) -> memoryview:
        """Quantities of the bids, in base."""
        return _column(self.bids, 1)

    @property
    def ask_prices(self) -> memoryview:
        """Prices of the asks, the lowest first."""
        return _column(self.asks, 0)

    @property
    def ask_qtys(self) -> memoryview:
        """Quantities of the asks, in base."""
        return _column(self.asks, 1)

    @property
    def crossed(self) -> bool:
        """Whether nothing can be decided by it: a side is empty, or the bid is not below the ask."""
        return not self.bids or not self.asks or self.bids[0][0] >= self.asks[0][0]

    def repeats(self, before: "Book") -> bool:
        """Whether it says what `before` said: that it still stands, and nothing else."""
        return self.bids == before.bids and self.asks == before.asks

    def best(self, levels: int) -> "Book":
        """The same with at most so many levels of each side."""
        if max(len(self.bids), len(self.asks)) <= levels:
            return self
        return msgspec.structs.replace(self, bids=self.bids[:levels], asks=self.asks[:levels])


def _column(levels: tuple[Level, ...], of: int) -> memoryview:
    return memoryview(array("d", [float(level[of]) for level in levels])).toreadonly()


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


MarketEvent = Quote | Trade | Book | Mark | Bar
