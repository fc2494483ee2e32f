"""A recorded market, played again on the lab's clock.

Owns the schedule of a replay and its new time stamps. Refuses files: captures are handed in
as lines, and `recordings` reads them.

The recorder's clock was not the venue's. What its receive times say is only how far apart
frames came; the typical gap between venue and recorder is measured on the first frames and
replaced by one millisecond, so that delays look like delays and their jitter stays real.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain, islice

from nightdesk.lab.market import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    MarketEvent,
    MarketReport,
    Minute,
    Trade,
)
from nightdesk.lab.settings import MS_NS
from nightdesk.recordings.binance_raw import (
    BookTickerBody,
    DepthBody,
    Frame,
    Reader,
    SnapshotBody,
    TradeBody,
    clock_skew_ns,
)
from nightdesk.recordings.files import Meter

# Frames read ahead to learn symbols, clock skew and the opening book.
HEAD_FRAMES = 2000
_TYPICAL_DELAY_NS = MS_NS


class _Capture:
    """One capture being read: its head is known, the rest streams."""

    def __init__(self, name: str, lines: Iterable[bytes]) -> None:
        self.reader = Reader(name)
        frames = self.reader.frames(lines)
        self.head = list(islice(frames, HEAD_FRAMES))
        self.skew_ns = clock_skew_ns(self.head)
        self._rest = frames

    def timed(self) -> Iterator[tuple[int, int, Frame]]:
        """Every frame with its receive time and the capture's clock skew; time never runs
        back, since captures of one recorder are in the order it received them."""
        latest_ns = 0
        for frame in chain(self.head, self._rest):
            latest_ns = max(latest_ns, frame.received_ns)
            yield latest_ns, self.skew_ns, frame


class ReplayMarket:
    """Captures, merged by receive time and played at `speed` times their pace. `origin_ns` is the recorded time
    (UTC) that is played when it starts: its first frame's, or that of another market played beside it."""

    def __init__(
        self,
        captures: Iterable[tuple[str, Iterable[bytes]]],
        speed: float = 1.0,
        meter: Meter | None = None,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed is above 0, not {speed}")
        self._captures = [_Capture(name, lines) for name, lines in captures]
        heads = [frame for capture in self._captures for frame in capture.head]
        if not heads:
            names = ", ".join(c.reader.file for c in self._captures) or "nothing"
            raise ValueError(f"no readable frame in {names}")
        self._speed = speed
        self._meter = meter or Meter()
        self._symbols = sorted({frame.symbol for frame in heads})
        self.origin_ns = min(frame.received_ns for frame in heads)
        self._snapshots = [f for f in heads if isinstance(f.body, SnapshotBody)]
        self._frames = merge(*(c.timed() for c in self._captures), key=_received)
        self._next: tuple[int, int, Frame] | None = None
        self._start_ns = 0
        self._started = False
        self._given = self._unlisted = self._position_ns = 0
        self._unlisted_first: deque[str] = deque(maxlen=1)

    @property
    def symbols(self) -> list[str]:
        """The symbols found at the beginning of the captures."""
        return self._symbols

    @property
    def ended(self) -> bool:
        """Whether the last frame was played."""
        return self._started and self._next is None

    def opening(self) -> list[MarketEvent]:
        """The recorded book snapshots, so that books are warm before the first frame."""
        return [self._event(frame, 0, 0) for frame in self._snapshots]

    def before(self, symbol: str, minutes: int) -> list[Minute]:
        """Nothing: a capture knows of no time before its own."""
        return []

    def start(self, now_ns: int) -> None:
        """Play from `now_ns` on."""
        self._start_ns = now_ns
        self._started = True
        self._pull()

    def next_at_ns(self) -> int | None:
        """When the next frame is due."""
        return None if self._next is None else self._due_ns(self._next[0])

    def take(self, now_ns: int) -> list[MarketEvent]:
        """Every frame due up to `now_ns`."""
        events: list[MarketEvent] = []
        while self._next is not None:
            received_ns, skew_ns, frame = self._next
            due_ns = self._due_ns(received_ns)
            if due_ns > now_ns:
                break
            events.append(self._event(frame, due_ns, skew_ns))
            self._position_ns = received_ns - self.origin_ns
            self._pull()
        self._given += len(events)
        return events

    def report(self) -> MarketReport:
        """Where the replay stands and what could not be read so far."""
        reports = [c.reader.report for c in self._captures]
        bad = [f"{b.file}:{b.line}: {b.reason}" for r in reports for b in r.first_bad]
        return MarketReport(
            source=", ".join(c.reader.file for c in self._captures),
            given=self._given,
            position_ns=self._position_ns,
            good_lines=sum(r.good for r in reports) - self._unlisted,
            bad_lines=sum(r.bad for r in reports) + self._unlisted,
            first_bad=(*bad, *self._unlisted_first),
            read_share=self._meter.share,
        )

    def _due_ns(self, received_ns: int) -> int:
        return self._start_ns + self._played_ns(received_ns - self.origin_ns)

    def _played_ns(self, recorded_ns: int) -> int:
        return int(recorded_ns / self._speed)

    def _pull(self) -> None:
        for row in self._frames:
            if row[2].symbol in self._symbols:
                self._next = row
                return
            self._unlisted += 1
            self._unlisted_first.append(
                f"line {row[2].line}: {row[2].symbol} is not among the first "
                f"{HEAD_FRAMES} frames, so the venue does not list it"
            )
        self._next = None

    def _event(self, frame: Frame, at_ns: int, skew_ns: int) -> MarketEvent:
        match frame.body:
            case BookTickerBody() as body:
                return BookTicker(
                    at_ns=at_ns,
                    symbol=body.symbol,
                    update_id=body.update_id,
                    bid=body.bid,
                    bid_quantity=body.bid_quantity,
                    ask=body.ask,
                    ask_quantity=body.ask_quantity,
                )
            case DepthBody() as body:
                return DepthUpdate(
                    at_ns=at_ns,
                    event_ns=self._stamp_ns(frame, body.event_ms, at_ns, skew_ns),
                    symbol=body.symbol,
                    first_id=body.first_id,
                    last_id=body.last_id,
                    bids=body.bids,
                    asks=body.asks,
                )
            case TradeBody() as body:
                event_ns = self._stamp_ns(frame, body.event_ms, at_ns, skew_ns)
                older_ns = max(0, body.event_ms - body.trade_ms) * MS_NS
                return Trade(
                    at_ns=at_ns,
                    event_ns=event_ns,
                    trade_ns=event_ns - self._played_ns(older_ns),
                    symbol=body.symbol,
                    trade_id=body.trade_id,
                    price=body.price,
                    quantity=body.quantity,
                    buyer_is_maker=body.buyer_is_maker,
                )
            case SnapshotBody() as body:
                return DepthSnapshot(
                    at_ns=at_ns,
                    symbol=frame.symbol,
                    last_id=body.last_id,
                    bids=body.bids,
                    asks=body.asks,
                )

    def _stamp_ns(self, frame: Frame, event_ms: int, at_ns: int, skew_ns: int) -> int:
        """When the venue made this frame, on the lab's clock: a delay before it arrives."""
        jitter_ns = frame.received_ns - event_ms * MS_NS - skew_ns
        return at_ns - self._played_ns(max(0, _TYPICAL_DELAY_NS + jitter_ns))


def _received(row: tuple[int, int, Frame]) -> int:
    return row[0]
