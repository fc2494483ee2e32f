"""A strategy without sense, for worlds: it asks for whatever its limits might let through, all the time.

A sensible strategy seldom meets a limit; this one leans on every one of them, so that a desk that counts
wrongly is over one soon.
"""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.order import OrderType, Side
from nightdesk.simulation.contracts import table_of
from nightdesk.simulation.ideas import Ideas
from nightdesk.strategy.api import Context

TYPES = (OrderType.LIMIT, OrderType.IOC, OrderType.FOK, OrderType.POST_ONLY)
LIVE_MAX = 10
ELSEWHERE = 0.2  # how often the idea is about another instrument than the one that was quoted


class Hungry(Ideas):
    """Places, cancels and declares targets by chance."""

    class Params(Ideas.Params, frozen=True, forbid_unknown_fields=True):
        """`size` is the most of one order, in quote."""

        size: Decimal = Decimal(1800)
        every: int = 2

    def idea(self, ctx: Context, quote: Quote) -> None:
        """An order, a cancel or a target, sometimes of another instrument than the one that was quoted."""
        draw = ctx.random
        if draw.random() < ELSEWHERE:
            # A market that is silent is traded too, on what was seen last.
            names = sorted(ctx.instruments)
            quote = ctx.quote(names[draw.randint(0, len(names) - 1)]) or quote
        rules = ctx.instruments[quote.instrument]
        mine = [ref for ref, o in ctx.orders.items() if o.instrument == quote.instrument]
        idea = draw.random()
        if mine and (idea < 0.25 or len(mine) > LIVE_MAX):
            ctx.cancel(mine[draw.randint(0, len(mine) - 1)])
        elif idea < 0.35:
            self._declare(ctx, rules, quote)
        else:
            side = Side.BUY if draw.random() < 0.5 else Side.SELL
            touch = quote.ask if side is Side.BUY else quote.bid
            far = 100 if draw.random() < 0.1 else 1  # beyond the collar, now and then
            away = rules.tick * draw.randint(-300, 150) * far * side.sign
            price = rules.price_down(touch + away)
            qty = self._qty(rules, price, Decimal(str(round(draw.uniform(0.2, 1.0), 3))))
            ctx.place(quote.instrument, side, qty, price, TYPES[draw.randint(0, 3)])

    def _declare(self, ctx: Context, rules: Instrument, quote: Quote) -> None:
        share = Decimal(str(round(ctx.random.uniform(-2.0, 2.0), 3)))
        size = self._qty(rules, quote.bid, abs(share))
        instrument: InstrumentId = quote.instrument
        ctx.target(
            instrument, None if ctx.random.random() < 0.2 else size * (1 if share > 0 else -1)
        )

    def _qty(self, rules: Instrument, price: Decimal, share: Decimal) -> Decimal:
        size: Decimal = self.params.size
        lots = size * share / price / rules.lot
        return max(lots.to_integral_value(ROUND_FLOOR), Decimal(1)) * rules.lot


LIMITS = """
[limits]
order_qty_max = "1"
order_notional_max = "1600"
position_max = "0.04"
gross_max = "3000"
open_orders_max = 8
orders_per_second_max = 5
collar_bps = "50"
stale_after_ms = 2000
"""
LOSSES = """
[losses]
day_max = "25"
drawdown_max = "40"
losing_exits_max = 8
"""
ALONE = {"hungry": ""}  # the strategies, and the limits of each
STRATEGY = """
[[strategy]]
name = "{name}"
class = "nightdesk.simulation.hungry:Hungry"
instruments = [{instruments}]
"""


def hungry_text(
    practice: str,
    instruments: list[str],
    *,
    losses: bool = False,
    caps: str = "",
    strategies: Mapping[str, str] = ALONE,
) -> str:
    """The practice desk's config with such strategies alone, and limits within their reach; also on `losses`,
    which they reach within a minute or two by fees alone. `caps` are lines of further limits of the desk,
    `strategies` has such lines for each."""
    head = practice.partition("[limits]")[0]
    text = head + LIMITS + caps + (LOSSES if losses else "")
    for instrument in instruments:
        text += table_of(instrument)
        if "ETH" in instrument:
            text += '[instrument.limits]\nposition_max = "0.8"\n'
    listed = ", ".join(f'"{i}"' for i in instruments)
    for name, own in strategies.items():
        text += STRATEGY.format(name=name, instruments=listed)
        text += f"[strategy.limits]\n{own}" if own else ""
    return text
