"""The USD-M venue's streams: their names, their pace, their frames.

Owns which frame goes into which stream. Refuses listeners: `streams` has them. Mark prices and forced
orders are published by whoever makes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from nightdesk.lab.frames import mini_ticker
from nightdesk.lab.frames import ticker as day_ticker
from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, MarketEvent, Trade
from nightdesk.lab.streams import Write
from nightdesk.lab.tape import Tape
from nightdesk.lab.usdm import frames
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.views import Json

_PARTIAL = {
    f"depth{count}{pace}": ticks
    for count in (5, 10, 20)
    for pace, ticks in (("", 2), ("@100ms", 1), ("@500ms", 5))
}
_PERIODS = _PARTIAL | {"depth": 2, "ticker": 20, "miniTicker": 20}


@dataclass(slots=True)
class PerpDialect:
    """The streams of one USD-M venue."""

    exchange: PerpExchange
    tapes: dict[str, Tape]

    @property
    def periods(self) -> Mapping[str, int]:
        """Ticks between two frames, by kind."""
        return _PERIODS

    def told(self, event: MarketEvent) -> Iterable[tuple[str, Write]]:
        """The streams that carry an event at once."""
        symbol, rules = event.symbol.lower(), self.exchange.rules[event.symbol]
        match event:
            case BookTicker():
                yield f"{symbol}@bookTicker", lambda stamp: frames.quote(rules, event, stamp)
                yield "!bookTicker", lambda stamp: frames.quote(rules, event, stamp)
            case DepthUpdate():
                for pace in ("@100ms", "@0ms"):
                    yield f"{symbol}@depth{pace}", lambda stamp: frames.depth(rules, event, stamp)
            case Trade():
                yield f"{symbol}@trade", lambda stamp: frames.trade(rules, event, stamp)
                yield (
                    f"{symbol}@aggTrade",
                    lambda stamp: frames.aggregate_trade(rules, event, stamp),
                )
            case DepthSnapshot():
                return  # snapshots are read over REST; no stream carries them

    def batch(self, update: DepthUpdate) -> Write:
        """The slower diff stream."""
        rules = self.exchange.rules[update.symbol]
        return lambda stamp: frames.depth(rules, update, stamp)

    def periodic(self, symbol: str, kind: str, now_ns: int) -> Write | None:
        """Tickers and partial books."""
        if symbol not in self.tapes:
            return None
        tape, book = self.tapes[symbol], self.exchange.matchers[symbol].book
        rules = self.exchange.rules[symbol]
        if kind == "ticker":
            return lambda stamp: text(day_ticker(tape, book, now_ns, stamp))
        if kind == "miniTicker":
            return lambda stamp: text(mini_ticker(tape, now_ns, stamp))
        count = int(kind.removeprefix("depth").partition("@")[0])
        return lambda stamp: frames.partial_depth(rules, book, count, stamp(now_ns))


def text(frame: Json | list[Json] | None) -> str | None:
    """A frame as it is sent."""
    return None if frame is None else msgspec.json.encode(frame).decode()
