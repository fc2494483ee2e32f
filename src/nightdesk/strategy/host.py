"""Runs one strategy: a message in, a proposal out. The only place where a user's exception is caught.

A strategy that raised is not called again: its entries stop, the desk keeps managing what it left open.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DepthUpdate, Quote, Trade
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import Wall
from nightdesk.strategy.api import Draw, Strategy
from nightdesk.strategy.messages import (
    NOTHING,
    TRAIL_BPS_MAX,
    TRAIL_BPS_MIN,
    Cancel,
    Filled,
    FromDesk,
    FromStrategy,
    Market,
    ModeChanged,
    OrderChanged,
    OrderView,
    Place,
    Proposal,
    Protect,
    Refusal,
    Started,
    Target,
    TargetSuspended,
    TimerFired,
    ToStrategy,
)

STATE_MAX = 1 << 19  # half of what one journal frame holds
CRASH_TEXT_MAX = 300
ACTIONS_MAX = 100  # wishes of one handler call: more is a loop, not a plan


class HostContext:
    """The `Context` a handler sees; collects its wishes."""

    def __init__(self, instruments: Mapping[InstrumentId, Instrument], random: Draw) -> None:
        self.now = Wall(0)
        self.random = random
        self.instruments = instruments
        self.orders: dict[str, OrderView] = {}
        self.timers: dict[str, tuple[int, int]] = {}  # name -> (interval, due), UTC ns
        self.positions: dict[InstrumentId, Decimal] = {}
        self.modes: dict[InstrumentId, Mode] = {}
        self.quotes: dict[InstrumentId, Quote] = {}
        self.actions: list[FromStrategy] = []
        self._refs = 0

    def quote(self, instrument: InstrumentId) -> Quote | None:
        """The latest quote, or None before the first."""
        return self.quotes.get(instrument)

    def position(self, instrument: InstrumentId) -> Decimal:
        """What this strategy holds, from its own fills."""
        return self.positions.get(instrument, ZERO)

    def mode(self, instrument: InstrumentId) -> Mode:
        """The strictest mode over this strategy's orders there; NORMAL before anything was told."""
        return self.modes.get(instrument, Mode.NORMAL)

    def place(
        self,
        instrument: InstrumentId,
        side: Side,
        qty: Decimal,
        price: Decimal,
        type: OrderType = OrderType.LIMIT,
    ) -> str:
        """Wish for an order; returns the ref under which it will appear in `orders`."""
        self._known(instrument)
        _kind("side", side, Side)
        _kind("type", type, OrderType)
        if type.conditional:
            raise ValueError(f"{type} is no order to place: ctx.protect keeps it at the venue")
        _number("qty", qty)
        _number("price", price)
        self._refs += 1
        ref = f"r{self._refs}"
        self._wish(
            Place(ref=ref, instrument=instrument, side=side, type=type, qty=qty, price=price)
        )
        return ref

    def cancel(self, ref: str) -> None:
        """Wish an order gone; one that has ended already is left alone."""
        _kind("ref", ref, str)
        self._wish(Cancel(ref=ref))

    def target(self, instrument: InstrumentId, qty: Decimal | None) -> None:
        """Declare the position this strategy wants; the desk converges to it."""
        self._known(instrument)
        if qty is not None:
            _number("qty", qty)
        self._wish(Target(instrument=instrument, qty=qty))

    def protect(
        self,
        instrument: InstrumentId,
        *,
        stop: Decimal | None = None,
        take_profit: Decimal | None = None,
        trail_bps: int = 0,
    ) -> None:
        """Keep orders at the venue that close this strategy's position when the price gets to `stop` or to
        `take_profit`, or comes back by `trail_bps` from its best; whatever of it is held, until it is flat.

        May be declared before there is a position. Declared anew it replaces what was declared; with nothing it
        ends. A stop that the market has passed already closes at once.
        """
        self._known(instrument)
        for name, price in (("stop", stop), ("take_profit", take_profit)):
            if price is not None:
                _number(name, price)
                if price <= 0:
                    raise ValueError(f"{name} must be above zero, got {price}")
        _kind("trail_bps", trail_bps, int)
        if trail_bps and not TRAIL_BPS_MIN <= trail_bps <= TRAIL_BPS_MAX:
            allowed = f"{TRAIL_BPS_MIN} to {TRAIL_BPS_MAX}"
            raise ValueError(f"trail_bps must be 0 or {allowed}, got {trail_bps}")
        if trail_bps and stop is not None:
            raise ValueError("stop and trail_bps: declare one of them")
        self._wish(
            Protect(instrument=instrument, stop=stop, take_profit=take_profit, trail_bps=trail_bps)
        )

    def every(self, name: str, interval_ns: int) -> None:
        """Call `on_timer` each `interval_ns` of venue time from now on."""
        if interval_ns <= 0:
            raise ValueError(f"timer {name!r}: the interval must be positive, got {interval_ns}")
        self.timers[name] = (interval_ns, self.now + interval_ns)

    def _known(self, instrument: InstrumentId) -> None:
        if instrument not in self.instruments:
            raise ValueError(f"{instrument} is not among this strategy's {list(self.instruments)}")

    def _wish(self, action: FromStrategy) -> None:
        if len(self.actions) >= ACTIONS_MAX:
            raise ValueError(f"more than {ACTIONS_MAX} wishes in one handler call")
        self.actions.append(action)


class Host:
    """One strategy and its context."""

    def __init__(
        self,
        name: StrategyId,
        strategy: Strategy,
        instruments: Mapping[InstrumentId, Instrument],
        random: Draw,
    ) -> None:
        self.name = name
        self.strategy = strategy
        self._params = strategy.params
        self.ctx = HostContext(instruments, random)
        self.crashed = ""
        self._encoder = msgspec.msgpack.Encoder()
        self._kept = self._encoder.encode(strategy.state)

    def handle(self, message: ToStrategy) -> Proposal:
        """Deliver one message; never raises for what the user's code does."""
        if self.crashed:
            return NOTHING
        self.ctx.now = message.at
        try:
            if isinstance(message, Market):  # by far the most frequent: ask for it first
                self._market(message)
            else:
                self._deliver(message)
            state = self._encoder.encode(self.strategy.state)
            if len(state) > STATE_MAX:
                raise ValueError(f"state of {len(state)} bytes is over {STATE_MAX}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 user code may raise anything; it is contained
            self.crashed = _place_of(error)
            self.ctx.actions = []
            return Proposal(crash=self.crashed)
        actions = self.ctx.actions
        if not actions and state == self._kept:
            return NOTHING
        self.ctx.actions = []
        changed = None if state == self._kept else state
        self._kept = state
        return Proposal(actions=tuple(actions), state=changed)

    def revive(self, state: bytes | None) -> None:
        """A new instance of the same strategy, from its kept state; what it saw before is gone."""
        kind = type(self.strategy)
        strategy = kind()
        strategy.params = self._params
        strategy.state = _state_of(kind, state)
        self.strategy = strategy
        self.crashed = ""
        self._kept = self._encoder.encode(strategy.state)
        self.ctx = HostContext(self.ctx.instruments, self.ctx.random)

    def due(self, now: Wall) -> list[str]:
        """Names of the timers that came due; each is set for its next time."""
        names: list[str] = []
        if not self.ctx.timers:
            return names
        for name, (interval, at) in self.ctx.timers.items():
            if at <= now:
                names.append(name)
                self.ctx.timers[name] = (interval, at + interval * ((now - at) // interval + 1))
        return names

    def _deliver(self, message: FromDesk) -> None:
        strategy, ctx = self.strategy, self.ctx
        match message:
            case Started(positions=positions, orders=orders, modes=modes):
                ctx.positions, ctx.modes = dict(positions), dict(modes)
                ctx.orders = {order.ref: order for order in orders}
                strategy.on_start(ctx)
            case OrderChanged(order=order, position=position):
                ctx.positions[order.instrument] = position
                if order.live:
                    ctx.orders[order.ref] = order
                else:
                    ctx.orders.pop(order.ref, None)
                strategy.on_order(ctx, order)
            case Filled(fill=fill, position=position):
                ctx.positions[fill.instrument] = position
                strategy.on_fill(ctx, fill)
            case Refusal(ref=ref, rule=rule, text=text):
                strategy.on_refusal(ctx, ref, rule, text)
            case TargetSuspended(instrument=instrument, why=why):
                strategy.on_target_suspended(ctx, instrument, why)
            case ModeChanged(instrument=instrument, mode=mode):
                ctx.modes[instrument] = mode
                strategy.on_mode(ctx, instrument, mode)
            case TimerFired(name=name):
                strategy.on_timer(ctx, name)

    def _market(self, message: Market) -> None:
        event = message.event
        if isinstance(event, Quote):
            self.ctx.quotes[event.instrument] = event
            self.strategy.on_quote(self.ctx, event)
        elif isinstance(event, Trade):
            self.strategy.on_trade(self.ctx, event)
        elif isinstance(event, DepthUpdate):
            self.strategy.on_depth(self.ctx, event)
        else:
            self.strategy.on_mark(self.ctx, event)


def prepare(kind: type[Strategy], params: Mapping[str, object], state: bytes | None) -> Strategy:
    """An instance with typed params and its kept state; raises `BadInput` naming what does not fit."""
    strategy = kind()
    try:
        strategy.params = msgspec.convert(params, kind.Params, strict=False)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        fields = ", ".join(field.name for field in msgspec.structs.fields(kind.Params))
        raise BadInput(
            f"params of {kind.__name__}: {error}; it takes {fields or 'none'}"
        ) from error
    strategy.state = _state_of(kind, state)
    return strategy


def _state_of(kind: type[Strategy], state: bytes | None) -> msgspec.Struct:
    try:
        return kind.State() if state is None else msgspec.msgpack.decode(state, type=kind.State)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise BadInput(
            f"{kind.__name__}.State does not fit what the journal kept: {error}; give new fields a default"
        ) from error


def _kind(name: str, value: object, wanted: type) -> None:
    if not isinstance(value, wanted):
        raise TypeError(f"{name} must be a {wanted.__name__}, got {value!r}")


def _number(name: str, value: object) -> None:
    """Amounts are exact and finite; anything else is the strategy's mistake, found in the strategy."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{name} must be a Decimal, got {value!r}")
    if not value.is_finite():
        raise ValueError(f"{name} must be finite, got {value}")


def _place_of(error: BaseException) -> str:
    """The exception and the user's line, short enough for a table."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file != __file__:
            where = f" ({file}:{trace.tb_lineno})"
        trace = trace.tb_next
    try:
        text = str(error)[:CRASH_TEXT_MAX]
    except Exception:  # noqa: BLE001 an exception that cannot be printed is still shown by its name
        text = "its text cannot be printed"
    return f"{type(error).__name__}: {text}{where}"
