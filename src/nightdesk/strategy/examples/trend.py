"""Trend by targets: two moving averages of the mid; above means hold, below means hold the other way or none.

It only ever says what it wants to hold. The desk gets there, and a repeated signal, a restart or a lost
answer cannot double anything. On a node that stands by the averages are as warm as on the one that leads.
"""

from decimal import Decimal

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Quote
from nightdesk.strategy.api import Context, Sight, Strategy


class Trend(Strategy):
    """Holds `size` while the fast average is above the slow one, `-size` (or nothing) while below."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`fast` and `slow` are numbers of quotes; `band_bps` keeps the averages' noise from trading."""

        size: Decimal = Decimal("0.02")
        fast: int = 50
        slow: int = 400
        band_bps: float = 0.3
        both_ways: bool = False

    class State(msgspec.Struct):
        """The last direction per instrument: what was declared, not what was filled."""

        direction: dict[str, int] = {}

    def see_start(self, sight: Sight) -> None:
        """Averages are views: they start cold in every process."""
        self.averages: dict[InstrumentId, tuple[float, float, int]] = {}

    def see_quote(self, sight: Sight, quote: Quote) -> None:
        """Update both averages."""
        mid = float(quote.bid + quote.ask) / 2
        fast, slow, seen = self.averages.get(quote.instrument, (mid, mid, 0))
        fast += (mid - fast) * 2 / (self.params.fast + 1)
        slow += (mid - slow) * 2 / (self.params.slow + 1)
        self.averages[quote.instrument] = (fast, slow, seen + 1)

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """Declare a target when they cross."""
        params = self.params
        fast, slow, seen = self.averages[quote.instrument]
        if seen <= params.slow:
            return
        lead_bps = (fast - slow) / slow * 10_000
        if abs(lead_bps) < params.band_bps:
            return
        direction = 1 if lead_bps > 0 else -1
        if self.state.direction.get(quote.instrument) == direction:
            return
        self.state.direction[quote.instrument] = direction
        ctx.target(quote.instrument, self._wanted(direction))

    def on_target_suspended(self, ctx: Context, instrument: InstrumentId, why: str) -> None:
        """Somebody else changed the position: forget the direction, the next signal declares anew."""
        self.state.direction.pop(instrument, None)

    def _wanted(self, direction: int) -> Decimal:
        size: Decimal = self.params.size
        if direction > 0:
            return size
        return -size if self.params.both_ways else Decimal(0)
