"""What strategies for worlds have in common: now and then an idea, with a size of its own."""

from decimal import Decimal
from typing import ClassVar

import msgspec

from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.strategy.api import Context, Strategy


class Ideas(Strategy):
    """One every few quotes; what it is, is for whoever has them to say."""

    least_share: ClassVar[float] = 0.0  # of the most of one position

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`size` is the most of one position, in quote; `every` how many quotes pass between two ideas."""

        size: Decimal = Decimal(1500)
        every: int = 6

    def on_start(self, ctx: Context) -> None:
        """Nothing is remembered."""
        self.seen = 0

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """Now and then, an idea."""
        self.seen += 1
        if self.seen % self.params.every == 0:
            self.idea(ctx, quote)

    def idea(self, ctx: Context, quote: Quote) -> None:
        """Act on it."""
        raise NotImplementedError

    def qty_of(self, ctx: Context, rules: Instrument, quote: Quote) -> Decimal:
        """A drawn share of the most, in lots."""
        size: Decimal = self.params.size
        share = Decimal(str(round(ctx.random.uniform(self.least_share, 1.0), 3)))
        return rules.qty_down(size * share / quote.ask)
