"""Raw Binance captures: one line is `<receive time, ns> <frame as it came>`.

Owns turning such lines into typed frames and telling how much of a capture was readable.
Refuses to stop at a bad line, and refuses to drop one silently: each is counted, and the
first few are kept with their place and reason. It touches no file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Generic, TypeVar

import msgspec

from nightdesk.recordings.report import BadPlace, BrokenCapture, ReadReport
from nightdesk.recordings.rows import SANE_MAX

Levels = tuple[tuple[Decimal, Decimal], ...]

_STREAM_PREFIX = b'{"stream":"'
_MS_NS = 1_000_000


class BookTickerBody(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask, as streamed by `<symbol>@bookTicker`. It carries no time."""

    symbol: str = msgspec.field(name="s")
    update_id: int = msgspec.field(name="u")
    bid: Decimal = msgspec.field(name="b")
    bid_quantity: Decimal = msgspec.field(name="B")
    ask: Decimal = msgspec.field(name="a")
    ask_quantity: Decimal = msgspec.field(name="A")


class DepthBody(msgspec.Struct, frozen=True, kw_only=True):
    """Changed levels of a book, as streamed by `<symbol>@depth`."""

    symbol: str = msgspec.field(name="s")
    event_ms: int = msgspec.field(name="E")
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")


class TradeBody(msgspec.Struct, frozen=True, kw_only=True):
    """One trade, as streamed by `<symbol>@trade`."""

    symbol: str = msgspec.field(name="s")
    event_ms: int = msgspec.field(name="E")
    trade_ms: int = msgspec.field(name="T")
    trade_id: int = msgspec.field(name="t")
    price: Decimal = msgspec.field(name="p")
    quantity: Decimal = msgspec.field(name="q")
    buyer_is_maker: bool = msgspec.field(name="m")


class SnapshotBody(msgspec.Struct, frozen=True, kw_only=True):
    """A whole book as REST gave it to the recorder. It does not say which symbol it is."""

    last_id: int = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels


Body = BookTickerBody | DepthBody | TradeBody | SnapshotBody


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One good line: when the recorder received it, where it stood, what it said."""

    received_ns: int
    line: int
    symbol: str
    body: Body


_T = TypeVar("_T")
_B = TypeVar("_B", bound=Body)


class _Envelope(msgspec.Struct, Generic[_T]):
    data: _T


_DECODERS: dict[
    bytes,
    msgspec.json.Decoder[_Envelope[BookTickerBody]]
    | msgspec.json.Decoder[_Envelope[DepthBody]]
    | msgspec.json.Decoder[_Envelope[TradeBody]],
] = {
    b"bookTicker": msgspec.json.Decoder(_Envelope[BookTickerBody]),
    b"depth": msgspec.json.Decoder(_Envelope[DepthBody]),
    b"trade": msgspec.json.Decoder(_Envelope[TradeBody]),
}
_SNAPSHOT = msgspec.json.Decoder(SnapshotBody)


@dataclass(slots=True)
class Reader:
    """Reads the lines of one capture. `file` is only a name, for the report."""

    file: str
    report: ReadReport = field(default_factory=ReadReport)
    symbol: str = ""
    _unnamed: list[Frame] = field(default_factory=list)

    def frames(self, lines: Iterable[bytes]) -> Iterator[Frame]:
        """Typed frames of `lines`, in order; bad lines go to the report instead.

        A book snapshot does not name its symbol: it belongs to the stream seen last, or, at
        the very beginning of a capture, to the first one seen after it.
        """
        number = 0
        try:
            for raw in lines:
                number += 1
                frame = self._frame(number, raw)
                if frame is None:
                    continue
                if not frame.symbol:
                    self._unnamed.append(frame)
                    continue
                yield from self._named_late()
                yield frame
        except BrokenCapture as e:
            self._bad(number + 1, str(e))
        for frame in self._unnamed:
            self.report.good -= 1
            self._bad(frame.line, "a book snapshot in a capture that names no symbol")
        self._unnamed.clear()

    def _named_late(self) -> Iterator[Frame]:
        for frame in self._unnamed:
            yield msgspec.structs.replace(frame, symbol=self.symbol)
        self._unnamed.clear()

    def _frame(self, number: int, raw: bytes) -> Frame | None:
        stamp, _, text = raw.rstrip().partition(b" ")
        if not stamp.isdigit():
            self._bad(number, "does not begin with a receive time in nanoseconds")
            return None
        try:
            body = body_of(text)
        except ValueError as e:
            self._bad(number, str(e))
            return None
        if not isinstance(body, SnapshotBody):
            self.symbol = body.symbol
        self.report.good += 1
        return Frame(received_ns=int(stamp), line=number, symbol=self.symbol, body=body)

    def _bad(self, number: int, reason: str) -> None:
        self.report.note_bad(BadPlace(file=self.file, line=number, reason=reason))


def body_of(text: bytes) -> Body:
    """What one frame says, as it came from the venue. Raises `ValueError` with the reason."""
    try:
        return checked(_decoded(text))
    except (msgspec.DecodeError, ArithmeticError) as e:
        raise ValueError(str(e) or type(e).__name__) from e


def checked(body: _B) -> _B:
    """`body`, if its levels are prices. Raises `ValueError`."""
    match body:
        case BookTickerBody():
            _check_levels(((body.bid, body.bid_quantity), (body.ask, body.ask_quantity)))
        case TradeBody():
            _check_levels(((body.price, body.quantity),))
        case DepthBody() | SnapshotBody():
            _check_levels(body.bids)
            _check_levels(body.asks)
    return body


def _check_levels(levels: Levels) -> None:
    """Refuse what parses as a number and still is no price: NaN, infinite, negative."""
    for price, quantity in levels:
        if not (0 < price < SANE_MAX and 0 <= quantity < SANE_MAX):
            raise ValueError(f"{quantity} at {price} is no price level")


def _decoded(text: bytes) -> Body:
    if not text.startswith(_STREAM_PREFIX):
        return _SNAPSHOT.decode(text)
    start = len(_STREAM_PREFIX)
    name = text[start : text.find(b'"', start)]
    _, _, rest = name.partition(b"@")
    kind = rest.partition(b"@")[0]
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise ValueError(f"unknown stream {name.decode(errors='replace')!r}")
    return decoder.decode(text).data


def clock_skew_ns(frames: Iterable[Frame]) -> int:
    """Typical receive time minus the venue's event time: delay plus the recorder's clock error.

    Zero when no frame carries an event time.
    """
    gaps = [
        frame.received_ns - frame.body.event_ms * _MS_NS
        for frame in frames
        if isinstance(frame.body, DepthBody | TradeBody)
    ]
    return int(median(gaps)) if gaps else 0
