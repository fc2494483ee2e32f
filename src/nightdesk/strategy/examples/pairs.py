"""Pairs: two instruments that move together; when one has run away, the other one is held against it.

It sizes both legs in quote and knows nothing of what they are: two spot pairs, or spot against a perpetual. A
leg that cannot be sold short (`both_ways` off) is left out, and only the cheaper one is held.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import log, sqrt
from typing import Annotated

import msgspec

from nightdesk.model.bars import Bar
from nightdesk.model.ids import InstrumentId
from nightdesk.strategy.api import Bars, Context, Range, Strategy


class Pairs(Strategy):
    """Holds `quote` worth of the cheaper of its two instruments, and owes as much of the dearer."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """In from `enter` deviations of the ratio of closes, out at `leave`; `bars` of `interval` look back."""

        quote: Annotated[Decimal, Range(above=0)] = Decimal(500)
        interval: str = "1m"
        bars: Annotated[int, Range(least=10, most=2_000)] = 60
        enter: Annotated[float, Range(above=0, most=10)] = 1.5
        leave: Annotated[float, Range(least=0, below=10)] = 0.3
        both_ways: bool = False

    class State(msgspec.Struct):
        """1 while the first instrument is held against the second, -1 the other way, 0 while neither is."""

        side: int = 0

    def declare(self) -> Sequence[Bars]:
        """The same bars of both."""
        return [Bars(self.params.interval, warm_up=self.params.bars)]

    def on_start(self, ctx: Context) -> None:
        """A pair is two."""
        if len(ctx.instruments) != 2:
            raise ValueError(f"pairs are of two instruments, not of {list(ctx.instruments)}")

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """Decide once both bars of a moment are there."""
        first, second = ctx.instruments
        one, two = (ctx.bars(i, self.params.interval) for i in (first, second))
        if one[-1].opened != two[-1].opened:
            return
        score = _score([log(a / b) for a, b in zip(one.close, two.close, strict=True)])
        if abs(score) >= self.params.enter:
            side = -1 if score > 0 else 1
        elif abs(score) <= self.params.leave:
            side = 0
        else:
            return
        if side == self.state.side:
            return
        self.state.side = side
        self._hold(ctx, first, side)
        self._hold(ctx, second, -side)

    def on_target_suspended(self, ctx: Context, instrument: InstrumentId, why: str) -> None:
        """One leg is not what it was: give up the pair, the next signal begins anew."""
        self.state.side = 0
        for each in ctx.instruments:
            ctx.target(each, Decimal(0))

    def _hold(self, ctx: Context, instrument: InstrumentId, side: int) -> None:
        qty = ctx.size(instrument, quote=self.params.quote)
        short = side < 0 and self.params.both_ways
        ctx.target(instrument, qty if side > 0 else -qty if short else Decimal(0))


def _score(ratios: list[float]) -> float:
    """How many deviations the newest lies from the mean of all."""
    mean = sum(ratios) / len(ratios)
    deviation = sqrt(sum((ratio - mean) ** 2 for ratio in ratios) / len(ratios))
    return (ratios[-1] - mean) / deviation if deviation else 0.0
