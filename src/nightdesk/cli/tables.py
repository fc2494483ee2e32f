"""What people see: tables of what programs get as JSON. Stdout is data, stderr is talk."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_PROSE = frozenset({"what", "value", "suspended"})  # columns that may run over several lines
PROSE_MIN = 24  # narrower than this nobody reads it
WORD_MAX = 36  # an order's id, which is never broken; a path or a digest may be
KEYS_MAX = 2  # columns that say whose the others are: a strategy, and one of its instruments
GAP = 3  # between two columns, as the box has it
PIPE_WIDTH = 500  # where no terminal bounds it: the reader is a program, or folds for itself


def _stdout() -> Console:
    made = Console(emoji=False)  # an id or a fingerprint with colons in it is not a picture
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPE_WIDTH
    return made


OUT = _stdout()
ERR = Console(stderr=True, emoji=False)


def json_line(data: object) -> bytes:
    """What programs get: one line, amounts as strings, as they are written everywhere else."""
    return msgspec.json.Encoder(decimal_format="string").encode(data) + b"\n"


def print_json(data: object) -> None:
    """One line of JSON on stdout."""
    sys.stdout.write(json_line(data).decode())
    sys.stdout.flush()


def names_of(instruments: Iterable[str]) -> dict[str, str]:
    """What a person calls them: their symbols, or the whole ids where several venues are among them."""
    ids = list(instruments)
    several = len({each.partition(":")[0] for each in ids}) > 1
    return {each: each if several else each.partition(":")[2] for each in ids}


def say(text: str) -> None:
    """Talk, on stderr; a command in it stays on one line, to be copied."""
    ERR.print(text, markup=False, highlight=False, soft_wrap=True)


def line(text: str) -> None:
    """A line of data on stdout, whole however wide the terminal is: to be copied."""
    OUT.print(text, markup=False, highlight=False, soft_wrap=True)


class Rows:
    """Rows under named columns, numbers to the right, and nothing of them cut: prose runs over several lines,
    and columns that do not fit stand in a second table below, beside those that say whose they are."""

    def __init__(
        self, title: str, rows: Iterable[Mapping[str, object]], columns: Sequence[str]
    ) -> None:
        self._title = title
        self._rows = list(rows)
        self._columns = list(columns)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self._title, style="bold", overflow="fold")
        for columns in self._side_by_side(options.max_width):
            yield self._made(columns)

    def _side_by_side(self, width: int) -> Iterator[list[str]]:
        key, now = self._key(), list[str]()
        for column in self._columns:
            if len(now) > len(key) and self._width([*now, column]) > width:
                yield now
                now = list(key)
            now.append(column)
        yield now

    def _key(self) -> list[str]:
        """As many of the first columns as tell the rows apart."""
        for count in range(1, KEYS_MAX + 1):
            key = self._columns[:count]
            apart = {tuple(cell(row.get(name)) for name in key) for row in self._rows}
            if len(apart) == len(self._rows):
                return key
        return self._columns[:1]

    def _width(self, columns: Sequence[str]) -> int:
        return sum(self._least(column) + GAP for column in columns)

    def _least(self, column: str) -> int:
        """What a column cannot do without."""
        cells = [cell(row.get(column)) for row in self._rows]
        lines = [part for text in cells for part in text.split("\n")]
        whole = max(map(cell_len, [_heading(column), *lines]))
        if column not in _PROSE:
            return whole
        words = [cell_len(word) for text in cells for word in text.split()]
        longest = max((length for length in words if length <= WORD_MAX), default=0)
        return min(whole, max(PROSE_MIN, longest))

    def _made(self, columns: Sequence[str]) -> Table:
        made = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            number = any(isinstance(row.get(column), (int, float, Decimal)) for row in self._rows)
            made.add_column(
                _heading(column),
                justify="right" if number else "left",
                overflow="fold",
                min_width=self._least(column),  # what gives way is prose
            )
        for row in self._rows:
            made.add_row(*(escape(cell(row.get(column))) for column in columns))
        return made


def table(title: str, rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> Rows:
    """Rows under named columns; numbers to the right."""
    return Rows(title, rows, columns)


def _heading(column: str) -> str:
    return column.replace("_", " ")


def cell(value: object) -> str:
    """A value the way a person reads it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:,f}"
        case float():
            return f"{value:,.2f}"
        case _:
            return str(value)


def plain(amount: Decimal) -> Decimal:
    """Without the zeros a venue pads its amounts with."""
    return Decimal(f"{amount.normalize():f}")


def digits(average: Decimal) -> Decimal:
    """Seven digits, or all before the point: an average has as many as a division gives."""
    return average.quantize(Decimal(1).scaleb(min(0, average.adjusted() - 6)))


def duration(value_ns: int | None) -> str:
    """Nanoseconds in the unit a person would choose."""
    if value_ns is None:
        return "-"
    for limit, unit, size in ((1_000_000, "us", 1_000), (1_000_000_000, "ms", 1_000_000)):
        if value_ns < limit:
            return f"{value_ns / size:.0f} {unit}"
    seconds = value_ns / 1_000_000_000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
