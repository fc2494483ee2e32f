"""What people see: tables of what programs get as JSON. Stdout is data, stderr is talk."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_PROSE = frozenset({"what", "value", "suspended"})  # columns that may run over several lines

OUT = Console(emoji=False)  # an id or a fingerprint with colons in it is not a picture
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


def table(title: str, rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> Table:
    """Rows under named columns; numbers to the right."""
    made = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    rows = list(rows)
    for column in columns:
        number = any(isinstance(row.get(column), (int, float, Decimal)) for row in rows)
        made.add_column(
            column.replace("_", " "),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=column not in _PROSE,
        )
    for row in rows:
        made.add_row(*(escape(cell(row.get(column))) for column in columns))
    return made


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


def duration(value_ns: int | None) -> str:
    """Nanoseconds in the unit a person would choose."""
    if value_ns is None:
        return "-"
    for limit, unit, size in ((1_000_000, "us", 1_000), (1_000_000_000, "ms", 1_000_000)):
        if value_ns < limit:
            return f"{value_ns / size:.0f} {unit}"
    seconds = value_ns / 1_000_000_000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
