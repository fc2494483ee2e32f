"""A strategy that asks for about an order a minute, the same whatever the market does: for long worlds."""

from decimal import Decimal

import msgspec

from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import SECOND_NS
from nightdesk.strategy.api import Context, Strategy

AWAY = Decimal("0.995")  # of the bid: an order that rests until it is cancelled


class Steady(Strategy):
    """Buys, sells, rests an order, cancels it, and begins again: three orders in four steps."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`size` in base; a step every `every_s` seconds."""

        size: Decimal = Decimal("0.001")
        every_s: int = 45

    class State(msgspec.Struct):
        """Steps taken over the strategy's life."""

        steps: int = 0

    def on_start(self, ctx: Context) -> None:
        """Go on with the next step."""
        ctx.every("step", self.params.every_s * SECOND_NS)

    def on_timer(self, ctx: Context, name: str) -> None:
        """One step."""
        self.state.steps += 1
        for instrument, rules in ctx.instruments.items():
            quote = ctx.quote(instrument)
            if quote is None:
                continue
            size = self.params.size
            match self.state.steps % 4:
                case 1:
                    ctx.place(instrument, Side.BUY, size, quote.ask, OrderType.IOC)
                case 2:
                    ctx.place(instrument, Side.SELL, size, quote.bid, OrderType.IOC)
                case 3:
                    price = rules.price_down(quote.bid * AWAY)
                    ctx.place(instrument, Side.BUY, size, price, OrderType.POST_ONLY)
                case _:
                    for ref in list(ctx.orders):
                        ctx.cancel(ref)


STEADY = """\
[desk]
name = "soak"
journal = "desk.journal"
control = "desk.sock"

[venue.binance]
kind = "binance-spot"
rest = "http://lab"
stream = "ws://lab"
private = "ws://lab"

[venue.binance.account]
key = "file:key"
secret = "file:secret"

[limits]
order_qty_max = "0.01"
order_notional_max = "1000"
position_max = "0.25"
gross_max = "40000"
open_orders_max = 5
orders_per_second_max = 5
collar_bps = "100"
stale_after_ms = 60000

[[instrument]]
id = "binance:BTCUSDT"

[[strategy]]
name = "steady"
class = "nightdesk.simulation.steady:Steady"
instruments = ["binance:BTCUSDT"]
"""
