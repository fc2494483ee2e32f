"""The candle streams: each candle when it has ended, and the one being made while trades change it.

Owns when a candle is told. Refuses listeners and frames: `streams` and `frames` have them. It is asked once a
minute and by trades, not by a clock that ticks: where nothing trades, nothing is told but ends.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import msgspec

from nightdesk.lab.candles import INTERVALS_NS, between, settled_ns
from nightdesk.lab.frames import KlineFrame, kline
from nightdesk.lab.market import Market, Trade
from nightdesk.lab.tape import MINUTE_NS, SETTLE_NS, Tape
from nightdesk.lab.views import Stamp

_MARK = "@kline_"


class Listeners(Protocol):
    """Who hears a stream."""

    def hears(self, name: str) -> bool:
        """Whether anybody does."""
        ...

    def publish(self, name: str, now_ns: int, write: Callable[[Stamp], str | None]) -> None:
        """Push a frame to all of them."""
        ...


@dataclass(slots=True)
class _Stream:
    """One candle stream that somebody listens to. Times of candles are the venue's."""

    name: str
    symbol: str
    interval: str
    open_ns: int  # where the candle begins that may still change
    told_ns: int  # when a frame was told last, by the lab's clock
    owed: bool = True  # a new listener has not been told the candle being made

    @property
    def length_ns(self) -> int:
        """How long its candles last."""
        return INTERVALS_NS[self.interval]


@dataclass(slots=True)
class CandleFeed:
    """Every candle stream of one lab."""

    tapes: dict[str, Tape]
    market: Market
    later: Callable[[int, Callable[[int], None]], None]
    venue_ns: Callable[[int], int]
    listeners: Listeners
    every_ns: int  # the documented update speed of these streams
    _streams: dict[str, _Stream] = field(default_factory=dict)
    _due_ns: int = 0  # when it looks next, by the lab's clock

    def follow(self, names: Iterable[str], now_ns: int) -> None:
        """These streams are listened to now; those that are no candle streams are left alone."""
        for name in names:
            symbol, mark, interval = name.partition(_MARK)
            known = symbol.upper() in self.tapes and interval in INTERVALS_NS
            if mark and known and name not in self._streams:
                open_ns = settled_ns(self.venue_ns(now_ns), INTERVALS_NS[interval])
                self._streams[name] = _Stream(name, symbol.upper(), interval, open_ns, now_ns)
        self._await(now_ns)

    def _await(self, now_ns: int) -> None:
        """Look again soon after the next minute of the venue's, or when a new listener is owed a candle."""
        venue_ns = self.venue_ns(now_ns) - SETTLE_NS
        minute_ns = now_ns + MINUTE_NS - venue_ns % MINUTE_NS
        owed = (s.told_ns + self.every_ns for s in self._streams.values() if s.owed)
        due_ns = min([minute_ns, *(at_ns for at_ns in owed if at_ns > now_ns)])
        if self._streams and (self._due_ns <= now_ns or due_ns < self._due_ns):
            self._due_ns = due_ns
            self.later(due_ns, self._look)

    def _look(self, now_ns: int) -> None:
        """Tell what has ended, and new listeners the candle being made."""
        for stream in list(self._streams.values()):
            if not self.listeners.hears(stream.name):
                del self._streams[stream.name]
                continue
            open_ns = settled_ns(self.venue_ns(now_ns), stream.length_ns)
            if open_ns > stream.open_ns:
                stream.open_ns = open_ns
                self._tell(stream, open_ns - stream.length_ns, now_ns, closed=True)
            elif stream.owed and now_ns >= stream.told_ns + self.every_ns:
                self._tell(stream, stream.open_ns, now_ns, closed=False)
        self._await(now_ns)

    def begin(self, now_ns: int) -> None:
        """The market begins."""
        for tape in self.tapes.values():
            tape.begin(self.venue_ns(now_ns))

    def take(self, trade: Trade, now_ns: int) -> None:
        """A trade that the venue has just published: onto its tape, and into the candles being made."""
        symbol = trade.symbol
        self.tapes[symbol].add(trade, self.venue_ns(now_ns) - now_ns)
        for stream in self._streams.values():
            if stream.symbol == symbol and now_ns >= stream.told_ns + self.every_ns:
                self._tell(stream, stream.open_ns, now_ns, closed=False)

    def _tell(self, stream: _Stream, open_ns: int, now_ns: int, *, closed: bool) -> None:
        tape, length_ns = self.tapes[stream.symbol], stream.length_ns
        stream.owed = False
        for candle in between(tape, self.market, length_ns, open_ns, open_ns):
            stream.told_ns = now_ns
            told = KlineFrame(
                symbol=stream.symbol,
                interval=stream.interval,
                candle=candle,
                length_ns=length_ns,
                closed=closed,
            )
            self.listeners.publish(stream.name, now_ns, partial(_text, told, now_ns))


def _text(told: KlineFrame, now_ns: int, stamp: Stamp) -> str:
    return msgspec.json.encode(kline(told, now_ns, stamp)).decode()
