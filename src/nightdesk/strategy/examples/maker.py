"""A market maker by orders: one bid and one ask, post-only, leaning against its own inventory.

Simpler where the desk is: cautious, it quotes only the side that brings its inventory down; where no new risk
is taken, it asks for nothing.
"""

from decimal import ROUND_FLOOR, Decimal

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side
from nightdesk.strategy.api import Context, Strategy
from nightdesk.strategy.messages import OrderView


class Maker(Strategy):
    """Quotes `size` on both sides, `away_ticks` behind the touch, and follows it."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`follow_ticks` is how far the touch may run before a quote is replaced; inventory in base."""

        size: Decimal = Decimal("0.01")
        away_ticks: int = 0
        follow_ticks: int = 100
        inventory_max: Decimal = Decimal("0.05")
        pause_ms: int = 250

    class State(msgspec.Struct):
        """How many quotes were placed over the strategy's life."""

        quotes: int = 0

    def on_start(self, ctx: Context) -> None:
        """Quotes of before are followed like new ones."""
        self.resting: dict[tuple[InstrumentId, Side], str] = {}
        self.not_before: dict[tuple[InstrumentId, Side], int] = {}
        for ref, order in ctx.orders.items():
            self.resting[order.instrument, order.side] = ref

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """Keep each side where it belongs."""
        instrument = ctx.instruments[quote.instrument]
        position = ctx.position(quote.instrument)
        away = instrument.tick * self.params.away_ticks
        room = self.params.inventory_max
        self._keep(ctx, instrument, Side.BUY, quote.bid - away, room - position)
        self._keep(ctx, instrument, Side.SELL, quote.ask + away, room + position)

    def on_order(self, ctx: Context, order: OrderView) -> None:
        """An ended quote makes room for the next, after a pause."""
        side = (order.instrument, order.side)
        if not order.live and self.resting.get(side) == order.ref:
            del self.resting[side]
            self._rest(ctx, side)

    def on_refusal(self, ctx: Context, ref: str, rule: str, text: str) -> None:
        """The gate said no: try again later, not at once."""
        for side, resting in list(self.resting.items()):
            if resting == ref:
                del self.resting[side]
                self._rest(ctx, side)

    def _keep(
        self, ctx: Context, instrument: Instrument, side: Side, price: Decimal, room: Decimal
    ) -> None:
        key = (instrument.id, side)
        ref = self.resting.get(key)
        if ref is not None:
            order = ctx.orders.get(ref)
            if order is not None and order.state == "open":
                ran = abs(order.price - price) / instrument.tick
                if ran > self.params.follow_ticks:
                    ctx.cancel(ref)
            return
        if ctx.now < self.not_before.get(key, 0) or not self._may(ctx, key):
            return
        size = min(self.params.size, room)
        qty = (size / instrument.lot).to_integral_value(ROUND_FLOOR) * instrument.lot
        if qty < instrument.qty_min or qty * price < instrument.notional_min:
            return
        self.resting[key] = ctx.place(instrument.id, side, qty, price, OrderType.POST_ONLY)
        self.state.quotes += 1

    def _may(self, ctx: Context, key: tuple[InstrumentId, Side]) -> bool:
        instrument, side = key
        mode = ctx.mode(instrument)
        if mode is Mode.CAUTIOUS:
            return side.sign * ctx.position(instrument) < 0
        return mode is Mode.NORMAL

    def _rest(self, ctx: Context, key: tuple[InstrumentId, Side]) -> None:
        self.not_before[key] = ctx.now + self.params.pause_ms * 1_000_000
