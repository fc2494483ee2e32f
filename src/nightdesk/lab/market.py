"""The market outside: what happens on the venue without our clients.

Owns the port through which a market reaches the lab and the events it speaks in. Refuses to
say where a market comes from: `generated`, `replay` and `recorded` do, and tests bring their own.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

Levels = tuple[tuple[Decimal, Decimal], ...]


class BookTicker(msgspec.Struct, frozen=True, kw_only=True):
    """The best bid and ask are now this. `alone`: nothing is known of what stands behind them."""

    at_ns: int
    symbol: str
    update_id: int
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    alone: bool = False


class DepthUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """These levels changed; a quantity of zero removes one."""

    at_ns: int
    event_ns: int
    symbol: str
    first_id: int
    last_id: int
    bids: Levels
    asks: Levels


class DepthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The book is now exactly this. `passing`: it was, for a moment of a bar that is over, and fills nobody:
    the trade of that moment does."""

    at_ns: int
    symbol: str
    last_id: int
    bids: Levels
    asks: Levels
    passing: bool = False


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """Others traded. `buyer_is_maker`: the seller took a resting bid.

    `touches` is False where nothing is known of the queue at its price: it fills only what stood better.
    `passing`: it is a point of a bar that is over, and contracts were worth as much then.
    """

    at_ns: int
    event_ns: int
    trade_ns: int
    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    touches: bool = True
    passing: bool = False


class ToldMark(msgspec.Struct, frozen=True, kw_only=True):
    """What the market's own venue says of a contract: `rate` is paid at `next_ns`, by that venue's clock."""

    symbol: str
    mark: Decimal
    rate: Decimal
    next_ns: int


MarketEvent = BookTicker | DepthUpdate | DepthSnapshot | Trade


class MarketReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where a market stands, for people: its source, what it gave, what it could not read."""

    source: str
    given: int
    position_ns: int = 0
    good_lines: int = 0
    bad_lines: int = 0
    repeated_lines: int = 0
    first_bad: tuple[str, ...] = ()
    read_share: float = 0.0  # of the bytes of its files
    connected: bool | None = None  # of a live market: whether its stream is heard now
    losses: int = 0  # how often a live market's stream was lost


class Listing(Protocol):
    """What a market must know of a symbol to be made up."""

    @property
    def symbol(self) -> str:
        """Its name."""
        ...

    @property
    def base(self) -> str:
        """What is traded."""
        ...

    @property
    def tick(self) -> Decimal:
        """The step of prices."""
        ...

    @property
    def step(self) -> Decimal:
        """The step of quantities."""
        ...


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """What traded in a minute before the market began."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    quantity: Decimal
    trades: int


class Market(Protocol):
    """A source of market events, pulled by the lab's clock."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will ever come."""
        ...

    def opening(self) -> list[MarketEvent]:
        """Events that warm the books before the market starts; their times mean nothing."""
        ...

    def before(self, symbol: str, minutes: int) -> Sequence[Minute]:
        """The last `minutes` before it began, oldest first; fewer where it knows no more."""
        ...

    def start(self, now_ns: int) -> None:
        """Begin: the first events come at or after `now_ns`."""
        ...

    def next_at_ns(self) -> int | None:
        """When `take` next has something; None before the start and after the end."""
        ...

    def take(self, now_ns: int) -> list[MarketEvent]:
        """Every event up to and including `now_ns` not taken yet, in order."""
        ...

    def report(self) -> MarketReport:
        """Where this market stands."""
        ...


@runtime_checkable
class TellsMarks(Protocol):
    """A market of contracts whose own venue says what they are worth and what they pay."""

    def told_mark(self, symbol: str) -> ToldMark | None:
        """What was said last; None while nothing was."""
        ...
