"""The market's book of one symbol, and what our clients already took from it.

Owns the levels as the market last told them. Refuses to know clients' orders: `matching`
puts them beside this book.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, Levels
from nightdesk.lab.orders import ZERO, Side


@dataclass(slots=True)
class Ladder:
    """One side of a book.

    What clients took stays taken until the market gives the level a new quantity: the market
    does not know it was traded against, so its own picture of the level would fill them twice.
    """

    side: Side
    levels: dict[Decimal, Decimal] = field(default_factory=dict)
    prices: list[Decimal] = field(default_factory=list)
    taken: dict[Decimal, Decimal] = field(default_factory=dict)
    _buys: bool = field(init=False)  # whether the best is the highest, hence the last

    def __post_init__(self) -> None:
        self._buys = self.side is Side.BUY

    def set(self, price: Decimal, quantity: Decimal) -> bool:
        """Set a level; whether that changed it."""
        old = self.levels.get(price)
        if old == quantity or (old is None and not quantity):
            return False
        if self.taken:
            self.taken.pop(price, None)
        if not quantity:
            del self.levels[price]
            del self.prices[bisect_left(self.prices, price)]
            return True
        if old is None:
            insort(self.prices, price)
        self.levels[price] = quantity
        return True

    def drop_better_than(self, price: Decimal) -> None:
        """Remove the levels a newer best price proves gone."""
        prices = self.prices
        if self._buys:
            while prices and prices[-1] > price:
                self.set(prices[-1], ZERO)
        else:
            while prices and prices[0] < price:
                self.set(prices[0], ZERO)

    def keep_only(self, price: Decimal) -> None:
        """Forget every other level."""
        for other in [each for each in self.prices if each != price]:
            self.set(other, ZERO)

    def clear(self) -> None:
        """Forget every level."""
        self.levels.clear()
        self.prices.clear()
        self.taken.clear()

    def better(self, a: Decimal, b: Decimal) -> bool:
        """Whether price `a` has priority over price `b` on this side."""
        return a > b if self._buys else a < b

    def best(self) -> Decimal | None:
        """The market's best price."""
        if not self.prices:
            return None
        return self.prices[-1] if self._buys else self.prices[0]

    def available(self, price: Decimal) -> Decimal:
        """What the market still offers at `price`, after what clients took."""
        quantity = self.levels.get(price, ZERO)
        if self.taken:
            quantity -= self.taken.get(price, ZERO)
        return max(quantity, ZERO)

    def best_available(self) -> Decimal | None:
        """The best price at which anything is left."""
        if not self.taken:
            return self.best()
        return next((price for price, _ in self.walk()), None)

    def walk(self) -> Iterator[tuple[Decimal, Decimal]]:
        """Levels with something left, best first."""
        for price in reversed(self.prices) if self._buys else self.prices:
            quantity = self.available(price)
            if quantity:
                yield price, quantity

    def take(self, price: Decimal, quantity: Decimal) -> None:
        """Clients took `quantity` at `price`."""
        self.taken[price] = self.taken.get(price, ZERO) + quantity

    def top(self, count: int) -> Levels:
        """The market's best levels, best first, as the market told them."""
        prices = self.prices[: -count - 1 : -1] if self._buys else self.prices[:count]
        return tuple((price, self.levels[price]) for price in prices)


@dataclass(slots=True)
class Book:
    """Both sides, fed by quotes (at once) and by depth updates (in batches, hence later)."""

    bids: Ladder = field(default_factory=lambda: Ladder(Side.BUY))
    asks: Ladder = field(default_factory=lambda: Ladder(Side.SELL))
    last_id: int = 0
    quote: BookTicker | None = None

    def ladder(self, side: Side) -> Ladder:
        """The side of the book where orders of `side` rest."""
        return self.bids if side is Side.BUY else self.asks

    def on_quote(self, quote: BookTicker) -> bool:
        """Take a new best bid and ask; False when the book is already newer."""
        if quote.update_id <= self.last_id:
            return False
        if self.quote is not None and quote.update_id < self.quote.update_id:
            return False
        self.quote = quote
        self._apply(quote)
        return True

    def hides(self, side: Side, price: Decimal) -> bool:
        """Whether nothing is known of what stands at `price`: the market tells its best prices alone."""
        if self.quote is None or not self._alone(self.quote):
            return False
        ladder = self.ladder(side)
        best = ladder.best()
        return best is None or ladder.better(best, price)

    def on_depth(self, update: DepthUpdate) -> bool:
        """Take changed levels; False when the book is already newer."""
        if update.last_id <= self.last_id:
            return False
        for price, quantity in update.bids:
            self.bids.set(price, quantity)
        for price, quantity in update.asks:
            self.asks.set(price, quantity)
        self.last_id = update.last_id
        # A batch is older than a quote that came before it with a higher id.
        if self.quote is not None and self.quote.update_id > update.last_id:
            self._apply(self.quote)
        return True

    def on_snapshot(self, snapshot: DepthSnapshot) -> bool:
        """Take a whole book; False when the book is already newer."""
        if snapshot.last_id <= self.last_id:
            return False
        for ladder, levels in ((self.bids, snapshot.bids), (self.asks, snapshot.asks)):
            ladder.clear()
            for price, quantity in levels:
                ladder.set(price, quantity)
        self.last_id = snapshot.last_id
        if self.quote is not None and self.quote.update_id > snapshot.last_id:
            self._apply(self.quote)
        return True

    def mid(self) -> Decimal | None:
        """Half way between best bid and ask; None unless both sides have one."""
        bid, ask = self.bids.best(), self.asks.best()
        return None if bid is None or ask is None else (bid + ask) / 2

    def newest_id(self) -> int:
        """The update id of the newest thing this book knows."""
        return max(self.last_id, self.quote.update_id if self.quote is not None else 0)

    def whole_id(self) -> int:
        """Up to which update every change is in this book. Quotes run ahead of the changes behind them: who
        took a book for newer than it is would pass over changes that it lacks."""
        return self.last_id or self.newest_id()

    def _alone(self, quote: BookTicker) -> bool:
        """Whether nothing is known of what stands behind it: it says so, or nothing was ever told of that."""
        return quote.alone or not self.last_id

    def _apply(self, quote: BookTicker) -> None:
        self.bids.drop_better_than(quote.bid)
        self.asks.drop_better_than(quote.ask)
        self.bids.set(quote.bid, quote.bid_quantity)
        self.asks.set(quote.ask, quote.ask_quantity)
        if self._alone(quote):
            self.bids.keep_only(quote.bid)
            self.asks.keep_only(quote.ask)
