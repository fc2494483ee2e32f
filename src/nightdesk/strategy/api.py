"""What a user writes: a class with typed `Params` and `State`, handlers, and a context.

    class Mine(Strategy):
        class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
            size: Decimal = Decimal("0.01")

        def on_quote(self, ctx: Context, quote: Quote) -> None:
            ctx.target(quote.instrument, self.params.size)

Handlers must not wait, read a clock or draw random numbers on their own: `ctx.now` and `ctx.random` are the
same in production and in every replay. Attributes of `self` are views, gone after a restart; what must
survive goes into `self.state`, which is journaled with the decision that changed it.

What handlers named `see_...` make of the market (averages, indicators) is warm before the desk trades, and on a
node that stands by: they hear each event before its `on_...` does, and can only look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Protocol

import msgspec

from nightdesk.model.bars import INTERVALS_NS, Bar
from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DEPTH_LEVELS, Book, Mark, Quote, Trade
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side, Urgency
from nightdesk.model.time import Wall
from nightdesk.strategy.messages import Fill, OrderView, Slices
from nightdesk.strategy.window import Window


class Draw(Protocol):
    """A strategy's own stream of random numbers, seeded by the desk."""

    def random(self) -> float: ...
    def randint(self, a: int, b: int) -> int: ...
    def uniform(self, a: float, b: float) -> float: ...


BARS_MAX = 10_000  # of one window: ten questions to a venue


class Bars(msgspec.Struct, frozen=True):
    """Bars a strategy wants: closed ones come to `on_bar`, and `ctx.bars` holds the last `warm_up` of them,
    which are there before `on_start`. Without `instrument`, of each of the strategy's instruments.
    """

    interval: str
    warm_up: int = 1
    instrument: InstrumentId | None = None

    def __post_init__(self) -> None:
        if self.interval not in INTERVALS_NS:
            raise ValueError(f"no bars of {self.interval!r}; there are {', '.join(INTERVALS_NS)}")
        if not 1 <= self.warm_up <= BARS_MAX:
            raise ValueError(f"warm_up is 1 to {BARS_MAX} bars, not {self.warm_up}")


class Depth(msgspec.Struct, frozen=True):
    """The order book a strategy wants: the best `levels` (5, 10 or 20) of each side, whole, ten times a second
    at most; it comes to `on_depth`, and `ctx.book` has the latest. Without `instrument`, of each of the
    strategy's instruments.
    """

    levels: int = 10
    instrument: InstrumentId | None = None

    def __post_init__(self) -> None:
        if type(self.levels) is not int or self.levels not in DEPTH_LEVELS:
            told = ", ".join(map(str, DEPTH_LEVELS))
            raise ValueError(f"no depth of {self.levels!r} levels; venues tell {told}")


@dataclass(frozen=True)
class Range:
    """Which numbers a param may be: `size: Annotated[Decimal, Range(above=0, most=10)] = Decimal(1)`."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def has(self, value: Decimal | int | float) -> bool:
        """Whether it may be this one."""
        if self.least is not None and value < self.least:
            return False
        if self.above is not None and value <= self.above:
            return False
        if self.most is not None and value > self.most:
            return False
        return self.below is None or value < self.below

    def __str__(self) -> str:
        limits = (
            ("at least", self.least),
            ("above", self.above),
            ("at most", self.most),
            ("below", self.below),
        )
        return " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)


class NoParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strategy that takes none."""


class NoState(msgspec.Struct):
    """A strategy that keeps nothing across restarts."""


class Sight(Protocol):
    """What a `see_...` handler has: the market, and nothing of the strategy's own."""

    @property
    def now(self) -> Wall: ...
    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]: ...
    def quote(self, instrument: InstrumentId) -> Quote | None: ...
    def bars(self, instrument: InstrumentId, interval: str) -> Window: ...
    def book(self, instrument: InstrumentId) -> Book | None: ...


class Context(Sight, Protocol):
    """What an `on_...` handler may see and do; every wish becomes a message after the handler returned."""

    @property
    def random(self) -> Draw: ...
    @property
    def orders(self) -> Mapping[str, OrderView]: ...
    def position(self, instrument: InstrumentId) -> Decimal: ...
    def mode(self, instrument: InstrumentId) -> Mode: ...
    def place(
        self,
        instrument: InstrumentId,
        side: Side,
        qty: Decimal,
        price: Decimal,
        type: OrderType = OrderType.LIMIT,
    ) -> str: ...
    def cancel(self, ref: str) -> None: ...
    def target(
        self,
        instrument: InstrumentId,
        qty: Decimal | None,
        *,
        urgency: Urgency = Urgency.TAKE,
        slices: Slices | None = None,
    ) -> None: ...
    def protect(
        self,
        instrument: InstrumentId,
        *,
        stop: Decimal | None = None,
        take_profit: Decimal | None = None,
        trail_bps: int = 0,
    ) -> None: ...
    def every(self, name: str, interval_ns: int, *, aligned: bool = False) -> None: ...
    def at(self, name: str, when: Wall) -> None: ...
    def stop_timer(self, name: str) -> None: ...
    def equity(self) -> Decimal | None: ...
    def size(
        self,
        instrument: InstrumentId,
        *,
        base: Decimal | None = None,
        quote: Decimal | None = None,
        equity_pct: Decimal | None = None,
        price: Decimal | None = None,
    ) -> Decimal: ...


class Strategy:
    """Base of every strategy. `params` and `state` are set before `on_start`."""

    Params: ClassVar[type[msgspec.Struct]] = NoParams
    State: ClassVar[type[msgspec.Struct]] = NoState
    state_version: ClassVar[int] = (
        1  # counted up where `State` is no longer what it was; see `upgrade`
    )

    params: Any
    state: Any

    @classmethod
    def upgrade(cls, old: dict[str, Any], version: int) -> dict[str, Any]:
        """The fields of `State` from those that `version`, an older `state_version`, kept. Asked at a start,
        until the state changes; what it raises stops the start and leaves the journal as it is."""
        raise NotImplementedError(f"no way from version {version} is written")

    def declare(self) -> Sequence[Bars | Depth]:
        """The bars and order books this strategy wants, by its params; asked once, before anything else."""
        return ()

    def see_start(self, sight: Sight) -> None:
        """Before anything is seen: the place for views that `see_...` fills. `params` are set, `state` is not
        there: neither here nor in any of these may it be read or changed."""

    def see_quote(self, sight: Sight, quote: Quote) -> None:
        """The same quote, before `on_quote` and also while that is not called yet, or not here."""

    def see_trade(self, sight: Sight, trade: Trade) -> None:
        """The same print, before `on_trade`."""

    def see_bar(self, sight: Sight, bar: Bar) -> None:
        """The same bar, before `on_bar`; those of the history too, before `on_start`."""

    def see_depth(self, sight: Sight, book: Book) -> None:
        """The same order book, before `on_depth`."""

    def see_mark(self, sight: Sight, mark: Mark) -> None:
        """The same mark, before `on_mark`."""

    def on_start(self, ctx: Context) -> None:
        """The desk trades from here on; positions and open orders of before are in `ctx`."""

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """The best bid or ask changed."""

    def on_trade(self, ctx: Context, trade: Trade) -> None:
        """Somebody traded."""

    def on_bar(self, ctx: Context, bar: Bar) -> None:
        """A declared bar has ended; each once, in order, none lost with a connection. It is in `ctx.bars`."""

    def on_depth(self, ctx: Context, book: Book) -> None:
        """A declared order book changed: its best levels, whole. It has both sides, and is never crossed."""

    def on_mark(self, ctx: Context, mark: Mark) -> None:
        """A venue of contracts told the price it values them at, and the next funding."""

    def on_order(self, ctx: Context, order: OrderView) -> None:
        """One of this strategy's orders changed."""

    def on_fill(self, ctx: Context, fill: Fill) -> None:
        """One of this strategy's orders traded."""

    def on_refusal(self, ctx: Context, ref: str, rule: str, text: str) -> None:
        """The gate said no; the order never left."""

    def on_target_suspended(self, ctx: Context, instrument: InstrumentId, why: str) -> None:
        """Something changed the position that this strategy did not order; declare a new target to go on."""

    def on_protection_ended(self, ctx: Context, instrument: InstrumentId, why: str) -> None:
        """The position turned, and what was declared was for the other side; declare anew to protect it."""

    def on_mode(self, ctx: Context, instrument: InstrumentId, mode: Mode) -> None:
        """Orders here may do more or less than before: in CAUTIOUS limits are halved; be simpler as well."""

    def on_timer(self, ctx: Context, name: str) -> None:
        """A timer of `ctx.every` or `ctx.at` came due."""
