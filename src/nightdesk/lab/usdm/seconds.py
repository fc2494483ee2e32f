"""What happens at a USD-M venue once a second: marks, what waits for them, funding, margin, streams.

Owns the order of it, and which seconds may be passed over where time is virtual: those in which nothing could
have changed. Refuses to settle anything itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.market import Market, Trade
from nightdesk.lab.settings import MS_NS, SECOND_NS
from nightdesk.lab.streams import MarketStreams
from nightdesk.lab.usdm import frames
from nightdesk.lab.usdm.algo import AlgoService
from nightdesk.lab.usdm.algo_orders import WorkingType
from nightdesk.lab.usdm.dialect import text
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.force import Force
from nightdesk.lab.usdm.funding import Funding
from nightdesk.lab.views import Json

_SLOW_MARK_S = 3  # `@markPrice` without a pace


@dataclass(slots=True, kw_only=True)
class Seconds:
    """The seconds of one venue. `flush` tells what they left behind."""

    exchange: PerpExchange
    algos: AlgoService
    funding: Funding
    force: Force
    market: Market
    streams: MarketStreams
    agenda: Agenda
    venue_ns: Callable[[int], int]
    flush: Callable[[int], None]
    all_of_them: bool
    _next_ns: int | None = None

    def begin(self, now_ns: int) -> None:
        """The first comes with the next whole second."""
        self._at(_next_whole(now_ns))

    def wake(self, now_ns: int) -> None:
        """Somebody asked for something: nobody knows what it changes."""
        soon_ns = _next_whole(now_ns)
        if self._next_ns is not None and self._next_ns > soon_ns:
            self._at(soon_ns)

    def _at(self, due_ns: int) -> None:
        self._next_ns = due_ns
        self.agenda.at(due_ns, self._pass)

    def _pass(self, now_ns: int) -> None:
        if now_ns != self._next_ns:
            return  # woken in between
        self._at(now_ns + SECOND_NS if self.all_of_them else self._something_ns(now_ns))
        for symbol, matcher in self.exchange.matchers.items():
            self.exchange.marks.take(symbol, matcher.book)
        for symbol, mark in self.exchange.marks.marks.items():
            self.algos.hear(symbol, WorkingType.MARK_PRICE, mark, now_ns, now_ns)
        self.funding.pass_second(now_ns)
        self.force.watch(now_ns)
        self._publish_marks(now_ns)
        self.flush(now_ns)

    def at_point(self, trade: Trade) -> None:
        """A contract of which only bars are known was worth as much as it traded at: whoever could not stand
        that is not asked how long it lasted."""
        symbol, now_ns, made_ns = trade.symbol, trade.at_ns, trade.trade_ns
        self.exchange.marks.traded(symbol, trade.price)
        self.algos.hear(symbol, WorkingType.MARK_PRICE, trade.price, now_ns, made_ns)
        self.force.watch(now_ns, made_ns)

    def _something_ns(self, now_ns: int) -> int:
        """The next second that may bring something: with marks that stand and were told, only what the
        market or funding brings. A call wakes."""
        exchange = self.exchange
        stand = all(exchange.marks.stands(s, m.book) for s, m in exchange.matchers.items())
        if not stand or not self._slow(now_ns):
            return now_ns + SECOND_NS
        venue_ns = self.venue_ns(now_ns)
        paid_ns = min(exchange.marks.next_funding_ns(symbol, venue_ns) for symbol in exchange.rules)
        funding_ns = now_ns + paid_ns - venue_ns
        market_ns = self.market.next_at_ns()
        first_ns = funding_ns if market_ns is None else min(funding_ns, market_ns)
        return max(now_ns + SECOND_NS, -(-first_ns // SECOND_NS) * SECOND_NS)

    def _slow(self, now_ns: int) -> bool:
        return self.venue_ns(now_ns) // SECOND_NS % _SLOW_MARK_S == 0

    def _publish_marks(self, now_ns: int) -> None:
        venue_ns, slow = self.venue_ns(now_ns), self._slow(now_ns)
        frames_of_all: list[Json] = []
        for symbol, mark in self.exchange.marks.marks.items():
            frame = self._mark_frame(symbol, mark, venue_ns)
            frames_of_all.append(frame)
            self._publish(f"{symbol.lower()}@markPrice", frame, now_ns, slow=slow)
        self._publish("!markPrice@arr", frames_of_all, now_ns, slow=slow)

    def _mark_frame(self, symbol: str, mark: Decimal, venue_ns: int) -> Json:
        marks = self.exchange.marks
        next_ms = marks.next_funding_ns(symbol, venue_ns) // MS_NS
        return frames.mark_price(symbol, mark, marks.rates[symbol], next_ms, venue_ns // MS_NS)

    def _publish(self, name: str, frame: Json | list[Json], now_ns: int, *, slow: bool) -> None:
        self.streams.publish(f"{name}@1s", now_ns, lambda _: text(frame))
        if slow:
            self.streams.publish(name, now_ns, lambda _: text(frame))


def _next_whole(now_ns: int) -> int:
    return now_ns - now_ns % SECOND_NS + SECOND_NS
