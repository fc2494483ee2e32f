"""The tape of one symbol: its recent trades and what is computed from them.

Owns trades, candles and the 24-hour window. Refuses shapes: `public` and `frames` write them.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from nightdesk.lab.market import Trade
from nightdesk.lab.orders import ZERO
from nightdesk.lab.settings import SECOND_NS

MINUTE_NS = 60 * SECOND_NS
SETTLE_NS = SECOND_NS // 10  # so long after its end a minute still takes a trade made in it
_TRADES_KEPT = 1000  # what one request may ask for
_MINUTES_KEPT = 1440  # a day: the window of the 24-hour statistics
_AVERAGE_MINUTES = 5


@dataclass(slots=True)
class Candle:
    """Trades of a span of time; `open_ns` is on the venue's clock. Ids are -1 where nothing traded."""

    open_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    first_id: int
    last_id: int
    volume: Decimal = ZERO
    quote: Decimal = ZERO
    count: int = 0
    taker_buy_volume: Decimal = ZERO
    taker_buy_quote: Decimal = ZERO

    def add(self, trade: Trade) -> None:
        """Count a trade."""
        price, quote = trade.price, trade.price * trade.quantity
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.last_id = trade.trade_id
        self.volume += trade.quantity
        self.quote += quote
        self.count += 1
        if not trade.buyer_is_maker:
            self.taker_buy_volume += trade.quantity
            self.taker_buy_quote += quote

    def absorb(self, later: "Candle") -> None:
        """Make this candle cover a later one too."""
        if self.first_id < 0:
            self.first_id = later.first_id
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.last_id = max(self.last_id, later.last_id)
        self.volume += later.volume
        self.quote += later.quote
        self.count += later.count
        self.taker_buy_volume += later.taker_buy_volume
        self.taker_buy_quote += later.taker_buy_quote


def copied(candle: Candle, open_ns: int) -> Candle:
    """A candle with the same content, to absorb later ones."""
    copy = Candle(
        open_ns, candle.open, candle.high, candle.low, candle.open, candle.first_id, candle.last_id
    )
    copy.absorb(candle)
    return copy


def merged(candles: Iterable[Candle], length_ns: int) -> Iterator[Candle]:
    """Candles of a longer interval."""
    current: Candle | None = None
    for candle in candles:
        open_ns = candle.open_ns - candle.open_ns % length_ns
        if current is not None and current.open_ns == open_ns:
            current.absorb(candle)
            continue
        if current is not None:
            yield current
        current = copied(candle, open_ns)
    if current is not None:
        yield current


@dataclass(slots=True)
class Tape:
    """Everything remembered of one symbol's trades."""

    symbol: str
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=_TRADES_KEPT))
    minutes: deque[Candle] = field(default_factory=lambda: deque(maxlen=_MINUTES_KEPT))
    began_ns: int | None = None  # the minute in which the market began
    forgot: bool = False  # whether older minutes were dropped
    _closed: Candle | None = None
    _closed_at_ns: int = -1

    def begin(self, venue_ns: int) -> None:
        """The market begins."""
        self.began_ns = venue_ns - venue_ns % MINUTE_NS

    def add(self, trade: Trade, offset_ns: int) -> None:
        """Take a trade the venue has just published; its clock is `offset_ns` ahead.

        The minute is the one it was made in, while that one takes any: what is final stays as it was told.
        """
        self.trades.append(trade)
        at_ns = max(trade.trade_ns, trade.at_ns - SETTLE_NS) + offset_ns
        open_ns = at_ns - at_ns % MINUTE_NS
        if self.began_ns is None:
            self.began_ns = open_ns
        if not self.minutes or self.minutes[-1].open_ns < open_ns:
            self.forgot = len(self.minutes) == self.minutes.maxlen
            price, number = trade.price, trade.trade_id
            self.minutes.append(Candle(open_ns, price, price, price, price, number, number))
        self.minutes[-1].add(trade)

    @property
    def last(self) -> Trade | None:
        """The newest trade."""
        return self.trades[-1] if self.trades else None

    def average_price(self, now_ns: int) -> Decimal | None:
        """Volume-weighted over the last five minutes; the last price without trades in them."""
        since_ns = now_ns - _AVERAGE_MINUTES * MINUTE_NS
        recent = [c for c in list(self.minutes)[-_AVERAGE_MINUTES - 1 :] if c.open_ns >= since_ns]
        volume = sum((c.volume for c in recent), ZERO)
        if volume:
            return sum((c.quote for c in recent), ZERO) / volume
        return self.trades[-1].price if self.trades else None

    def day(self, now_ns: int) -> Candle | None:
        """The last 24 hours as one candle; None before the first trade."""
        if not self.minutes:
            return None
        newest = self.minutes[-1]
        if self._closed_at_ns != newest.open_ns:
            self._closed_at_ns = newest.open_ns
            since_ns = now_ns - _MINUTES_KEPT * MINUTE_NS
            closed = [c for c in self.minutes if c is not newest and c.open_ns >= since_ns]
            self._closed = None
            for candle in closed:
                if self._closed is None:
                    self._closed = copied(candle, candle.open_ns)
                else:
                    self._closed.absorb(candle)
        if self._closed is None:
            return newest
        whole = copied(self._closed, self._closed.open_ns)
        whole.absorb(newest)
        return whole
