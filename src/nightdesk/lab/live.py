"""A live market: what a venue's public streams tell, as the lab's market, while they tell it.

Owns the order of what was heard, its time stamps, and what is left of a market when a stream is lost:
nothing. Refuses sockets and the spelling of frames: `live_feed` brings them, `live_frames` reads them.

The venue's stamps are on its own clock. The smallest distance between stamp and receipt since a connection
was made is taken for clock and way together; what came later than that was made earlier, and fills no younger
order.
"""

from collections import deque
from collections.abc import Sequence

from nightdesk.lab.live_frames import SPOT, Roots, body_of, paths_of
from nightdesk.lab.market import (
    BookTicker,
    DepthSnapshot,
    MarketEvent,
    MarketReport,
    Minute,
    ToldMark,
    Trade,
)
from nightdesk.lab.settings import MS_NS
from nightdesk.recordings.binance_raw import BookTickerBody, TradeBody
from nightdesk.recordings.report import BadPlace, ReadReport


class LiveMarket:
    """Quotes, trades and marks of `symbols`; `opened`, `frame` and `lost` are called as things happen, `take`
    brings them on. A venue whose market has several `roots` is heard on all of them or not at all."""

    def __init__(self, source: str, symbols: Sequence[str], roots: Roots = SPOT) -> None:
        self.symbols = list(symbols)
        self.paths = paths_of(roots, symbols)
        self._source = source
        self._waiting: deque[MarketEvent] = deque()
        self._marks: dict[str, ToldMark] = {}
        self._started = False
        self._open: set[str] = set()
        self._report = ReadReport()
        self._gap_ns: int | None = None
        self._update_id = self._at_ns = self._losses = self._given = self._heard = 0

    # --- heard -----------------------------------------------------------------------------

    def opened(self, path: str) -> None:
        """A new connection: how far its stamps are from receipt is measured anew."""
        self._open.add(path)
        self._gap_ns = None

    def frame(self, text: bytes, at_ns: int) -> None:
        """One frame, received at `at_ns`; what cannot be read is counted and passed over."""
        self._heard += 1
        try:
            body = body_of(text, self.symbols)
        except ValueError as e:
            self._report.note_bad(BadPlace(file=self._source, line=self._heard, reason=str(e)))
            return
        self._report.good += 1
        at_ns = self._at_ns = max(self._at_ns, at_ns)
        if not self._whole:
            return
        match body:
            case TradeBody():
                self._waiting.append(self._trade(body, at_ns))
            case BookTickerBody():
                self._waiting.append(self._quote(body, at_ns))
            case ToldMark():
                self._marks[body.symbol] = body

    def lost(self, path: str, at_ns: int) -> None:
        """A stream ended: nobody knows what could be traded now, so nothing can be."""
        if path not in self._open:
            return
        if self._whole:
            self._losses += 1
            at_ns = self._at_ns = max(self._at_ns, at_ns)
            for symbol in self.symbols:
                nothing = DepthSnapshot(
                    at_ns=at_ns, symbol=symbol, last_id=self._next_id(), bids=(), asks=()
                )
                self._waiting.append(nothing)
        self._open.discard(path)

    # --- the lab's side --------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Never: a stream that was lost may come back."""
        return False

    def opening(self) -> list[MarketEvent]:
        """Nothing: the first quote says what can be traded."""
        return []

    def before(self, symbol: str, minutes: int) -> list[Minute]:
        """Nothing: a live stream tells nothing of before."""
        return []

    def start(self, now_ns: int) -> None:
        """Bring on what is heard."""
        self._started = True
        self._waiting.clear()  # heard before anybody could trade on it

    def next_at_ns(self) -> int | None:
        """When the oldest of what waits was heard."""
        return self._waiting[0].at_ns if self._started and self._waiting else None

    def take(self, now_ns: int) -> list[MarketEvent]:
        """Everything that was heard up to `now_ns`."""
        events: list[MarketEvent] = []
        while self._waiting and self._waiting[0].at_ns <= now_ns:
            events.append(self._waiting.popleft())
        self._given += len(events)
        return events

    def told_mark(self, symbol: str) -> ToldMark | None:
        """What the venue said last of a contract's mark price and funding."""
        return self._marks.get(symbol)

    def report(self) -> MarketReport:
        """What was heard, what could not be read, and whether every stream is there."""
        bad = (f"{b.file}: frame {b.line}: {b.reason}" for b in self._report.first_bad)
        return MarketReport(
            source=self._source,
            given=self._given,
            good_lines=self._report.good,
            bad_lines=self._report.bad,
            first_bad=tuple(bad),
            connected=self._whole,
            losses=self._losses,
        )

    @property
    def _whole(self) -> bool:
        return len(self._open) == len(self.paths)

    def _trade(self, body: TradeBody, at_ns: int) -> Trade:
        gap_ns = at_ns - body.event_ms * MS_NS
        self._gap_ns = gap_ns if self._gap_ns is None else min(self._gap_ns, gap_ns)
        event_ns = body.event_ms * MS_NS + self._gap_ns
        older_ns = max(0, body.event_ms - body.trade_ms) * MS_NS
        return Trade(
            at_ns=at_ns,
            event_ns=event_ns,
            trade_ns=event_ns - older_ns,
            symbol=body.symbol,
            trade_id=body.trade_id,
            price=body.price,
            quantity=body.quantity,
            buyer_is_maker=body.buyer_is_maker,
        )

    def _quote(self, body: BookTickerBody, at_ns: int) -> BookTicker:
        return BookTicker(
            at_ns=at_ns,
            symbol=body.symbol,
            update_id=self._next_id(),
            bid=body.bid,
            bid_quantity=body.bid_quantity,
            ask=body.ask,
            ask_quantity=body.ask_quantity,
            alone=True,
        )

    def _next_id(self) -> int:
        # Our own ids: those of the venue need not grow from one connection to the next.
        self._update_id += 1
        return self._update_id
