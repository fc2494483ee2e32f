"""Which format a file has, told from its first lines and its name.

Owns the recognition and its refusals, each of which names the file, what was expected and what was found.
Refuses to open files.
"""

import re
from collections.abc import Sequence
from pathlib import PurePath

from nightdesk.recordings import binance_vision, tardis
from nightdesk.recordings.report import ReadReport
from nightdesk.recordings.table import BOM, Format, TableReader

HEAD_LINES = 10  # a capture may begin inside a line; ten torn ones are something else
_FOUND_MAX = 60  # of a line that nobody knows; enough to recognise it
_FORMATS = (
    binance_vision.KLINES,
    binance_vision.TRADES,
    binance_vision.AGG_TRADES,
    binance_vision.BOOK_TICKER,
    tardis.QUOTES,
    tardis.TRADES,
)
_KNOWN = "a raw Binance capture, " + ", ".join(f.name for f in _FORMATS)
_RAW = re.compile(rb"\d+ \{")
# Files without header are told apart by where times (t) and flags (b) stand; numbers (n) may look like times.
_SHAPES = (
    (re.compile(r"t[nt]{5}t[nt]{5}"), binance_vision.KLINES),
    (re.compile(r"[nt]{4}tbb?"), binance_vision.TRADES),
    (re.compile(r"[nt]{5}tbb?"), binance_vision.AGG_TRADES),
    (re.compile(r"[nt]{5}tt"), binance_vision.BOOK_TICKER),
)
_CELLS = (
    (re.compile(r"\d{13}|\d{16}"), "t"),
    (re.compile(r"-?\d+(\.\d*)?([eE]-?\d+)?"), "n"),
    (re.compile(r"true|false|True|False"), "b"),
)
# BTCUSDT-1m-2025-10.zip; what stands before it in small letters (binance_usdm_) is somebody's own order.
_NAME = re.compile(r"(?:[a-z][a-z0-9]*_)*([A-Z0-9]+(?:_[A-Z0-9]+)?)-([A-Za-z0-9]+)-\d{4}-\d{2}")
_NAMED = {
    "1m": binance_vision.KLINES,
    "trades": binance_vision.TRADES,
    "aggTrades": binance_vision.AGG_TRADES,
    "bookTicker": binance_vision.BOOK_TICKER,
}


class Unrecognised(ValueError):
    """A file whose format or symbol cannot be told."""


def recognise(path: str, head: Sequence[bytes]) -> TableReader | None:
    """A reader for the table whose first lines are `head`; None for a raw capture. Raises `Unrecognised`."""
    if not head:
        raise Unrecognised(f"{path}: it is empty; expected {_KNOWN}")
    if any(_RAW.match(line) for line in head):
        return None
    form = _format(head)
    if form is None:
        raise Unrecognised(f"{path}: {_unknown(head[0])}")
    if not form.venue:
        return TableReader(path, form, "", ReadReport())
    named = _NAME.match(PurePath(path).name)
    if named is None:
        raise Unrecognised(
            f"{path}: rows of {form.name} do not say their symbol; expected a name like "
            f"BTCUSDT-{_word(form)}-2025-10.csv, found {PurePath(path).name!r}"
        )
    symbol, word = named.groups()
    if _NAMED.get(word) is not form:
        raise Unrecognised(f"{path}: its name says {word}, expected {_word(form)} for {form.name}")
    return TableReader(path, form, symbol.replace("_", ""), ReadReport())


def _unknown(first: bytes) -> str:
    line = first.removeprefix(BOM).rstrip().decode("ascii", "replace")
    cells = {cell.strip().lower() for cell in line.split(",")}
    if not cells >= {"open", "high", "low", "close"}:
        return f"expected {_KNOWN}; its first line is {line[:_FOUND_MAX]!r}"
    (header,) = binance_vision.KLINES.headers
    lacking = ", ".join(name for name in header.split(",") if name not in cells | {"ignore"})
    return (
        f"bars that lack {lacking}: nothing in them says whose they are, whether a time is a bar's beginning "
        f"or its end, and what volume counts; write them as {binance_vision.KLINES.name}, {header}, in a file "
        "with a name like BTCUSDT-1m-2025-10.csv"
    )


def _format(head: Sequence[bytes]) -> Format | None:
    first = head[0].removeprefix(BOM).rstrip().decode("ascii", "replace")
    for form in _FORMATS:
        if first in form.headers:
            return form
    if first[:1].isalpha():
        return None  # a header that nobody knows; the columns below it could be anything
    for line in head:
        cells = line.removeprefix(BOM).rstrip().decode("ascii", "replace").split(",")
        shape = "".join(_class(cell) for cell in cells)
        for pattern, form in _SHAPES:
            if pattern.fullmatch(shape):
                return form
    return None


def _class(cell: str) -> str:
    return next((letter for pattern, letter in _CELLS if pattern.fullmatch(cell)), "?")


def _word(form: Format) -> str:
    return next(word for word, named in _NAMED.items() if named is form)
