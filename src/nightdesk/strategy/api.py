"""What a user writes: a class with typed `Params` and `State`, handlers, and a context.

    class Mine(Strategy):
        class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
            size: Decimal = Decimal("0.01")

        def on_quote(self, ctx: Context, quote: Quote) -> None:
            ctx.target(quote.instrument, self.params.size)

Handlers must not wait, read a clock or draw random numbers on their own: `ctx.now` and `ctx.random` are the
same in production and in every replay. Attributes of `self` are views, gone after a restart; what must
survive goes into `self.state`, which is journaled with the decision that changed it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Protocol

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DepthUpdate, Mark, Quote, Trade
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import Wall
from nightdesk.strategy.messages import Fill, OrderView


class Draw(Protocol):
    """A strategy's own stream of random numbers, seeded by the desk."""

    def random(self) -> float: ...
    def randint(self, a: int, b: int) -> int: ...
    def uniform(self, a: float, b: float) -> float: ...


class NoParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strategy that takes none."""


class NoState(msgspec.Struct):
    """A strategy that keeps nothing across restarts."""


class Context(Protocol):
    """What a handler may see and do; every wish becomes a message after the handler returned."""

    @property
    def now(self) -> Wall: ...
    @property
    def random(self) -> Draw: ...
    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]: ...
    @property
    def orders(self) -> Mapping[str, OrderView]: ...
    def quote(self, instrument: InstrumentId) -> Quote | None: ...
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
    def target(self, instrument: InstrumentId, qty: Decimal | None) -> None: ...
    def protect(
        self,
        instrument: InstrumentId,
        *,
        stop: Decimal | None = None,
        take_profit: Decimal | None = None,
        trail_bps: int = 0,
    ) -> None: ...
    def every(self, name: str, interval_ns: int) -> None: ...


class Strategy:
    """Base of every strategy. `params` and `state` are set before `on_start`."""

    Params: ClassVar[type[msgspec.Struct]] = NoParams
    State: ClassVar[type[msgspec.Struct]] = NoState

    params: Any
    state: Any

    def on_start(self, ctx: Context) -> None:
        """The desk trades from here on; positions and open orders of before are in `ctx`."""

    def on_quote(self, ctx: Context, quote: Quote) -> None:
        """The best bid or ask changed."""

    def on_trade(self, ctx: Context, trade: Trade) -> None:
        """Somebody traded."""

    def on_depth(self, ctx: Context, update: DepthUpdate) -> None:
        """Levels of the book changed."""

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

    def on_mode(self, ctx: Context, instrument: InstrumentId, mode: Mode) -> None:
        """Orders here may do more or less than before: in CAUTIOUS limits are halved; be simpler as well."""

    def on_timer(self, ctx: Context, name: str) -> None:
        """A timer of `ctx.every` came due."""
