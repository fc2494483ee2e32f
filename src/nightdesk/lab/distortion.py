"""What the market streams tell wrongly: too often, out of order, not at all, or at false prices.

Owns the messages of a market between the exchange, which always knows the truth, and the streams.
Refuses to touch matching, REST answers and what the streams tell by the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from msgspec.structs import replace

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.catalogue import FaultKind
from nightdesk.lab.choices import Stream
from nightdesk.lab.faults import Fault, FaultBoard
from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, MarketEvent, Trade
from nightdesk.lab.matching import Matcher
from nightdesk.lab.orders import ZERO
from nightdesk.lab.settings import SECOND_NS
from nightdesk.lab.streams import MarketStreams

# A message held back for reordering is told after this long even if no other follows it.
_HELD_NS_MAX = SECOND_NS
_BPS = Decimal(10_000)
_CROSSED_BPS = 10
_FRAMES = {
    Stream.QUOTE: ("bookTicker",),
    Stream.DEPTH: ("depth", "depth@100ms"),
    Stream.TRADE: ("trade", "aggTrade"),
}

_Key = tuple[str, Stream]


class Grid(Protocol):
    """What is read of a symbol's rules."""

    @property
    def tick(self) -> Decimal:
        """The step of prices."""
        ...

    @property
    def quantity_min(self) -> Decimal:
        """The smallest quantity."""
        ...


class Floor(Protocol):
    """A venue's books and rules by symbol."""

    @property
    def matchers(self) -> Mapping[str, Matcher]:
        """The books, which know the truth."""
        ...

    @property
    def rules(self) -> Mapping[str, Grid]:
        """The grids of prices and quantities."""
        ...


@dataclass(slots=True)
class Distortion:
    """The way of market messages to the streams of one lab."""

    exchange: Floor
    faults: FaultBoard
    agenda: Agenda
    streams: MarketStreams
    _held: dict[_Key, MarketEvent] = field(default_factory=dict)
    # The quote that each fault has frozen of each symbol, and the bids it has made up.
    _frozen: dict[tuple[int, str], BookTicker] = field(default_factory=dict)
    _made_up: dict[str, Decimal] = field(default_factory=dict)

    def on_event(self, event: MarketEvent, now_ns: int) -> None:
        """Pass a message on, faults permitting."""
        if not self._held and not self._made_up and not self.faults.of_market():
            self.streams.on_event(event, now_ns)
            return
        stream = _stream_of(event)
        if not self.streams.listened(event.symbol, _FRAMES[stream]):
            return
        key = (event.symbol, stream)
        overtaken = FaultKind.REORDERED_MARKET if key in self._held else None
        struck = self.faults.on_message(event.symbol, stream, now_ns, but=overtaken)
        told: MarketEvent | None = self._put_right(event)
        for fault in struck:
            if told is not None:
                told = self._changed(fault, told)
        if told is not None:
            self.streams.collect(told)
            self._deliver(struck, key, told, now_ns)

    # --- what is told ----------------------------------------------------------------------

    def _changed(self, fault: Fault, event: MarketEvent) -> MarketEvent | None:
        """The message as the fault tells it; None when it is not told."""
        match fault.spec.kind:
            case FaultKind.DEPTH_GAP:
                self.streams.skip(event.symbol)
                return None
            case FaultKind.FROZEN_MARKET:
                return self._as_frozen(fault, event)
            case FaultKind.CROSSED_BOOK:
                return self._crossed(event)
            case FaultKind.PRICE_SPIKE:
                return self._spiked(event, fault.spec.bps)
            case _:
                return event

    def _as_frozen(self, fault: Fault, event: MarketEvent) -> MarketEvent | None:
        """The same quote under a new id. Nothing trades and no level changes meanwhile."""
        if isinstance(event, DepthUpdate):
            self.streams.skip(event.symbol)
        if not isinstance(event, BookTicker):
            return None
        first = self._frozen.setdefault((fault.id, event.symbol), event)
        return replace(first, update_id=event.update_id, at_ns=event.at_ns)

    def _crossed(self, event: MarketEvent) -> MarketEvent:
        """A bid above the ask: the quote's sides change places, a level appears."""
        if isinstance(event, BookTicker):
            return replace(
                event,
                bid=event.ask,
                bid_quantity=event.ask_quantity,
                ask=event.bid,
                ask_quantity=event.bid_quantity,
            )
        ask = self.exchange.matchers[event.symbol].book.asks.best()
        if not isinstance(event, DepthUpdate) or ask is None:
            return event
        price = self._moved(event.symbol, ask, _CROSSED_BPS)
        rules = self.exchange.rules[event.symbol]
        self._made_up[event.symbol] = price = max(price, ask + rules.tick)
        return _with_bid(event, price, rules.quantity_min)

    def _put_right(self, event: MarketEvent) -> MarketEvent:
        """Take a level that was made up back, so that books are right when the fault is over."""
        if not isinstance(event, DepthUpdate) or event.symbol not in self._made_up:
            return event
        price = self._made_up.pop(event.symbol)
        quantity = self.exchange.matchers[event.symbol].book.bids.levels.get(price, ZERO)
        return _with_bid(event, price, quantity)

    def _spiked(self, event: MarketEvent, bps: int) -> MarketEvent:
        if isinstance(event, BookTicker):
            bid, ask = (self._moved(event.symbol, p, bps) for p in (event.bid, event.ask))
            return replace(event, bid=bid, ask=ask)
        if isinstance(event, Trade):
            return replace(event, price=self._moved(event.symbol, event.price, bps))
        return event

    def _moved(self, symbol: str, price: Decimal, bps: int) -> Decimal:
        tick = self.exchange.rules[symbol].tick
        return max(price * (_BPS + bps) / _BPS // tick * tick, tick)

    # --- how often, and when ---------------------------------------------------------------

    def _deliver(self, struck: list[Fault], key: _Key, event: MarketEvent, now_ns: int) -> None:
        kinds = {fault.spec.kind for fault in struck}
        if FaultKind.REORDERED_MARKET in kinds:
            self._hold(key, event, now_ns)
            return
        times = [f.spec.times for f in struck if f.spec.kind is FaultKind.DUPLICATE_MARKET]
        for _ in range(max(times, default=1)):
            self.streams.tell(event, now_ns)
        self._release(key, now_ns)

    def _hold(self, key: _Key, event: MarketEvent, now_ns: int) -> None:
        self._held[key] = event

        def give_up(at_ns: int) -> None:
            if self._held.get(key) is event:
                self._release(key, at_ns)

        self.agenda.at(now_ns + _HELD_NS_MAX, give_up)

    def _release(self, key: _Key, now_ns: int) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self.streams.tell(held, now_ns)


def _with_bid(event: DepthUpdate, price: Decimal, quantity: Decimal) -> DepthUpdate:
    """The same changes, and this level."""
    others = tuple(row for row in event.bids if row[0] != price)
    return replace(event, bids=(*others, (price, quantity)))


def _stream_of(event: MarketEvent) -> Stream:
    match event:
        case BookTicker():
            return Stream.QUOTE
        case Trade():
            return Stream.TRADE
        case DepthUpdate() | DepthSnapshot():
            return Stream.DEPTH
