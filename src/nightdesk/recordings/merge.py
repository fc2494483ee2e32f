"""Several recordings as one: by time, the same order every time, no row twice.

Owns the order. Files of the same venue, symbol and kind are one line of rows: the file that begins first speaks
until it ends, and of the next one only what comes behind that is taken; what both had is counted as repeated.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import merge
from itertools import chain
from typing import Protocol, TypeVar

from nightdesk.recordings.rows import Kind, Row, prices_of
from nightdesk.recordings.table import TableReader


class Timed(Protocol):
    """Something with a time."""

    @property
    def at_ns(self) -> int: ...


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True, slots=True)
class Line:
    """All rows of one venue, symbol and kind."""

    venue: str
    symbol: str
    kind: Kind
    starts_ns: int
    price_places: int  # decimals with which the first row writes prices
    files: tuple[str, ...]
    rows: Iterator[Row]


def lines_of(files: Iterable[tuple[TableReader, Iterable[bytes]]]) -> list[Line]:
    """Files grouped into lines, in the order in which they are given. A file without a good row is in none."""
    groups: dict[tuple[str, str, Kind], list[tuple[Row, TableReader, Iterator[Row]]]] = {}
    for reader, text in files:
        rows = reader.rows(text)
        first = next(rows, None)
        if first is None:
            continue
        key = (first.place.venue, first.place.symbol, reader.format.kind)
        groups.setdefault(key, []).append((first, reader, chain([first], rows)))
    found = []
    for (venue, symbol, kind), members in groups.items():
        members.sort(key=_beginning)
        names = tuple(reader.file for _, reader, _ in members)
        ordered = [(reader, rows) for _, reader, rows in members]
        first = members[0][0]
        found.append(
            Line(
                venue,
                symbol,
                kind,
                first.at_ns,
                max(map(_places, prices_of(first))),
                names,
                _one_by_one(ordered),
            )
        )
    return found


def by_time(streams: Sequence[Iterable[T]]) -> Iterator[T]:
    """Everything by time; what has the same time comes in the order of `streams`."""
    return merge(*streams, key=_at_ns)


def _places(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    assert isinstance(exponent, int), "a price is a number"
    return max(0, -exponent)


def _beginning(member: tuple[Row, TableReader, Iterator[Row]]) -> tuple[int, int]:
    return member[0].at_ns, member[0].serial


def _one_by_one(members: Sequence[tuple[TableReader, Iterator[Row]]]) -> Iterator[Row]:
    told: Row | None = None
    for reader, rows in members:
        before = told
        for row in rows:
            if before is not None and _told_already(row, before):
                reader.report.good -= 1
                reader.report.repeated += 1
                continue
            told = row
            yield row


def _told_already(row: Row, last: Row) -> bool:
    return row.serial <= last.serial or row.at_ns < last.at_ns


def _at_ns(timed: Timed) -> int:
    return timed.at_ns
