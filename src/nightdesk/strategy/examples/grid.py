"""A grid by orders: one size bought at each step down from an anchor, sold again one step higher.

What it holds says where in the grid it is, and that says which two orders belong into the market: it needs to
remember nothing but the anchor, and a restart, a lost answer or a partial fill cannot put it elsewhere.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.order import Side
from nightdesk.strategy.api import Context, Range, Strategy

PAUSE_NS = 1_000_000_000  # between two orders of one side, whatever became of the first


class Grid(Strategy):
    """Keeps a buy one step below and a sell one step above where its position stands."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`step_bps` lies between two levels; at most `levels` sizes are held, or owed where `both_ways`."""

        size: Annotated[Decimal, Range(above=0)] = Decimal("0.005")
        step_bps: Annotated[Decimal, Range(above=0, most=1000)] = Decimal(5)
        levels: Annotated[int, Range(least=1, most=100)] = 5
        both_ways: bool = False

    class State(msgspec.Struct):
        """The price at which the grid holds nothing, per instrument."""

        anchor: dict[str, Decimal] = {}

    def on_start(self, ctx: Context) -> None:
        """Pauses are views."""
        self.pauses: dict[tuple[InstrumentId, Side], int] = {}

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """See that the two orders of this place in the grid are there, and no other."""
        anchor = self.state.anchor.setdefault(quote.instrument, quote.mid)
        held = ctx.position(quote.instrument) / self.params.size
        place = int(held.to_integral_value(ROUND_HALF_EVEN))
        lowest = -self.params.levels if self.params.both_ways else 0
        for side, may in ((Side.BUY, place < self.params.levels), (Side.SELL, place > lowest)):
            self._keep(ctx, quote, side, self._level(anchor, place + side.sign) if may else None)

    def _level(self, anchor: Decimal, place: int) -> Decimal:
        step_bps: Decimal = self.params.step_bps
        return anchor * (1 - step_bps / 10_000 * place)

    def _keep(self, ctx: Context, quote: Quote, side: Side, level: Decimal | None) -> None:
        instrument = ctx.instruments[quote.instrument]
        resting = [
            o for o in ctx.orders.values() if (o.instrument, o.side) == (instrument.id, side)
        ]
        if level is not None:
            # A price beyond the touch would be no better than the touch.
            buys = side is Side.BUY
            level = min(level, quote.ask) if buys else max(level, quote.bid)
            level = instrument.price_down(level) if buys else instrument.price_up(level)
        for order in resting:
            if order.price != level and order.state == "open":
                ctx.cancel(order.ref)
        if resting or level is None or ctx.now < self.pauses.get((instrument.id, side), 0):
            return
        if ctx.mode(instrument.id) is Mode.NORMAL:
            qty = ctx.size(instrument.id, base=self.params.size, price=level)
            if qty:
                ctx.place(instrument.id, side, qty, level)
                self.pauses[instrument.id, side] = ctx.now + PAUSE_NS
