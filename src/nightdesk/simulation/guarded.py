"""A strategy that protects what it holds in every way there is, close to the market, for worlds.

It enters, grows, shrinks and leaves by targets, and changes its mind about stop, trailing stop, take profit and
bracket all the time, so that orders trigger, are replaced and are dropped while everything else fails.
"""

from decimal import Decimal

from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.simulation.contracts import table_of
from nightdesk.simulation.ideas import Ideas
from nightdesk.strategy.api import Context

BPS = Decimal(10_000)
TERMS = ("stop", "trailing", "profit", "bracket", "trailing bracket")


class Guarded(Ideas):
    """Targets and protections by chance."""

    least_share = 0.2

    def idea(self, ctx: Context, quote: Quote) -> None:
        """Enter, grow, shrink, leave, or protect otherwise."""
        instrument, held = quote.instrument, ctx.position(quote.instrument)
        rules = ctx.instruments[instrument]
        idea = ctx.random.random()
        if held == 0:
            side = 1 if ctx.random.random() < 0.8 else -1
            ctx.target(instrument, self.qty_of(ctx, rules, quote) * side)
            self._protect(ctx, rules, quote, side)
        elif idea < 0.08:
            self._protect(ctx, rules, quote, 1 if held > 0 else -1)
        elif idea < 0.2:
            ctx.target(instrument, self.qty_of(ctx, rules, quote) * (1 if held > 0 else -1))
        elif idea < 0.23:
            ctx.target(instrument, Decimal(0))
        elif idea < 0.25:
            ctx.protect(instrument)
        elif idea < 0.27:
            ctx.target(instrument, None)

    def _protect(self, ctx: Context, rules: Instrument, quote: Quote, side: int) -> None:
        terms = TERMS[ctx.random.randint(0, len(TERMS) - 1)]
        stop = self._away(ctx, rules, quote, -side) if terms in ("stop", "bracket") else None
        profit = None
        if terms in ("profit", "bracket", "trailing bracket"):
            profit = self._away(ctx, rules, quote, side)
        trail = ctx.random.randint(10, 40) if terms.startswith("trailing") else 0
        ctx.protect(quote.instrument, stop=stop, take_profit=profit, trail_bps=trail)

    def _away(self, ctx: Context, rules: Instrument, quote: Quote, side: int) -> Decimal:
        """A price above (or below) the market, seldom on its wrong side."""
        touch = quote.ask if side > 0 else quote.bid
        return rules.price_down(touch * (1 + side * ctx.random.randint(-1, 25) / BPS))


LIMITS = """
[limits]
order_qty_max = "2"
order_notional_max = "4000"
position_max = "1"
gross_max = "20000"
open_orders_max = 30
orders_per_second_max = 20
collar_bps = "50"
stale_after_ms = 2000
"""
STRATEGY = """
[[strategy]]
name = "guarded"
class = "nightdesk.simulation.guarded:Guarded"
instruments = [{instruments}]
"""


def guarded_text(practice: str, instruments: list[str]) -> str:
    """The practice desk's config with this strategy alone, and room for it."""
    text = practice.partition("[limits]")[0] + LIMITS
    for instrument in instruments:
        text += table_of(instrument)
    return text + STRATEGY.format(instruments=", ".join(f'"{i}"' for i in instruments))
