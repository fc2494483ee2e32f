"""Recorded tables, played again on the lab's clock: bars, trades and quotes of several files and venues.

Owns the schedule, the new time stamps, and which files can be one market. Refuses files and columns:
`recordings` reads them, and says by which points a bar is played.

Where only bars or trades were recorded, the quote that is assumed is told again while it stands: a desk must
take silence for a dead feed, and this one is alive. `pulse` says how often.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab.market import (
    BookTicker,
    DepthSnapshot,
    MarketEvent,
    MarketReport,
    Minute,
    Trade,
)
from nightdesk.lab.settings import SECOND_NS, SymbolSettings, default_symbol
from nightdesk.recordings.expand import (
    Closing,
    Standing,
    after_bar,
    after_trade,
    at_point,
    closings,
    path,
)
from nightdesk.recordings.files import Meter
from nightdesk.recordings.merge import Line, by_time, lines_of
from nightdesk.recordings.rows import MINUTE_NS, BarRow, Kind, QuoteRow, TradeRow
from nightdesk.recordings.table import TableReader

PULSE_NS = SECOND_NS

Level = tuple[Decimal, Decimal]  # price and quantity
_Happening = Closing | TradeRow | QuoteRow


@dataclass(slots=True)
class _Symbol:
    """One symbol being played."""

    rules: SymbolSettings
    quoted: bool  # quotes were recorded: none is assumed
    update_id: int = 0
    trade_id: int = 0
    standing: Standing | None = None
    told_ns: int = 0  # when its quote was told last
    pulse_ns: int | None = PULSE_NS

    @property
    def pulses_ns(self) -> int | None:
        """When its quote is told again; None where none stands, or never."""
        if self.standing is None or self.pulse_ns is None:
            return None
        return self.told_ns + self.pulse_ns

    def quote(self, standing: Standing, at_ns: int) -> BookTicker:
        """What stands, told with a new id."""
        self.standing = standing
        each = standing.quantity
        return self.ticker((standing.bid, each), (standing.ask, each), at_ns)

    def ticker(self, bid: Level, ask: Level, at_ns: int) -> BookTicker:
        """A touch with a new id."""
        self.update_id += 1
        self.told_ns = at_ns
        return BookTicker(
            at_ns=at_ns,
            symbol=self.rules.symbol,
            update_id=self.update_id,
            bid=bid[0],
            bid_quantity=bid[1],
            ask=ask[0],
            ask_quantity=ask[1],
            alone=self.quoted,
        )

    def passing(self, standing: Standing | None, at_ns: int) -> DepthSnapshot:
        """What stood at a point of a bar: whoever waited for its price trades there, not at one from before."""
        self.update_id += 1
        touch = () if standing is None else ((standing.bid, standing.ask, standing.quantity),)
        return DepthSnapshot(
            at_ns=at_ns,
            symbol=self.rules.symbol,
            last_id=self.update_id,
            bids=tuple((bid, each) for bid, _, each in touch),
            asks=tuple((ask, each) for _, ask, each in touch),
            passing=True,
        )

    def nothing(self, at_ns: int) -> DepthSnapshot:
        """An empty book: nobody knows what could be traded now. The streams are not told; they fall silent."""
        self.standing = None
        self.update_id += 1
        return DepthSnapshot(
            at_ns=at_ns, symbol=self.rules.symbol, last_id=self.update_id, bids=(), asks=()
        )


class RecordedMarket:
    """Tables, merged by time and played at `speed` times their pace.

    `aligned`: at speed 1, bars begin with a minute of the lab's clock, so that the candles it makes are theirs.
    """

    def __init__(
        self,
        files: Iterable[tuple[TableReader, Iterable[bytes]]],
        speed: float = 1.0,
        meter: Meter | None = None,
        *,
        aligned: bool = False,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed is above 0, not {speed}")
        files = list(files)
        self._readers = [reader for reader, _ in files]
        lines = lines_of(files)
        if not lines:
            raise ValueError(f"no readable row in {self._source()}")
        _refuse_what_is_told_twice(lines)
        self._speed = speed
        self._meter = meter or Meter()
        quoted = {line.symbol for line in lines if line.kind is Kind.QUOTES}
        self._symbols = {
            name: _Symbol(default_symbol(name, _tick(name, lines)), name in quoted)
            for name in sorted({line.symbol for line in lines})
        }
        self.bars = frozenset(line.symbol for line in lines if line.kind is Kind.BARS)
        self.origin_ns = min(line.starts_ns for line in lines)
        self._aligned = aligned and speed == 1 and bool(self.bars)
        self._happenings = by_time([_happenings(line) for line in lines])
        self._next: _Happening | None = None
        self._started = False
        self._start_ns = self._position_ns = self._given = 0

    def pulse(self, symbol: str, every_ns: int | None) -> None:
        """Tell a quote of `symbol` that stands again this often; None: never."""
        self._symbols[symbol].pulse_ns = every_ns

    @property
    def symbols(self) -> list[str]:
        """The symbols of all files."""
        return list(self._symbols)

    @property
    def rules(self) -> tuple[SymbolSettings, ...]:
        """What the lab lists, by name."""
        return tuple(symbol.rules for symbol in self._symbols.values())

    @property
    def clock_ns(self) -> int | None:
        """What a clock that may be chosen should show at the start, where candles are the recording's."""
        return self.origin_ns if self._aligned else None

    @property
    def ended(self) -> bool:
        """Whether the last row was played."""
        return self._started and self._next is None

    def opening(self) -> list[MarketEvent]:
        """Nothing: tables hold no book from before their first row."""
        return []

    def before(self, symbol: str, minutes: int) -> list[Minute]:
        """Nothing: what lies before a recording is not made up."""
        return []

    def start(self, now_ns: int) -> None:
        """Play the first row at `now_ns`, or where the minute it needs begins; of a bar, its end."""
        wait_ns = (self.origin_ns - now_ns) % MINUTE_NS if self._aligned else 0
        self._start_ns, self._started = now_ns + wait_ns, True
        self._next = next(self._happenings, None)

    def next_at_ns(self) -> int | None:
        """When the next row or pulse is due."""
        if self._next is None:
            return None
        due_ns, pulses_ns = self._due_ns(self._next.at_ns), self._pulses_ns()
        return due_ns if pulses_ns is None else min(due_ns, pulses_ns)

    def take(self, now_ns: int) -> list[MarketEvent]:
        """Every event due up to `now_ns`."""
        events: list[MarketEvent] = []
        while (at_ns := self.next_at_ns()) is not None and at_ns <= now_ns:
            assert self._next is not None, "something is due"
            if self._due_ns(self._next.at_ns) <= at_ns:
                events += self._played(self._next, at_ns)
                self._position_ns = self._next.at_ns - self.origin_ns
                self._next = next(self._happenings, None)
            else:
                events += self._pulse(at_ns)
        self._given += len(events)
        return events

    def report(self) -> MarketReport:
        """Where this market stands and what could not be read so far."""
        reports = [reader.report for reader in self._readers]
        return MarketReport(
            source=self._source(),
            given=self._given,
            position_ns=self._position_ns,
            good_lines=sum(r.good for r in reports),
            bad_lines=sum(r.bad for r in reports),
            repeated_lines=sum(r.repeated for r in reports),
            first_bad=tuple(f"{b.file}:{b.line}: {b.reason}" for r in reports for b in r.first_bad),
            read_share=self._meter.share,
        )

    def _source(self) -> str:
        return ", ".join(reader.file for reader in self._readers) or "nothing"

    def _due_ns(self, recorded_ns: int) -> int:
        return self._start_ns + int((recorded_ns - self.origin_ns) / self._speed)

    def _pulses_ns(self) -> int | None:
        """When a quote that stands is told again; None where none stands."""
        return min(
            (p for s in self._symbols.values() if (p := s.pulses_ns) is not None), default=None
        )

    def _pulse(self, at_ns: int) -> Iterator[MarketEvent]:
        for symbol in self._symbols.values():
            due_ns = symbol.pulses_ns
            if symbol.standing is not None and due_ns is not None and due_ns <= at_ns:
                yield symbol.quote(symbol.standing, at_ns)

    def _played(self, happening: _Happening, at_ns: int) -> list[MarketEvent]:
        match happening:
            case Closing():
                return list(self._bar(happening, at_ns))
            case TradeRow():
                return list(self._trade(happening, at_ns))
            case QuoteRow():
                return [self._quote(happening, at_ns)]

    def _bar(self, closing: Closing, at_ns: int) -> Iterator[MarketEvent]:
        """A whole bar at its end, and in the same instant what stands from then on: whoever decides by the
        bar comes too late for it."""
        bar = closing.bar
        symbol = self._symbols[bar.place.symbol]
        tick, step = symbol.rules.tick, symbol.rules.step
        for point in path(bar):
            symbol.trade_id += 1
            yield symbol.passing(at_point(bar, point, tick=tick, step=step), at_ns)
            yield Trade(
                at_ns=at_ns,
                event_ns=at_ns,
                trade_ns=self._due_ns(point.made_ns),
                symbol=bar.place.symbol,
                trade_id=symbol.trade_id,
                price=point.price,
                quantity=point.quantity,
                buyer_is_maker=point.buyer_is_maker,
                touches=False,
                passing=True,
            )
        standing = None
        if closing.next_open is not None:
            standing = after_bar(bar, closing.next_open, tick=tick, step=step)
        yield symbol.nothing(at_ns)
        if standing is not None:
            yield symbol.quote(standing, at_ns)

    def _trade(self, row: TradeRow, at_ns: int) -> Iterator[MarketEvent]:
        symbol = self._symbols[row.place.symbol]
        symbol.trade_id += 1
        made_ns = self._made_ns(row, at_ns)
        yield Trade(
            at_ns=at_ns,
            event_ns=made_ns,
            trade_ns=made_ns,
            symbol=row.place.symbol,
            trade_id=symbol.trade_id,
            price=row.price,
            quantity=row.quantity,
            buyer_is_maker=row.buyer_is_maker,
            touches=symbol.quoted,
        )
        if not symbol.quoted:
            tick, step = symbol.rules.tick, symbol.rules.step
            standing = after_trade(row.price, row.quantity, tick=tick, step=step)
            yield symbol.nothing(at_ns)
            if standing is not None:
                yield symbol.quote(standing, at_ns)

    def _quote(self, row: QuoteRow, at_ns: int) -> BookTicker:
        bid, ask = (row.bid, row.bid_quantity), (row.ask, row.ask_quantity)
        return self._symbols[row.place.symbol].ticker(bid, ask, at_ns)

    def _made_ns(self, row: TradeRow, at_ns: int) -> int:
        """The venue's stamp on the lab's clock; a recorder whose clock was behind makes nothing younger."""
        return at_ns - int(max(0, row.at_ns - row.made_ns) / self._speed)


def _happenings(line: Line) -> Iterable[_Happening]:
    if line.kind is Kind.BARS:
        return closings(row for row in line.rows if isinstance(row, BarRow))
    return (row for row in line.rows if not isinstance(row, BarRow))


def _tick(symbol: str, lines: Sequence[Line]) -> Decimal:
    """The grid on which a symbol's prices were written."""
    places = max(line.price_places for line in lines if line.symbol == symbol)
    return Decimal(1).scaleb(-min(places, 8))


def _refuse_what_is_told_twice(lines: Sequence[Line]) -> None:
    """One symbol of the lab is one market: one venue, and each trade and quote once."""
    for number, line in enumerate(lines):
        for other in lines[:number]:
            if other.symbol != line.symbol:
                continue
            files = f"{other.files[0]} and {line.files[0]}"
            if other.venue != line.venue:
                raise ValueError(
                    f"{line.symbol} is of {other.venue} and of {line.venue} in {files}; "
                    "the lab is one venue: choose one of them"
                )
            if {line.kind, other.kind} not in (
                {Kind.TRADES, Kind.QUOTES},
                {Kind.AGG_TRADES, Kind.QUOTES},
            ):
                raise ValueError(
                    f"{line.symbol} is told as {other.kind} and as {line.kind} in {files}, which are the "
                    "same trades: choose one of them"
                )
