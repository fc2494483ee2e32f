"""Runs one strategy: a message in, a proposal out. The only place where a user's exception is caught.

A strategy that raised is not called again: its entries stop, the desk keeps managing what it left open.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from nightdesk.model.bars import Bar
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Book, Mark, Quote, Trade
from nightdesk.model.time import Wall
from nightdesk.strategy.api import Draw, Strategy
from nightdesk.strategy.context import HostContext
from nightdesk.strategy.messages import (
    NOTHING,
    Filled,
    FromDesk,
    Kept,
    Market,
    ModeChanged,
    OrderChanged,
    Proposal,
    ProtectionEnded,
    Refusal,
    Started,
    TargetSuspended,
    TimerFired,
    ToStrategy,
)
from nightdesk.strategy.prepare import declared, place_of, state_of
from nightdesk.strategy.window import Window

STATE_MAX = 1 << 19  # half of what one journal frame holds

HANDLERS: dict[type, str] = {
    Started: "on_start",
    OrderChanged: "on_order",
    Filled: "on_fill",
    Refusal: "on_refusal",
    TargetSuspended: "on_target_suspended",
    ProtectionEnded: "on_protection_ended",
    ModeChanged: "on_mode",
    TimerFired: "on_timer",
    Quote: "on_quote",
    Trade: "on_trade",
    Bar: "on_bar",
    Book: "on_depth",
    Mark: "on_mark",
}


class Host:
    """One strategy and its context."""

    def __init__(
        self,
        name: StrategyId,
        strategy: Strategy,
        instruments: Mapping[InstrumentId, Instrument],
        random: Draw,
        capital: Decimal | None = None,
    ) -> None:
        self.name = name
        self.strategy = strategy
        self._params = strategy.params
        self.ctx = HostContext(instruments, random, capital)
        self.wants, self.depth = declared(strategy, instruments)
        self.ctx.books = dict.fromkeys(self.depth)
        self.crashed = ""
        self._encoder = msgspec.msgpack.Encoder()
        self._kept = self._encoder.encode(strategy.state)

    @property
    def hears_trades(self) -> bool:
        """Whether the strategy does anything with prints."""
        return type(self.strategy).on_trade is not Strategy.on_trade

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
            self.crashed = place_of(error)
            self.ctx.actions = []
            return Proposal(crash=self.crashed)
        actions = self.ctx.actions
        if not actions and state == self._kept:
            return NOTHING
        self.ctx.actions = []
        changed = None if state == self._kept else state
        self._kept = state
        version = type(self.strategy).state_version
        return Proposal(actions=tuple(actions), state=changed, state_version=version)

    def handler_of(self, message: ToStrategy) -> str:
        """Which handler a message goes to, as file, line and name."""
        what = message.event if isinstance(message, Market) else message
        handler = getattr(type(self.strategy), HANDLERS[type(what)])
        code = handler.__code__
        return f"{code.co_filename}:{code.co_firstlineno} {handler.__name__}"

    def revive(self, kept: Kept | None) -> None:
        """A new instance of the same strategy, from its kept state; what it saw before is gone."""
        kind = type(self.strategy)
        strategy = kind()
        strategy.params = self._params
        strategy.state = state_of(kind, kept)
        self.strategy = strategy
        self.crashed = ""
        self._kept = self._encoder.encode(strategy.state)
        self.ctx = HostContext(self.ctx.instruments, self.ctx.random, self.ctx.capital)
        self.ctx.books = dict.fromkeys(self.depth)

    def due(self, now: Wall) -> list[str]:
        """Names of the timers that came due; each is set for its next time, or was for once."""
        names: list[str] = []
        if not self.ctx.timers:
            return names
        for name, (interval, at) in list(self.ctx.timers.items()):
            if at > now:
                continue
            names.append(name)
            if interval:
                self.ctx.timers[name] = (interval, at + interval * ((now - at) // interval + 1))
            else:
                del self.ctx.timers[name]
        return names

    def _deliver(self, message: FromDesk) -> None:
        strategy, ctx = self.strategy, self.ctx
        match message:
            case Started():
                self._start(message)
            case OrderChanged(order=order, position=position):
                ctx.positions[order.instrument] = position
                if order.live:
                    ctx.orders[order.ref] = order
                else:
                    ctx.orders.pop(order.ref, None)
                strategy.on_order(ctx, order)
            case Filled(fill=fill, position=position, holding=holding):
                ctx.positions[fill.instrument] = position
                ctx.holdings[fill.instrument] = holding
                strategy.on_fill(ctx, fill)
            case Refusal(ref=ref, rule=rule, text=text):
                strategy.on_refusal(ctx, ref, rule, text)
            case TargetSuspended():
                self._suspended(message)
            case ProtectionEnded(instrument=instrument, why=why):
                strategy.on_protection_ended(ctx, instrument, why)
            case ModeChanged(instrument=instrument, mode=mode):
                ctx.modes[instrument] = mode
                strategy.on_mode(ctx, instrument, mode)
            case TimerFired(name=name):
                strategy.on_timer(ctx, name)

    def _suspended(self, message: TargetSuspended) -> None:
        of = message.instrument
        if message.position is not None:
            self.ctx.positions[of], self.ctx.holdings[of] = message.position, message.holding
        self.strategy.on_target_suspended(self.ctx, of, message.why)

    def _start(self, message: Started) -> None:
        ctx = self.ctx
        ctx.positions, ctx.modes = dict(message.positions), dict(message.modes)
        ctx.holdings = dict(message.holdings)
        ctx.orders = {order.ref: order for order in message.orders}
        ctx.windows = {of: Window(of, keep) for of, keep in self.wants.items()}
        for bar in message.history:
            ctx.windows[bar.of].add(bar)
        self.strategy.on_start(ctx)

    def _market(self, message: Market) -> None:
        event = message.event
        if isinstance(event, Quote):
            self.ctx.quotes[event.instrument] = event
            self.strategy.on_quote(self.ctx, event)
        elif isinstance(event, Trade):
            self.strategy.on_trade(self.ctx, event)
        elif isinstance(event, Bar):
            self.ctx.windows[event.of].add(event)
            self.strategy.on_bar(self.ctx, event)
        elif isinstance(event, Book):
            self.ctx.books[event.instrument] = event
            self.strategy.on_depth(self.ctx, event)
        else:
            self.strategy.on_mark(self.ctx, event)
