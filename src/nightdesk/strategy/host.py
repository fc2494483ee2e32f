"""Runs one strategy: a message in, a proposal out. The only place where a user's exception is caught.

A strategy that raised is not called again: its entries stop, the desk keeps managing what it left open. Until
it is told `Started` it only sees: nothing is decided yet, or it is decided on another node.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Book, Mark, MarketEvent, Quote, Trade
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
SEERS: dict[type, str] = {
    Quote: "see_quote",
    Trade: "see_trade",
    Bar: "see_bar",
    Book: "see_depth",
    Mark: "see_mark",
}


class _Unseen:
    """In place of the state while a strategy looks: a node that stands by has none."""

    def __getattr__(self, name: str) -> object:
        raise ValueError(f"self.state.{name}: a see_... handler only looks; read it in on_...")

    def __setattr__(self, name: str, value: object) -> None:
        raise ValueError(f"self.state.{name}: a see_... handler only looks; change it in on_...")


_UNSEEN = _Unseen()


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
        self._seers = _seers(type(strategy))
        self._encoder = msgspec.msgpack.Encoder()
        self._anew(strategy)

    def _anew(self, strategy: Strategy) -> None:
        """An instance that has seen nothing yet."""
        self.strategy = strategy
        self._kept = self._encoder.encode(strategy.state)
        self.started = False
        self.crashed, self._untold = "", False
        self._looks = False
        self._seen: dict[BarsOf, Wall] = {}  # when the last bar ended that was seen
        self._undecided = set(self.depth)  # whose books it was never asked to decide by
        self.ctx.books = dict.fromkeys(self.depth)
        self.ctx.windows = self._windows()

    @property
    def sees_trades(self) -> bool:
        """Whether the strategy looks at prints."""
        return Trade in self._seers

    @property
    def hears_trades(self) -> bool:
        """Whether the strategy does anything with prints."""
        return self.sees_trades or type(self.strategy).on_trade is not Strategy.on_trade

    def handle(self, message: ToStrategy) -> Proposal:
        """Deliver one message; never raises for what the user's code does. What is raised before `Started` is
        told with that."""
        if self.crashed:
            return self._told_late(message)
        self.ctx.now = message.at
        try:
            if isinstance(message, Market):  # by far the most frequent: ask for it first
                self._see(message.event)
                if not self.started:
                    return NOTHING
                self._market(message.event)
            else:
                self._deliver(message)
            state = self._encoder.encode(self.strategy.state)
            if len(state) > STATE_MAX:
                raise ValueError(f"state of {len(state)} bytes is over {STATE_MAX}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 user code may raise anything; it is contained
            self.crashed = place_of(error)
            self.ctx.actions = []
            self._untold = isinstance(message, Market) and not self.started
            return NOTHING if self._untold else Proposal(crash=self.crashed)
        actions = self.ctx.actions
        if not actions and state == self._kept:
            return NOTHING
        self.ctx.actions = []
        changed = None if state == self._kept else state
        self._kept = state
        version = type(self.strategy).state_version
        return Proposal(actions=tuple(actions), state=changed, state_version=version)

    def _told_late(self, message: ToStrategy) -> Proposal:
        if not self._untold or isinstance(message, Market):
            return NOTHING
        self._untold = False
        return Proposal(crash=self.crashed)

    @property
    def looked(self) -> bool:
        """Whether it has seen anything yet."""
        return self._looks

    def awaits(self, book: InstrumentId) -> bool:
        """Whether it is to hear this order book even where that has not changed."""
        return self.ctx.books[book] is None or (self.started and book in self._undecided)

    def handler_of(self, message: ToStrategy) -> str:
        """Which handler a message goes to, as file, line and name; both, where one looks and one decides."""
        what = type(message.event if isinstance(message, Market) else message)
        kind, name = type(self.strategy), HANDLERS[what]
        handler, seer = getattr(kind, name), self._seers.get(what)
        decides = self.started and handler is not getattr(Strategy, name)
        called = [h for h in (seer, handler if decides or seer is None else None) if h is not None]
        return " and ".join(
            f"{h.__code__.co_filename}:{h.__code__.co_firstlineno} {h.__name__}" for h in called
        )

    def revive(self, kept: Kept | None) -> None:
        """A new instance of the same strategy, from its kept state; what it saw before is gone."""
        kind = type(self.strategy)
        strategy = kind()
        strategy.params = self._params
        strategy.state = state_of(kind, kept)
        self.ctx = HostContext(self.ctx.instruments, self.ctx.random, self.ctx.capital)
        self._anew(strategy)

    def lead(self, kept: Kept | None, instruments: Mapping[InstrumentId, Instrument]) -> None:
        """The node leads that stood by: what was seen stays, the state is what the journal kept."""
        self.strategy.state = state_of(type(self.strategy), kept)
        self._kept = self._encoder.encode(self.strategy.state)
        self.ctx.instruments = instruments

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

    def _windows(self) -> dict[BarsOf, Window]:
        return {of: Window(of, keep) for of, keep in self.wants.items()}

    def _start(self, message: Started) -> None:
        ctx = self.ctx
        ctx.positions, ctx.modes = dict(message.positions), dict(message.modes)
        ctx.holdings = dict(message.holdings)
        ctx.orders = {order.ref: order for order in message.orders}
        ctx.windows = self._windows()
        for bar in message.history:
            ctx.windows[bar.of].add(bar)
        for bar in message.history:
            if bar.opened >= self._seen.get(bar.of, 0):
                self._seen[bar.of] = bar.ends
                self._look(bar)
        self._look(None)
        self.started = True
        self.strategy.on_start(ctx)

    def _see(self, event: MarketEvent) -> None:
        """It is in the context from here on, and was looked at."""
        ctx = self.ctx
        if isinstance(event, Quote):
            ctx.quotes[event.instrument] = event
        elif isinstance(event, Bar):
            ctx.windows[event.of].add(event)
            self._seen[event.of] = event.ends
        elif isinstance(event, Book):
            before, ctx.books[event.instrument] = ctx.books[event.instrument], event
            if before is not None and event.repeats(before):
                return  # told again for whoever was not asked to decide by it yet
        if event.__class__ in self._seers or not self._looks:
            self._look(event)

    def _look(self, event: MarketEvent | None) -> None:
        """Without its state; before the first look it makes ready, and for that alone None is enough."""
        strategy, sight = self.strategy, self.ctx.sight
        state, strategy.state = strategy.state, _UNSEEN
        self.ctx.looks = True
        try:
            if not self._looks:
                self._looks = True
                strategy.see_start(sight)
            seer = self._seers.get(event.__class__)
            if seer is not None:
                seer(strategy, sight, event)
            if strategy.state is not _UNSEEN:
                raise ValueError("self.state: a see_... handler only looks; change it in on_...")
        finally:
            strategy.state, self.ctx.looks = state, False

    def _market(self, event: MarketEvent) -> None:
        if isinstance(event, Quote):
            self.strategy.on_quote(self.ctx, event)
        elif isinstance(event, Trade):
            self.strategy.on_trade(self.ctx, event)
        elif isinstance(event, Bar):
            self.strategy.on_bar(self.ctx, event)
        elif isinstance(event, Book):
            self._undecided.discard(event.instrument)
            self.strategy.on_depth(self.ctx, event)
        else:
            self.strategy.on_mark(self.ctx, event)


def _seers(kind: type[Strategy]) -> dict[type, Callable[..., Any]]:
    """The `see_...` handlers that a strategy has of its own."""
    own = {event: getattr(kind, name) for event, name in SEERS.items()}
    return {
        event: seer for event, seer in own.items() if seer is not getattr(Strategy, SEERS[event])
    }
