"""Rows of recorded tables, whatever format they come from, and how their cells are read.

Owns what a bar, a trade and a quote of a recording are, and which cells are believed. Refuses to guess: a cell
that is not exactly what its column promises raises `ValueError` with the reason.
"""

from decimal import Decimal, InvalidOperation
from enum import StrEnum

import msgspec

MINUTE_NS = 60_000_000_000
_MS_NS, _US_NS = 1_000_000, 1_000
SANE_MAX = Decimal(10) ** 15  # beyond any price or quantity of any venue
_MS_DIGITS, _US_DIGITS = 13, 16  # of every time from 2001 to 2286


class Kind(StrEnum):
    """What the rows of a file are."""

    BARS = "bars"
    TRADES = "trades"
    AGG_TRADES = "aggregated trades"
    QUOTES = "quotes"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a row stood, and whose it is. `symbol` is in capital letters and digits only."""

    file: str
    line: int
    venue: str
    symbol: str


class BarRow(msgspec.Struct, frozen=True, kw_only=True):
    """One minute. `at_ns` is its end: nobody knows a bar before."""

    place: Place
    at_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @property
    def opened_ns(self) -> int:
        """Its beginning."""
        return self.at_ns - MINUTE_NS

    @property
    def serial(self) -> int:
        """Grows from row to row."""
        return self.at_ns


class TradeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One trade. `at_ns` is when it could be known, `made_ns` the venue's own stamp."""

    place: Place
    at_ns: int
    made_ns: int
    serial: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool


class QuoteRow(msgspec.Struct, frozen=True, kw_only=True):
    """The best bid and ask from `at_ns` on; `made_ns` as of a trade."""

    place: Place
    at_ns: int
    made_ns: int
    serial: int
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal

    def __post_init__(self) -> None:
        if self.bid >= self.ask:
            raise ValueError(f"the bid {self.bid} is not below the ask {self.ask}")


Row = BarRow | TradeRow | QuoteRow


def prices_of(row: Row) -> tuple[Decimal, ...]:
    """Every price of a row, as it was written."""
    match row:
        case BarRow():
            return row.open, row.high, row.low, row.close
        case TradeRow():
            return (row.price,)
        case QuoteRow():
            return row.bid, row.ask


def stamp_ns(text: str) -> int:
    """A time in milliseconds or microseconds since 1970, told apart by the number of digits."""
    if text.isdigit():
        if len(text) == _MS_DIGITS:
            return int(text) * _MS_NS
        if len(text) == _US_DIGITS:
            return int(text) * _US_NS
    raise ValueError(f"{text!r} is no time in ms ({_MS_DIGITS} digits) or us ({_US_DIGITS} digits)")


def stamp_us_ns(text: str) -> int:
    """A time that is in microseconds in every file of its format."""
    if not text.isdigit() or len(text) != _US_DIGITS:
        raise ValueError(f"{text!r} is no time in us ({_US_DIGITS} digits)")
    return int(text) * _US_NS


def whole(text: str, what: str) -> int:
    """A number that counts something."""
    if not text.isdigit():
        raise ValueError(f"{what} {text!r} is no whole number")
    return int(text)


def price(text: str, what: str) -> Decimal:
    """A price: above zero, and of this world."""
    value = _number(text, what)
    if not 0 < value < SANE_MAX:
        raise ValueError(f"{what} {text} is no price")
    return value


def quantity(text: str, what: str, *, zero: bool = False) -> Decimal:
    """A quantity; `zero` where there may be nothing."""
    value = _number(text, what)
    if not 0 <= value < SANE_MAX or not (value or zero):
        raise ValueError(f"{what} {text} is no quantity")
    return value


def flag(text: str, what: str) -> bool:
    """True or false, as both spellings of the venue have it."""
    match text:
        case "true" | "True":
            return True
        case "false" | "False":
            return False
        case _:
            raise ValueError(f"{what} {text!r} is neither true nor false")


def _number(text: str, what: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    # Decimal reads more spellings than any venue writes.
    if not value.is_finite() or "_" in text or text != text.strip():
        raise ValueError(f"{what} {text!r} is no number")
    return value
