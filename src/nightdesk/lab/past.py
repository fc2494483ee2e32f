"""What a generated market tells of the time before it began: made up, so that clients can warm up.

Owns a walk that goes backwards from the first price, the same for the same seed. It is drawn only when somebody
asks, from chance of its own, so that it changes nothing else.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from nightdesk.lab.market import Listing, Minute

MINUTES_MAX = 43_200  # thirty days: what is asked for is also kept
_BPS = 1e-4
_MINUTE_BPS = 6.0  # how far a price typically moves in a minute
_NOTIONAL = 400_000.0  # what typically trades in one, in quote
_TRADES = (50, 500)


@dataclass(slots=True)
class Past:
    """One symbol's minutes before the beginning."""

    rules: Listing
    seed: str
    ends_at: float  # the price with which the market begins
    _drawn: list[Minute] = field(default_factory=list)  # newest first
    _rng: Random | None = None
    _price: float = 0.0

    def minutes(self, count: int) -> list[Minute]:
        """The last `count`, oldest first; no more than thirty days."""
        count = min(count, MINUTES_MAX)
        if self._rng is None:
            self._rng, self._price = Random(f"{self.seed}/past/{self.rules.symbol}"), self.ends_at
        while len(self._drawn) < count:
            self._drawn.append(self._one(self._rng))
        return self._drawn[:count][::-1]

    def _one(self, rng: Random) -> Minute:
        """The minute before the oldest one drawn so far."""
        close = self._price
        self._price = max(close * (1 - rng.gauss(0.0, _MINUTE_BPS) * _BPS), float(self.rules.tick))
        low, high = sorted((self._price, close))
        low *= 1 - abs(rng.gauss(0.0, _MINUTE_BPS / 2)) * _BPS
        high *= 1 + abs(rng.gauss(0.0, _MINUTE_BPS / 2)) * _BPS
        steps = max(1, int(_NOTIONAL * rng.uniform(0.3, 1.7) / close / float(self.rules.step)))
        return Minute(
            open=self._ticks(self._price),
            high=self._ticks(high),
            low=self._ticks(low),
            close=self._ticks(close),
            quantity=steps * self.rules.step,
            trades=rng.randint(*_TRADES),
        )

    def _ticks(self, price: float) -> Decimal:
        return max(1, round(price / float(self.rules.tick))) * self.rules.tick
