"""Idea: buys a dip of the price under its own average, sells when it is back.

Change what `on_quote` decides; leave out the handlers you do not need. A handler never waits, reads no clock
and draws nothing of its own: `ctx.now` and `ctx.random` are the same in production and in every replay.
`see_...` handlers make the indicators, also on a node that stands by; `on_...` handlers decide, where it leads.
"""

from decimal import Decimal

import msgspec

from nightdesk.model.bars import Bar
from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Book, Mark, Quote, Trade
from nightdesk.model.mode import Mode
from nightdesk.strategy.api import Context, Sight, Strategy
from nightdesk.strategy.messages import Fill, OrderView


class Idea(Strategy):
    """Holds `size` of each instrument while its price is a dip below its average."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """What desk.toml may say in `params`; a word that is not here is refused at the start."""

        size: Decimal = Decimal("0.01")  # how much to hold, in the base asset: 0.01 BTC of BTCUSDT
        dip_bps: float = 1.0  # how far below its average the price must be; 1 bps is 0.01 %
        quotes: int = 50  # how many quotes the average looks back, about

    class State(msgspec.Struct):
        """What must survive a restart: it is journaled with the decision that changed it. Give each field a
        default, so that a journal of before the field was there can still be read."""

        holding: dict[str, bool] = {}

    def see_start(self, sight: Sight) -> None:
        """Before anything is seen: what the market is made into. Attributes of self are views: they begin anew
        in every process."""
        self.averages: dict[InstrumentId, float] = {}
        self.seen: dict[InstrumentId, int] = {}

    def see_quote(self, sight: Sight, quote: Quote) -> None:
        """Each quote, before `on_quote`: here the average is kept up, and nothing is decided."""
        key = quote.instrument
        mid = float(quote.mid)  # indicators may be floats; what is ordered is a Decimal
        average = self.averages.get(key, mid)
        self.averages[key] = average + (mid - average) * 2 / (self.params.quotes + 1)
        self.seen[key] = self.seen.get(key, 0) + 1

    def on_start(self, ctx: Context) -> None:
        """The desk trades from here on. Positions and open orders of before are in `ctx`."""

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """The best bid or ask changed."""
        key = quote.instrument
        if self.seen[key] < self.params.quotes:
            return  # the average is still cold
        average, mid = self.averages[key], float(quote.mid)
        below_bps = (average - mid) / average * 10_000
        holding = self.state.holding.get(key, False)
        if not holding and below_bps >= self.params.dip_bps:
            self.state.holding[key] = True
            # What to hold, not what to do: the desk gets there and stays there, through lost answers and
            # restarts, and saying it twice doubles nothing. Orders one by one: ctx.place and ctx.cancel.
            ctx.target(key, self.params.size)
        elif holding and below_bps <= 0:
            self.state.holding[key] = False
            ctx.target(key, Decimal(0))

    def on_trade(self, ctx: Context, trade: Trade) -> None:
        """Somebody traded: price, quantity, and which side was resting."""

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """A bar has ended that `declare` asked for: return `[Bars("1m", warm_up=100)]` there."""

    def on_depth(self, ctx: Context, book: Book) -> None:
        """An order book changed that `declare` asked for: return `[Depth(10)]` there for ten levels a side."""

    def on_mark(self, ctx: Context, mark: Mark) -> None:
        """A venue of contracts told the price it values them at, and the next funding."""

    def on_order(self, ctx: Context, order: OrderView) -> None:
        """One of this strategy's orders changed; `order.live` is False once it has ended."""

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """One of this strategy's orders traded; `ctx.position` has it already."""

    def on_refusal(self, ctx: Context, ref: str, rule: str, text: str) -> None:
        """A limit or the desk's mode refused an order of `ctx.place`; it never left."""

    def on_target_suspended(self, ctx: Context, instrument: InstrumentId, why: str) -> None:
        """A flatten or somebody by hand changed the position: the target rests until a new one is declared."""
        self.state.holding.pop(instrument, None)

    def on_mode(self, ctx: Context, instrument: InstrumentId, mode: Mode) -> None:
        """Orders here may do more or less than before; in CAUTIOUS limits are halved: be simpler as well."""

    def on_protection_ended(self, ctx: Context, instrument: InstrumentId, why: str) -> None:
        """The position turned, and what `ctx.protect` declared was for the other side: declare anew."""

    def on_timer(self, ctx: Context, name: str) -> None:
        """A timer came due; `on_start` sets one with `ctx.every("name", interval_ns)`."""
