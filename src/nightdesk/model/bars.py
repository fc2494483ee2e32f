"""Bars: which intervals there are, and what one bar says."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.time import SECOND_NS, Mono, Wall

_MINUTE_NS = 60 * SECOND_NS
# Those that divide a UTC day: where a bar begins then follows from the time alone.
INTERVALS_NS = {
    name: minutes * _MINUTE_NS
    for name, minutes in {
        "1m": 1,
        "3m": 3,
        "5m": 5,
        "15m": 15,
        "30m": 30,
        "1h": 60,
        "2h": 120,
        "4h": 240,
        "6h": 360,
        "8h": 480,
        "12h": 720,
        "1d": 1440,
    }.items()
}


class BarsOf(NamedTuple):
    """One instrument's bars of one interval."""

    instrument: InstrumentId
    interval: str

    @property
    def length_ns(self) -> int:
        """How long each lasts."""
        return INTERVALS_NS[self.interval]

    def __str__(self) -> str:
        return f"{self.instrument} {self.interval}"


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A bar that has ended: everything that traded from `opened` (UTC) until the next one's begin.

    `volume` is in base, `quote_volume` in quote. Where nothing traded, all prices are the close before.
    """

    instrument: InstrumentId
    interval: str
    opened: Wall
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    received: Mono

    @property
    def of(self) -> BarsOf:
        """The bars it is one of."""
        return BarsOf(self.instrument, self.interval)

    @property
    def ends(self) -> Wall:
        """When it ended, which is when the next one began."""
        return Wall(self.opened + INTERVALS_NS[self.interval])
