"""Tickers: prices and statistics of symbols, one or all at once.

Owns their routes, weights and shapes, and the reference price the filters compare with.
Refuses accounts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab import filters, params
from nightdesk.lab.api import Ask, Route, public_get
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.frames import best, change_percent
from nightdesk.lab.orders import ZERO, text8
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import SECOND_NS
from nightdesk.lab.tape import Candle, Tape
from nightdesk.lab.views import Json

_DAY_NS = 86_400 * SECOND_NS

_Show = Callable[[str, Ask], Json]


@dataclass(slots=True, frozen=True)
class _Weights:
    """Asking for one symbol is cheap, asking for all is not."""

    one: int
    many: int

    def __call__(self, sent: Mapping[str, str]) -> int:
        return self.one if "symbol" in sent else self.many


@dataclass(slots=True)
class Tickers:
    """The ticker endpoints of one lab."""

    exchange: Exchange
    tapes: dict[str, Tape]

    def routes(self) -> list[Route]:
        """Every ticker endpoint."""
        several = frozenset({"symbol", "symbols", "symbolStatus"})
        return [
            public_get(
                "avgPrice",
                self.average_price,
                weight=2,
                names=frozenset({"symbol"}),
                ws="avgPrice",
            ),
            public_get(
                "ticker/24hr",
                self.day_ticker,
                weight=_Weights(2, 80),
                names=several | {"type"},
                ws="ticker.24hr",
            ),
            public_get(
                "ticker/price",
                self.price_ticker,
                weight=_Weights(2, 4),
                names=several,
                ws="ticker.price",
            ),
            public_get(
                "ticker/bookTicker",
                self.book_ticker,
                weight=_Weights(2, 4),
                names=several,
                ws="ticker.book",
            ),
        ]

    def average_price(self, ask: Ask) -> object:
        """The average price the filters compare with."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        tape = self.tapes[symbol]
        return {
            "mins": filters.AVERAGE_MINUTES,
            "price": text8(self.reference_price(symbol, ask.now_ns) or ZERO),
            "closeTime": ask.stamp(tape.last.trade_ns if tape.last else ask.now_ns),
        }

    def reference_price(self, symbol: str, now_ns: int) -> Decimal | None:
        """The average of recent trades, or the middle of the book before there are any."""
        average = self.tapes[symbol].average_price(now_ns)
        return self.exchange.matchers[symbol].book.mid() if average is None else average

    def day_ticker(self, ask: Ask) -> object:
        """Statistics of the last 24 hours."""
        mini = ask.params.get("type", "FULL") == "MINI"
        if ask.params.get("type", "FULL") not in ("FULL", "MINI"):
            raise Refused(-1139, "Invalid ticker type.")
        return self._each(ask, self._mini_day if mini else self._full_day)

    def _each(self, ask: Ask, show: _Show) -> object:
        """One object for `symbol`, a list for `symbols` or none."""
        names = params.symbols(ask.params, self.exchange.rules)
        if "symbol" in ask.params and names is not None:
            return show(names[0], ask)
        return [show(name, ask) for name in names or self.exchange.rules]

    def _mini_day(self, symbol: str, ask: Ask) -> Json:
        day = self._day(symbol, ask.now_ns)
        return {
            "symbol": symbol,
            "openPrice": text8(day.open),
            "highPrice": text8(day.high),
            "lowPrice": text8(day.low),
            "lastPrice": text8(day.close),
            "volume": text8(day.volume),
            "quoteVolume": text8(day.quote),
            "openTime": ask.stamp(ask.now_ns - _DAY_NS),
            "closeTime": ask.stamp(ask.now_ns),
            "firstId": day.first_id,
            "lastId": day.last_id,
            "count": day.count,
        }

    def _full_day(self, symbol: str, ask: Ask) -> Json:
        day = self._day(symbol, ask.now_ns)
        last = self.tapes[symbol].last
        bid, ask_level = best(self.exchange.matchers[symbol].book)
        return {
            "symbol": symbol,
            "priceChange": text8(day.close - day.open),
            "priceChangePercent": change_percent(day) if day.open else "0.000",
            "weightedAvgPrice": text8(day.quote / day.volume if day.volume else day.close),
            "prevClosePrice": text8(day.open),
            "lastPrice": text8(day.close),
            "lastQty": text8(last.quantity if last else ZERO),
            "bidPrice": text8(bid[0]),
            "bidQty": text8(bid[1]),
            "askPrice": text8(ask_level[0]),
            "askQty": text8(ask_level[1]),
        } | {
            k: v for k, v in self._mini_day(symbol, ask).items() if k not in ("symbol", "lastPrice")
        }

    def _day(self, symbol: str, now_ns: int) -> Candle:
        """The day so far; before the first trade a day that stood at the book's middle."""
        day = self.tapes[symbol].day(now_ns)
        if day is not None:
            return day
        price = self.exchange.matchers[symbol].book.mid() or ZERO
        return Candle(now_ns, price, price, price, price, -1, -1)

    def price_ticker(self, ask: Ask) -> object:
        """Latest prices."""
        return self._each(
            ask,
            lambda symbol, a: {
                "symbol": symbol,
                "price": text8(self._day(symbol, a.now_ns).close),
            },
        )

    def book_ticker(self, ask: Ask) -> object:
        """Best prices and quantities."""
        return self._each(ask, self._best)

    def _best(self, symbol: str, ask: Ask) -> Json:
        bid, ask_level = best(self.exchange.matchers[symbol].book)
        return {
            "symbol": symbol,
            "bidPrice": text8(bid[0]),
            "bidQty": text8(bid[1]),
            "askPrice": text8(ask_level[0]),
            "askQty": text8(ask_level[1]),
        }
