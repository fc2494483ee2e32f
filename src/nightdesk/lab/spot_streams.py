"""The spot venue's streams: their names, their pace, their frames.

Owns which frame goes into which stream. Refuses listeners: `streams` has them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from nightdesk.lab import frames
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, MarketEvent, Trade
from nightdesk.lab.streams import Write
from nightdesk.lab.tape import Tape
from nightdesk.lab.views import Json

_PERIODS = {
    "depth": 10,
    "depth5": 10,
    "depth10": 10,
    "depth20": 10,
    "depth5@100ms": 1,
    "depth10@100ms": 1,
    "depth20@100ms": 1,
    "ticker": 10,
    "miniTicker": 10,
}


@dataclass(slots=True)
class SpotDialect:
    """The streams of the spot venue."""

    exchange: Exchange
    tapes: dict[str, Tape]

    @property
    def periods(self) -> Mapping[str, int]:
        """Ticks between two frames, by kind."""
        return _PERIODS

    def told(self, event: MarketEvent) -> Iterable[tuple[str, Write]]:
        """The streams that carry an event at once."""
        symbol = event.symbol.lower()
        match event:
            case BookTicker():
                yield f"{symbol}@bookTicker", lambda _: frames.quote(event)
            case DepthUpdate():
                yield f"{symbol}@depth@100ms", lambda stamp: frames.depth(event, stamp)
            case Trade():
                yield f"{symbol}@trade", lambda stamp: frames.trade(event, stamp)
                yield f"{symbol}@aggTrade", lambda stamp: frames.aggregate_trade(event, stamp)
            case DepthSnapshot():
                return  # snapshots are read over REST; no stream carries them

    def batch(self, update: DepthUpdate) -> Write:
        """The slower diff stream."""
        return lambda stamp: frames.depth(update, stamp)

    def periodic(self, symbol: str, kind: str, now_ns: int) -> Write | None:
        """Tickers and partial books."""
        if symbol not in self.tapes:
            return None
        tape, book = self.tapes[symbol], self.exchange.matchers[symbol].book
        if kind == "ticker":
            return lambda stamp: _json(frames.ticker(tape, book, now_ns, stamp))
        if kind == "miniTicker":
            return lambda stamp: _json(frames.mini_ticker(tape, now_ns, stamp))
        count = int(kind.removeprefix("depth").removesuffix("@100ms"))
        return lambda _: frames.partial_depth(book, count)


def _json(frame: Json | None) -> str | None:
    return None if frame is None else msgspec.json.encode(frame).decode()
