"""A strategy for worlds that counts what it sees and what it is told, and wants nothing."""

from collections.abc import Sequence

from nightdesk.model.bars import Bar
from nightdesk.model.market import Book, Quote, Trade
from nightdesk.strategy.api import Bars, Context, Depth, Sight, Strategy

DESK = """
[[strategy]]
name = "seeing"
class = "simulation.seeing:Seeing"
instruments = ["binance:BTCUSDT"]
"""


class Seeing(Strategy):
    """Looks at everything."""

    def declare(self) -> Sequence[Bars | Depth]:
        """A little of each."""
        return [Bars("1m", warm_up=20), Depth(5)]

    def see_start(self, sight: Sight) -> None:
        """Nothing was seen."""
        self.began: int = sight.now
        self.quotes: list[Quote] = []
        self.prints: list[int] = []
        self.bars: list[Bar] = []
        self.books = self.decided = 0

    def see_quote(self, sight: Sight, quote: Quote) -> None:
        """One more."""
        assert sight.quote(quote.instrument) is quote
        self.quotes.append(quote)

    def see_trade(self, sight: Sight, trade: Trade) -> None:
        """One more."""
        self.prints.append(trade.trade_id)

    def see_bar(self, sight: Sight, bar: Bar) -> None:
        """One more."""
        assert sight.bars(bar.instrument, bar.interval)[-1] is bar
        self.bars.append(bar)

    def see_depth(self, sight: Sight, book: Book) -> None:
        """One more."""
        self.books += 1

    def on_start(self, ctx: Context) -> None:
        """What was seen before it was asked to decide."""
        self.before = (len(self.quotes), len(self.bars), self.books, len(self.prints))

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """It was seen first."""
        assert self.quotes[-1] is quote
        self.decided += 1
