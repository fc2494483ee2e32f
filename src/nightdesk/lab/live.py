"""A live market: what a venue's public stream tells, as the lab's market, while it tells it.

Owns the order of what was heard, its time stamps, and what is left of a market when the stream is lost:
nothing. Refuses sockets: `live_feed` brings the frames.

The venue's stamps are on its own clock. The smallest distance between stamp and receipt on one connection is
taken for clock and way together; what came later than that was made earlier, and fills no younger order.
"""

from collections import deque
from collections.abc import Sequence

from nightdesk.lab.market import (
    BookTicker,
    DepthSnapshot,
    MarketEvent,
    MarketReport,
    Minute,
    Trade,
)
from nightdesk.lab.settings import MS_NS
from nightdesk.recordings.binance_raw import BookTickerBody, TradeBody, body_of
from nightdesk.recordings.report import BadPlace, ReadReport

STREAMS = ("bookTicker", "trade")


class LiveMarket:
    """Quotes and trades of `symbols`; `frame` and `lost` are called as things happen, `take` brings them on."""

    def __init__(self, source: str, symbols: Sequence[str]) -> None:
        self.symbols = list(symbols)
        self._source = source
        self._waiting: deque[MarketEvent] = deque()
        self._started = self._connected = False
        self._report = ReadReport()
        self._gap_ns: int | None = None
        self._update_id = self._at_ns = self._losses = self._given = self._heard = 0

    def path(self) -> str:
        """The combined stream of every symbol."""
        names = (f"{symbol.lower()}@{kind}" for symbol in self.symbols for kind in STREAMS)
        return f"/stream?streams={'/'.join(names)}"

    # --- heard -----------------------------------------------------------------------------

    def opened(self) -> None:
        """A new connection: how far its stamps are from receipt is measured anew."""
        self._connected, self._gap_ns = True, None

    def frame(self, text: bytes, at_ns: int) -> None:
        """One frame, received at `at_ns`; what cannot be read is counted and passed over."""
        self._heard += 1
        try:
            body = body_of(text)
            symbol = _listed(body, self.symbols)
        except ValueError as e:
            self._report.note_bad(BadPlace(file=self._source, line=self._heard, reason=str(e)))
            return
        self._report.good += 1
        at_ns = self._at_ns = max(self._at_ns, at_ns)
        if isinstance(body, TradeBody):
            gap_ns = at_ns - body.event_ms * MS_NS
            self._gap_ns = gap_ns if self._gap_ns is None else min(self._gap_ns, gap_ns)
            event_ns = body.event_ms * MS_NS + self._gap_ns
            older_ns = max(0, body.event_ms - body.trade_ms) * MS_NS
            self._waiting.append(
                Trade(
                    at_ns=at_ns,
                    event_ns=event_ns,
                    trade_ns=event_ns - older_ns,
                    symbol=symbol,
                    trade_id=body.trade_id,
                    price=body.price,
                    quantity=body.quantity,
                    buyer_is_maker=body.buyer_is_maker,
                )
            )
        elif isinstance(body, BookTickerBody):
            self._waiting.append(
                BookTicker(
                    at_ns=at_ns,
                    symbol=symbol,
                    update_id=self._next_id(),
                    bid=body.bid,
                    bid_quantity=body.bid_quantity,
                    ask=body.ask,
                    ask_quantity=body.ask_quantity,
                    alone=True,
                )
            )

    def lost(self, at_ns: int) -> None:
        """The stream ended: nobody knows what could be traded now, so nothing can be."""
        if not self._connected:
            return
        self._connected = False
        self._losses += 1
        at_ns = self._at_ns = max(self._at_ns, at_ns)
        for symbol in self.symbols:
            self._waiting.append(
                DepthSnapshot(at_ns=at_ns, symbol=symbol, last_id=self._next_id(), bids=(), asks=())
            )

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

    def report(self) -> MarketReport:
        """What was heard, what could not be read, and whether the stream is there."""
        bad = (f"{b.file}: frame {b.line}: {b.reason}" for b in self._report.first_bad)
        return MarketReport(
            source=self._source,
            given=self._given,
            good_lines=self._report.good,
            bad_lines=self._report.bad,
            first_bad=tuple(bad),
            connected=self._connected,
            losses=self._losses,
        )

    def _next_id(self) -> int:
        # Our own ids: those of the venue need not grow from one connection to the next.
        self._update_id += 1
        return self._update_id


def _listed(body: object, symbols: Sequence[str]) -> str:
    """Whose quote or trade it is. Raises `ValueError` for anything else: it was not subscribed."""
    if not isinstance(body, BookTickerBody | TradeBody):
        raise ValueError(f"{type(body).__name__} was not asked for")  # noqa: TRY004 - a frame, not an argument
    if body.symbol not in symbols:
        raise ValueError(f"{body.symbol} was not asked for")
    return body.symbol
