"""Bands with an indicator library: buys what is cheap against its own mean and deviation, sells at the mean.

The columns of a window are arrays without a copy, for numpy here and for any library that takes arrays. Needs
numpy: pip install 'nightdesk[indicators]'.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
import numpy as np

from nightdesk.model.bars import Bar
from nightdesk.model.order import Urgency
from nightdesk.strategy.api import Bars, Context, Range, Strategy


class Bands(Strategy):
    """Holds `quote` worth of each instrument from `width` deviations below its mean until it is back there."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`quote` is in quote; `bars` of `interval` make mean and deviation; `stop_bps` bounds a loss."""

        quote: Annotated[Decimal, Range(above=0)] = Decimal(500)
        interval: str = "1m"
        bars: Annotated[int, Range(least=5, most=2_000)] = 40
        width: Annotated[float, Range(above=0, most=10)] = 1.5
        stop_bps: Annotated[int, Range(least=10, most=2_000)] = 100

    def declare(self) -> Sequence[Bars]:
        """What mean and deviation are made of."""
        return [Bars(self.params.interval, warm_up=self.params.bars)]

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """Patiently in, at once out."""
        close = np.asarray(ctx.bars(bar.instrument, bar.interval).close)
        mean, deviation = float(close.mean()), float(close.std())
        if not deviation:
            return
        score = (float(bar.close) - mean) / deviation
        held = ctx.position(bar.instrument) > 0
        if score <= -self.params.width and not held:
            qty = ctx.size(bar.instrument, quote=self.params.quote)
            ctx.protect(bar.instrument, trail_bps=self.params.stop_bps)
            ctx.target(bar.instrument, qty, urgency=Urgency.PASSIVE)
        elif score >= 0:
            ctx.target(bar.instrument, Decimal(0))
