"""Breakout on bars: hold when a bar closes above the highest high of the bars before it, until one closes below
the lowest low.

The bars are declared, so the channel is there from the first moment and the same after every restart.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import msgspec

from nightdesk.model.bars import Bar
from nightdesk.strategy.api import Bars, Context, Strategy


class Breakout(Strategy):
    """Holds `size` of each instrument from a close above its channel to a close below it."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`channel` is how many bars of `interval` the channel spans, without the newest."""

        size: Decimal = Decimal("0.02")
        interval: str = "1m"
        channel: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 20

    def declare(self) -> Sequence[Bars]:
        """The channel, and the bar that may leave it."""
        return [Bars(self.params.interval, warm_up=self.params.channel + 1)]

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """Where did it close?"""
        *channel, last = ctx.bars(bar.instrument, bar.interval)
        if last.close > max(b.high for b in channel):
            ctx.target(bar.instrument, self.params.size)
        elif last.close < min(b.low for b in channel):
            ctx.target(bar.instrument, Decimal(0))
