"""A strategy in no hurry, for worlds: its targets rest in the book and follow the market, all the time.

It changes its mind about size, side, slices and hurry while an order rests, so that orders are given other
terms (or ended and placed anew, where the venue offers nothing else) while everything else fails.
"""

from nightdesk.model.market import Quote
from nightdesk.model.order import Urgency
from nightdesk.model.time import SECOND_NS
from nightdesk.simulation.contracts import table_of
from nightdesk.simulation.ideas import Ideas
from nightdesk.strategy.api import Context
from nightdesk.strategy.messages import Slices

HURRIES = (Urgency.PASSIVE, Urgency.PASSIVE, Urgency.PASSIVE, Urgency.MID, Urgency.TAKE)


class Resting(Ideas):
    """Targets by chance that seldom take."""

    class Params(Ideas.Params, frozen=True, forbid_unknown_fields=True):
        """More seldom: an order has to rest before it can be moved."""

        every: int = 10

    def idea(self, ctx: Context, quote: Quote) -> None:
        """Another target."""
        draw, instrument = ctx.random, quote.instrument
        if draw.random() < 0.05:
            ctx.target(instrument, None)
            return
        qty = self.qty_of(ctx, ctx.instruments[instrument], quote)
        qty *= 1 if draw.random() < 0.6 else -1
        slices = None
        if draw.random() < 0.3:
            slices = Slices(count=draw.randint(2, 4), every_ns=draw.randint(2, 6) * SECOND_NS)
        hurry = HURRIES[draw.randint(0, len(HURRIES) - 1)]
        ctx.target(instrument, qty, urgency=hurry, slices=slices)


LIMITS = """
[limits]
order_qty_max = "0.3"
order_notional_max = "1600"
position_max = "0.4"
gross_max = "6000"
open_orders_max = 8
orders_per_second_max = 5
collar_bps = "50"
stale_after_ms = 2000
"""
STRATEGY = """
[[strategy]]
name = "{name}"
class = "nightdesk.simulation.resting:Resting"
instruments = [{instruments}]
"""


def resting_text(practice: str, instruments: list[str]) -> str:
    """The practice desk's config with two such strategies, which share limits that are within reach."""
    text = practice.partition("[limits]")[0] + LIMITS
    for instrument in instruments:
        text += table_of(instrument)
        if "BTC" in instrument:
            text += '[instrument.limits]\nposition_max = "0.03"\n'
    listed = ", ".join(f'"{i}"' for i in instruments)
    return text + "".join(
        STRATEGY.format(name=name, instruments=listed) for name in ("resting", "waiting")
    )
