"""How long Binance's streams may say nothing before they are doubted, and how long a connection lives.

Sources: web-socket-streams.md and web-socket-api.md ("General Information": a connection is good for 24 hours;
a ping frame every 20 seconds; `serverShutdown` is told ten minutes before), and the USD-M pages "Websocket
Market Streams" (24 hours; a ping every 3 minutes) and of each stream ("Update Speed"), read 2026-11-22.
"""

from collections.abc import Mapping
from typing import NamedTuple

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Book, Mark, MarketEvent, Quote, Trade
from nightdesk.model.time import SECOND_NS

LIFE_NS = 24 * 3_600 * SECOND_NS
Subscription = tuple[InstrumentId, type[MarketEvent]]


class _Cadence(NamedTuple):
    """`patience_s` is several times what is documented (`every_s`), or what a market that is traded takes
    between two frames where the documents only say "real-time" (0): there silence is a doubt, not a proof."""

    event: type[MarketEvent]
    every_s: float
    patience_s: float


_CADENCES = {
    "bookTicker": _Cadence(Quote, 0, 10),
    "trade": _Cadence(Trade, 0, 60),
    "aggTrade": _Cadence(Trade, 0, 60),
    "markPrice": _Cadence(Mark, 1, 5),
    "depth": _Cadence(Book, 0.1, 5),
}
# Not among them: candles. One is told when it has ended; what is late of them is asked for (`runtime.bars`).


def patience(path: str, symbols: Mapping[str, InstrumentId]) -> dict[Subscription, int]:
    """What comes over a market stream with this path, and for how long (ns) each of it may say nothing."""
    expected: dict[Subscription, int] = {}
    for name in path.partition("streams=")[2].split("/"):
        symbol, _, kind = name.partition("@")
        cadence = _CADENCES.get(kind.partition("@")[0].rstrip("0123456789"))
        instrument = symbols.get(symbol.upper())
        if cadence is not None and instrument is not None:
            expected[instrument, cadence.event] = round(cadence.patience_s * SECOND_NS)
    return expected
