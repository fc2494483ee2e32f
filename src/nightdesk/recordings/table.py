"""Reading a table of one format: lines in, typed rows out, whatever cannot be read into the report.

Owns the rules that hold for a file as a whole: one symbol, whole lines, time that does not go back. Refuses to
know any format's columns.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from nightdesk.recordings.report import BadPlace, BrokenCapture, ReadReport
from nightdesk.recordings.rows import Kind, Place, Row

Parse = Callable[[list[str], Place], Row]

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. `headers` are those it is known to come with; `counts` its possible numbers of columns."""

    name: str
    kind: Kind
    venue: str  # empty where rows tell it
    headers: frozenset[str]
    counts: frozenset[int]
    parse: Parse
    numbered: bool  # rows carry a number of their own that grows from row to row


@dataclass(slots=True)
class TableReader:
    """Reads the lines of one file. `symbol` is empty until known, where rows tell it."""

    file: str
    format: Format
    symbol: str
    report: ReadReport = field(default_factory=ReadReport)
    _last: Row | None = None

    def rows(self, lines: Iterable[bytes]) -> Iterator[Row]:
        """Typed rows of `lines`, in order; bad lines go to the report instead."""
        number = 0
        try:
            for raw in lines:
                number += 1
                row = self._row(number, raw)
                if row is not None:
                    self.report.good += 1
                    yield row
        except BrokenCapture as e:
            self._bad(number + 1, str(e))

    def _row(self, number: int, raw: bytes) -> Row | None:
        try:
            if not raw.endswith(b"\n"):
                # A number that was cut is still a number: nothing in the line would show it.
                raise ValueError("the file ends inside this line")
            text = (raw.removeprefix(BOM) if number == 1 else raw).decode("ascii").rstrip("\r\n")
            if number == 1 and text in self.format.headers:
                return None
            cells = text.split(",")
            if len(cells) not in self.format.counts:
                expected = " or ".join(map(str, sorted(self.format.counts)))
                raise ValueError(f"{expected} columns are expected, not {len(cells)}")
            place = Place(file=self.file, line=number, venue=self.format.venue, symbol=self.symbol)
            row = self.format.parse(cells, place)
            self._check(row)
        except ValueError as e:
            self._bad(number, str(e))
            return None
        self._last = row
        self.symbol = row.place.symbol
        return row

    def _check(self, row: Row) -> None:
        """Hold a row against the one before it."""
        last = self._last
        if last is None:
            return
        mine, before = row.place, last.place
        if (mine.venue, mine.symbol) != (before.venue, before.symbol):
            raise ValueError(
                f"{mine.venue} {mine.symbol} in a file of {before.venue} {before.symbol}"
            )
        if row.at_ns < last.at_ns:
            raise ValueError(
                f"time goes back by {last.at_ns - row.at_ns} ns since line {before.line}"
            )
        if self.format.numbered and row.serial <= last.serial:
            raise ValueError(f"the row's number {row.serial} does not follow {last.serial}")

    def _bad(self, number: int, reason: str) -> None:
        self.report.note_bad(BadPlace(file=self.file, line=number, reason=reason))
