"""A market tests can script: a still book, and trades exactly when a test wants them."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from nightdesk.lab.market import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    MarketEvent,
    MarketReport,
    Minute,
    Trade,
)

D = Decimal
BEAT_NS = 20_000_000

Rows = Iterable[tuple[str, str]]


def levels(rows: Rows) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((D(price), D(quantity)) for price, quantity in rows)


def snapshot(bids: Rows, asks: Rows, *, last_id: int = 1, symbol: str = "BTCUSDT") -> DepthSnapshot:
    return DepthSnapshot(
        at_ns=0, symbol=symbol, last_id=last_id, bids=levels(bids), asks=levels(asks)
    )


def quote(
    update_id: int, bid: tuple[str, str], ask: tuple[str, str], *, at_ns: int = 0
) -> BookTicker:
    return BookTicker(
        at_ns=at_ns,
        symbol="BTCUSDT",
        update_id=update_id,
        bid=D(bid[0]),
        bid_quantity=D(bid[1]),
        ask=D(ask[0]),
        ask_quantity=D(ask[1]),
    )


def depth(update_id: int, bids: Rows = (), asks: Rows = (), *, at_ns: int = 0) -> DepthUpdate:
    return DepthUpdate(
        at_ns=at_ns,
        event_ns=at_ns,
        symbol="BTCUSDT",
        first_id=update_id,
        last_id=update_id,
        bids=levels(bids),
        asks=levels(asks),
    )


def trade(
    trade_id: int, price: str, quantity: str, *, buyer_is_maker: bool, at_ns: int = 0
) -> Trade:
    return Trade(
        at_ns=at_ns,
        event_ns=at_ns,
        trade_ns=at_ns,
        symbol="BTCUSDT",
        trade_id=trade_id,
        price=D(price),
        quantity=D(quantity),
        buyer_is_maker=buyer_is_maker,
    )


def stamped(event: MarketEvent, at_ns: int) -> MarketEvent:
    """The same event, happening at `at_ns`."""
    stamps = ("at_ns", "event_ns", "trade_ns")
    fields = {name: at_ns for name in stamps if name in event.__struct_fields__}
    return msgspec.structs.replace(event, **fields)


BIDS = (("99.00", "1"), ("98.00", "2"), ("97.00", "3"))
ASKS = (("101.00", "1"), ("102.00", "2"), ("103.00", "3"))


class ScriptedMarket:
    """A still book with a heartbeat; whatever a test puts in comes out at the next beat."""

    def __init__(
        self,
        opening: Iterable[MarketEvent] | None = None,
        *,
        script: Iterable[MarketEvent] = (),
        beating: bool = False,
        best: tuple[str, str] = ("99.00", "101.00"),
    ) -> None:
        self._best = best
        self._opening = list(opening) if opening is not None else [snapshot(BIDS, ASKS)]
        self._script = deque(script)
        self._beating = beating
        self._beat_ns = 0
        self._started = False
        self._update_id = 1_000
        self._trade_id = 0
        self.put_events: deque[MarketEvent] = deque()

    @property
    def ended(self) -> bool:
        return self._started and not self._beating and not self._script and not self.put_events

    def opening(self) -> list[MarketEvent]:
        return list(self._opening)

    def before(self, symbol: str, minutes: int) -> list[Minute]:
        return []

    def start(self, now_ns: int) -> None:
        self._started = True
        self._beat_ns = now_ns

    def print_trade(self, price: str, quantity: str, *, buyer_is_maker: bool = True) -> None:
        """Others trade, at the next beat."""
        self._trade_id += 1
        self.put_events.append(
            trade(self._trade_id, price, quantity, buyer_is_maker=buyer_is_maker)
        )

    def next_at_ns(self) -> int | None:
        if not self._started:
            return None
        times = [event.at_ns for event in list(self._script)[:1]]
        if self._beating:
            times.append(self._beat_ns)
        return min(times, default=None)

    def take(self, now_ns: int) -> list[MarketEvent]:
        events: list[MarketEvent] = []
        while self._script and self._script[0].at_ns <= now_ns:
            events.append(self._script.popleft())
        if self._beating and self._beat_ns <= now_ns:
            events += self._beat(self._beat_ns)
            self._beat_ns += BEAT_NS
        return events

    def _beat(self, at_ns: int) -> list[MarketEvent]:
        """One small quote, depth change and trade, far from any price tests use."""
        self._update_id += 2
        self._trade_id += 1
        size = "1" if self._update_id % 4 else "1.5"
        events: list[MarketEvent] = []
        while self.put_events:
            events.append(stamped(self.put_events.popleft(), at_ns))
        bid, ask = self._best
        best_bid, best_ask = (bid, size), (ask, "1")
        events += [
            quote(self._update_id - 1, best_bid, best_ask, at_ns=at_ns),
            depth(self._update_id, bids=[("90.00", size)], at_ns=at_ns),
            trade(10_000 + self._trade_id, ask, "0.001", buyer_is_maker=False, at_ns=at_ns),
        ]
        return events

    def report(self) -> MarketReport:
        return MarketReport(source="a script", given=0)
