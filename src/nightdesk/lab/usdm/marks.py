"""Mark prices and funding rates of the contracts.

Owns what the venue values positions at: the middle of the market's book, taken once a second, of the
last three seconds the median, so that one strange quote moves nobody's margin; or what the market's own
venue says, where it says anything. Refuses to settle anything with it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median

import msgspec

from nightdesk.lab.book import Book
from nightdesk.lab.market import ToldMark
from nightdesk.lab.usdm.positions import rounded
from nightdesk.lab.usdm.settings import UsdmSettings

_MIDDLES = 3
_HISTORY_MAX = 1000


class FundingRate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate that was settled."""

    symbol: str
    rate: Decimal
    mark: Decimal
    at_ns: int


@dataclass(slots=True)
class Marks:
    """The mark prices and funding rates of one venue."""

    settings: UsdmSettings
    marks: dict[str, Decimal] = field(default_factory=dict)
    rates: dict[str, Decimal] = field(init=False)
    history: deque[FundingRate] = field(default_factory=lambda: deque(maxlen=_HISTORY_MAX))
    # What the market's own venue says; the lab says it itself where that is None.
    told: Callable[[str], ToldMark | None] = lambda _symbol: None
    _middles: dict[str, deque[Decimal]] = field(default_factory=dict)
    _told_next_ns: dict[str, int] = field(
        default_factory=dict
    )  # when the rate that was told is paid

    def __post_init__(self) -> None:
        self.rates = {rules.symbol: self.settings.funding_rate for rules in self.settings.symbols}

    def take(self, symbol: str, book: Book) -> None:
        """Look at a book; without two sides the mark stays, and so does one that was told."""
        told = self.told(symbol)
        if told is not None:
            self.marks[symbol] = rounded(told.mark)
            # A rate for a later time is not paid before the one that is due now.
            if told.next_ns <= self._told_next_ns.get(symbol, told.next_ns):
                self._take_rate(told)
            return
        middle = book.mid()
        if middle is None:
            return
        middles = self._middles.setdefault(symbol, deque(maxlen=_MIDDLES))
        middles.append(middle)
        self.marks[symbol] = rounded(median(middles))

    def traded(self, symbol: str, price: Decimal) -> None:
        """Where only bars are known it is worth what it traded at, from now on."""
        self._middles[symbol] = deque([price] * _MIDDLES, maxlen=_MIDDLES)
        self.marks[symbol] = price

    def stands(self, symbol: str, book: Book) -> bool:
        """Whether another look at an unchanged book would leave the mark where it is."""
        middle = book.mid()
        return middle is None or list(self._middles.get(symbol, ())) == [middle] * _MIDDLES

    def of(self, symbol: str, book: Book) -> Decimal | None:
        """The mark price; before the first second of a market, the middle of its book."""
        return self.marks.get(symbol) or book.mid()

    def next_funding_ns(self, symbol: str, venue_ns: int) -> int:
        """When funding is next settled: on this venue's clock, or on that of the one that says so."""
        told = self.told(symbol)
        if told is not None:
            return told.next_ns
        every = self.settings.funding_every_ns
        return venue_ns - venue_ns % every + every

    def settled(self, symbol: str, mark: Decimal, at_ns: int) -> FundingRate:
        """Note that the rate was paid. One that was set by hand lasts one settlement."""
        row = FundingRate(symbol=symbol, rate=self.rates[symbol], mark=mark, at_ns=at_ns)
        self.history.append(row)
        told = self.told(symbol)
        if told is None:
            self.rates[symbol] = self.settings.funding_rate
        else:
            self._take_rate(told)
        return row

    def _take_rate(self, told: ToldMark) -> None:
        self.rates[told.symbol] = told.rate
        self._told_next_ns[told.symbol] = told.next_ns
