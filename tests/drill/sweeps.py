"""A maker that wants something of the venue the moment it begins: what it finds open is to go."""

from nightdesk.strategy.api import Context
from nightdesk.strategy.examples.maker import Maker


class Sweeps(Maker):
    """Quotes anew after each takeover."""

    def on_start(self, ctx: Context) -> None:
        """Nothing of before is followed."""
        super().on_start(ctx)
        for ref in list(ctx.orders):
            ctx.cancel(ref)
