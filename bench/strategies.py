"""The strategies under the stopwatch: one order for each quote, one mean for each bar."""

from collections.abc import Sequence
from decimal import Decimal

from nightdesk.model.bars import Bar
from nightdesk.model.market import Quote
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import SECOND_NS
from nightdesk.strategy.api import Bars, Context, Strategy

QTY = Decimal("0.001")


class OnePerTick(Strategy):
    """Crosses the spread with every quote; flat after every second one."""

    def on_start(self, ctx: Context) -> None:
        """Begin with a buy."""
        self.side = Side.BUY

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """One order."""
        price = quote.ask if self.side is Side.BUY else quote.bid
        ctx.place(quote.instrument, self.side, QTY, price, OrderType.IOC)
        self.side = Side.SELL if self.side is Side.BUY else Side.BUY


class OnlyEntries(Strategy):
    """Buys with every quote and never sells: whatever leaves after a pause is a fault."""

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """One entry."""
        ctx.place(quote.instrument, Side.BUY, QTY, quote.ask, OrderType.IOC)


class OnePerMinute(Strategy):
    """Crosses the spread once a minute; flat after every second order."""

    def on_start(self, ctx: Context) -> None:
        """Begin with a buy, in a minute."""
        self.side = Side.BUY
        ctx.every("minute", 60 * SECOND_NS)

    def on_timer(self, ctx: Context, name: str) -> None:
        """One order."""
        for instrument in ctx.instruments:
            quote = ctx.quote(instrument)
            if quote is not None:
                price = quote.ask if self.side is Side.BUY else quote.bid
                ctx.place(instrument, self.side, QTY, price, OrderType.IOC)
        self.side = Side.SELL if self.side is Side.BUY else Side.BUY


class Following(Strategy):
    """Two means of the touch with every quote; a small target now and then, as the faster one says."""

    def on_start(self, ctx: Context) -> None:
        """Nothing seen."""
        self.fast = self.slow = 0.0
        self.seen = 0

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """What two lines of arithmetic cost, and one order in a thousand quotes."""
        mid = float(quote.mid)
        self.fast += 0.2 * (mid - self.fast)
        self.slow += 0.02 * (mid - self.slow)
        self.seen += 1
        if self.seen % 1_000 == 500:
            ctx.target(quote.instrument, QTY if self.fast > self.slow else 2 * QTY)


class Averaging(Strategy):
    """Takes the mean of 500 closes at each bar, in plain Python."""

    def declare(self) -> Sequence[Bars]:
        """Five hundred."""
        return [Bars("1m", warm_up=500)]

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """One mean."""
        close = ctx.bars(bar.instrument, bar.interval).close
        self.mean = sum(close) / len(close)
