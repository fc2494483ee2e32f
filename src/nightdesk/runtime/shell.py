"""The loop around the core: events in, decisions executed, strategies called, answers fed back.

One event is decided at a time; what its effects bring up joins the queue behind it, so that a strategy that
answers every refusal with another order can neither recurse nor starve the loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from nightdesk.desk import tell
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import (
    AskAccount,
    AskByHand,
    AskFlows,
    AskForced,
    AskOrder,
    AskPrice,
    AskTrades,
    Decision,
    Effect,
    Event,
    Health,
    Note,
    Proposed,
    QuoteSeen,
    Revive,
    SendCancel,
    SendOrder,
    Tell,
    Weigh,
)
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId, venue_of
from nightdesk.model.market import Book, MarketEvent, Quote
from nightdesk.model.mode import Mode
from nightdesk.model.time import Moment, Mono
from nightdesk.modes.ladder import strategy_scope
from nightdesk.ports.process import LogSink
from nightdesk.runtime.bars import BarFeed, feed_of
from nightdesk.runtime.calls import Calls, by_instrument
from nightdesk.runtime.depth import DepthFeed
from nightdesk.runtime.gateway import Spawn, Trigger
from nightdesk.runtime.journal_writer import Done, JournalWriter
from nightdesk.runtime.lease import Lease
from nightdesk.runtime.route import Route
from nightdesk.runtime.sleeper import Sleeper
from nightdesk.runtime.spooling import Spooling
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import NOTHING, Market, TimerFired, ToStrategy

WARM_UP = "warm-up"  # the cause while a strategy waits for the bars it declared
DRAIN_MAX = 1_000  # events decided before the loop gets a turn
ALONE: Mapping[str, int] = {}  # no venue beside the first


class Shell:
    """Executes what the desk decides."""

    def __init__(
        self,
        *,
        desk: Desk,
        writer: JournalWriter,
        routes: Mapping[VenueId, Route],
        lease: Lease,
        hosts: Mapping[StrategyId, Host],
        telemetry: Telemetry,
        log: LogSink,
    ) -> None:
        self.desk = desk
        self.writer = writer
        self.routes = routes
        self.lease = lease
        self.telemetry = telemetry
        self.trading = self._stops = False
        self.ask_account: Callable[[VenueId], None] = lambda _: None
        self.ask_price: Callable[[InstrumentId], None] = lambda _: None
        self.sleeper = Sleeper()
        self.ask_terms: Callable[[VenueId], None] = lambda _: None
        self.ask_moves: Callable[[AskFlows | AskForced], None] = lambda _: None
        self.bars: BarFeed | None = None  # where some strategy declared any
        self.hosts = hosts
        self._log = log
        first = next(iter(routes.values())).requester
        self._mono, self._now = first.mono, first.venue_now
        self.spooling = Spooling(writer, self._mono, self._now, self._send, self.say)
        self._calls = Calls(self._mono, telemetry, self.say)
        self.depth = DepthFeed(hosts.values(), desk, self._mono, self.handle)
        self._others = {v: r.requester for v, r in routes.items() if r.requester is not first}
        self._queue: deque[Event] = deque()
        self._draining = False
        self._received = 0  # when the market event being handled arrived, 0 otherwise
        self._greeted: dict[StrategyId, Host] = {}
        self._by_instrument = by_instrument(hosts.values())

    def moment(self) -> Moment:
        """Now, on every clock a decision needs."""
        others = self._others
        return Moment(
            mono=self._mono(),
            wall=self._now(),
            lease_until=self.lease.until,
            ahead_ns={v: r.ahead_ns for v, r in others.items()} if others else ALONE,
        )

    def _route(self, instrument: InstrumentId) -> Route:
        return self.routes[venue_of(instrument)]

    def handle(self, event: Event, done: Done | None = None) -> None:
        """Decide `event` after those already queued; `done` runs once its records are durable."""
        if done is not None:
            # A command's answer must follow its own records: nothing may be queued before it.
            self._drain()
            self._execute(self.desk.decide(event, self.moment()), done)
            self._drain()
            if self.sleeper.asleep:
                self._stir()
            return
        if self._draining or self._queue:
            self._queue.append(event)
            if not self._draining:
                self._drain()
            return
        # Nothing waits and nothing is being decided: the usual case needs no queue.
        self._draining = True
        try:
            self._execute(self.desk.decide(event, self.moment()), None)
        finally:
            self._draining = False
        if self._queue:
            self._drain()
        if self.sleeper.asleep:
            self._stir()

    def execute_opening(self, decision: Decision) -> None:
        """The first append of an epoch."""
        self._execute(decision, None)

    def stop_strategies(self) -> None:
        """No wish is heard and no target followed any more."""
        self.trading, self._stops = False, True
        self.desk.heed(strategies=False)

    def start_strategies(self) -> None:
        """Tell every strategy where it stands; from here on they are heard."""
        self.trading = True
        self.desk.heed(strategies=True)
        for name in self.hosts:
            self._greet(name)

    def _greet(self, name: StrategyId) -> None:
        """The first message of a strategy, once the bars it declared are there; until then it risks nothing."""
        desk, host = self.desk, self.hosts[name]
        short = "" if self.bars is None else self.bars.short(host.wants)
        scope = strategy_scope(name)
        if host.wants or desk.state.ladder.holds(scope, WARM_UP):
            mode = Mode.REDUCE_ONLY if short else Mode.NORMAL
            why = short or "the bars it declared are there"
            self.handle(Health(scope=scope, cause=WARM_UP, mode=mode, why=why))
        if short:
            return
        self._greeted[name] = host
        history = () if self.bars is None else self.bars.history(host.wants)
        now = self.moment().wall
        message = tell.started(desk.state, desk.views, desk.settings, name, now, history)
        self._propose(host, message)

    def _propose(self, host: Host, message: ToStrategy) -> None:
        proposal = self._calls.made(host, message)
        if proposal is not NOTHING:
            self.handle(Proposed(strategy=host.name, proposal=proposal))

    def _revive(self, name: StrategyId) -> None:
        """A strategy that crashed and was resumed begins again, from what the journal kept of it."""
        host = self.hosts.get(name)
        if host is None or not host.crashed:
            return
        host.revive(self.desk.state.kept_of(name))
        self._catch_up(host)
        if self.trading:
            self._greet(name)

    def market(self, event: MarketEvent) -> None:
        """A market event: the desk's views first, then the strategies; one that has not begun only sees it.

        A quote that repeats the one before says that the feed lives, which is the desk's concern alone.
        """
        if isinstance(event, Bar):
            self._bar_heard(event)
            return
        self._received = event.received
        telemetry = self.telemetry
        telemetry.counters["market.events"] = telemetry.counters.get("market.events", 0) + 1
        to_all = True
        if isinstance(event, Quote):
            before = self.desk.views.quotes.get(event.instrument)
            to_all = before is None or not event.repeats(before)
            self.handle(QuoteSeen(quote=event))
        elif isinstance(event, Book):
            to_all = False
            self._book_heard(event)
        if to_all and not self._stops:
            message = Market(at=self._now(), event=event)
            for host in self._by_instrument.get(event.instrument, ()):
                self._propose(host, message)
        self._received = 0
        if self.sleeper.asleep:
            self._stir()

    def _bar_heard(self, bar: Bar) -> None:
        if self.bars is not None:
            self.bars.heard(bar)
            if self.sleeper.asleep:
                self._stir()

    def _book_heard(self, book: Book) -> None:
        listening = () if self._stops else self._by_instrument.get(book.instrument, ())
        for host, told in self.depth.heard(book, listening):
            self._propose(host, Market(at=self._now(), event=told))

    def due(self) -> Mono:
        """Until when nothing needs a tick, as long as nothing happens."""
        if not self.trading or self.writer.depth or self._queue:
            return Mono(0)
        due, moment = self.desk.quiet_until, self.moment()
        if self.bars is not None:
            due = min(due, self.bars.due())
        due = min((due, *self.depth.dues()))
        for host in self.hosts.values():
            for _, at in host.ctx.timers.values():
                due = min(due, Mono(moment.mono + at - moment.wall))
        return due

    def _stir(self) -> None:
        """Something happened: does the tick still wake in time?"""
        if self.due() < self.sleeper.wakes:
            self.sleeper.wake()

    def follow_bars(self, spawn: Spawn, warm: BarFeed | None = None) -> None:
        """Begin to put the declared bars together, or go on with what stood by has `warm`."""
        bars = self.bars = warm or feed_of(self.hosts.values(), asks=self.routes, spawn=spawn)
        if bars is not None:
            bars.attach(self.told_bars, self.say)
        for host in (host for host in self.hosts.values() if not host.looked):
            self._catch_up(host)

    def _catch_up(self, host: Host) -> None:
        """One that was made beside a feed of bars which has told its history already."""
        if self.bars is not None:
            self._calls.shown(host, self.bars.history(host.wants), self._now())

    @property
    def history_awaited(self) -> bool:
        """Whether the history of declared bars is still to be told, and may be waited for."""
        return self.bars is not None and self.bars.awaited

    def told_bars(self, of: BarsOf, bars: Sequence[Bar]) -> None:
        """The next bars of a series: to those that declared it, perhaps the last that another waited for."""
        if self._stops:
            return
        hear = [h for h in self._by_instrument.get(of.instrument, ()) if of in h.wants]
        early = [host for host in hear if not host.started]
        for host in early:
            self._calls.shown(host, bars, self._now())
        for bar in bars:
            message = Market(at=self._now(), event=bar)
            for host in hear:
                if host not in early:
                    self._propose(host, message)
        for host in early if self.trading else ():  # these bars are in their history
            if host.name not in self._greeted:
                self._greet(host.name)

    def timers(self) -> None:
        """Spool what waits too long, ask for missing bars, fire the strategies' timers that came due."""
        self.spooling.look()
        if self.bars is not None:
            self.bars.look()
        if not self.trading:
            return
        self.depth.look()
        now = self._now()
        for host in self._greeted.values():
            for timer in host.due(now):
                self._propose(host, TimerFired(at=now, name=timer))

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        try:
            for _ in range(DRAIN_MAX):
                if not self._queue:
                    return
                event = self._queue.popleft()
                self._execute(self.desk.decide(event, self.moment()), None)
        finally:
            self._draining = False
        self.telemetry.count("shell.drain_yielded")
        asyncio.get_running_loop().call_soon(self._drain)

    def _execute(self, decision: Decision, done: Done | None) -> None:
        if decision.records:
            self.writer.submit(decision.records, decision.at, self._after(decision, done))
        elif done is not None:
            # It changed nothing: what it repeats may still be on its way.
            self.writer.when_durable(done)
        for effect in decision.at_once:
            self._do(effect)

    def _after(self, decision: Decision, done: Done | None) -> Done | None:
        """What must wait until the decision is durable."""
        if not decision.after:
            return done
        decided = self._mono()
        trigger = Trigger(self._received, decided)
        loop = asyncio.get_running_loop()
        for waiting in decision.after:
            if isinstance(waiting, SendOrder):
                self.spooling.waits(waiting, trigger)
        if self._received:
            self.telemetry.stages["tick_to_decided"].record(decided - self._received)

        def run() -> None:
            trigger.durable = self._mono()
            for effect in decision.after:
                if isinstance(effect, SendOrder):
                    if not self.spooling.durable(effect):
                        self._send(effect, trigger)
                else:
                    assert isinstance(effect, Weigh), "nothing else waits for the journal"
                    # A later turn: one order's weighing must not delay the next one's send.
                    loop.call_soon(self.desk.weigh, effect.intent, effect.view)
            if done is not None:
                done()

        return run

    def _send(self, order: SendOrder, trigger: Trigger) -> None:
        self._route(order.approved.intent.instrument).gateway.send(order, trigger)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Tell(strategy=name, message=message):
                self._tell(name, message)
            case SendCancel(intent=intent):
                self._route(intent.instrument).gateway.cancel(intent)
            case AskOrder() | AskTrades() | AskByHand():
                self._ask_orders(effect)
            case AskAccount() | AskPrice() | AskFlows() | AskForced():
                self._ask(effect)
            case Revive(strategy=name):
                self._revive(name)
            case Note():
                self.note(effect)
            case SendOrder() | Weigh():
                raise AssertionError("an order may only leave after its intent is durable")

    def _ask_orders(self, effect: AskOrder | AskTrades | AskByHand) -> None:
        match effect:
            case AskOrder(intent=intent, since=since):
                self._route(intent.instrument).questions.ask_order(intent, since)
            case AskTrades(intent=intent, venue_order_id=venue_order_id):
                self._route(intent.instrument).questions.ask_trades(intent, venue_order_id)
            case AskByHand(instrument=instrument, since=since):
                self._route(instrument).questions.ask_by_hand(instrument, since)

    def _ask(self, effect: AskAccount | AskPrice | AskFlows | AskForced) -> None:
        match effect:
            case AskAccount(venue=venue):
                self.ask_account(venue)
            case AskPrice(instrument=instrument):
                self.ask_price(instrument)
            case AskFlows() | AskForced():
                self.ask_moves(effect)

    def _tell(self, name: StrategyId, message: ToStrategy) -> None:
        host = self._greeted.get(name)
        if host is None or not self.trading:
            return
        proposal = self._calls.made(host, message)
        if proposal is not NOTHING:
            self._queue.append(Proposed(strategy=name, proposal=proposal))
            if not self._draining:
                self._drain()

    def say(self, level: str, event: str, **fields: str) -> None:
        """A line from the shell itself."""
        self.note(Note(level=level, event=event, fields=fields))

    def note(self, note: Note) -> None:
        """One line for the log and for the ring."""
        at = self._now()
        self.telemetry.ring.append((at, note.level, note.event, note.fields))
        self.telemetry.count(f"event.{note.event}")
        self._log.log(note.level, note.event, dict(note.fields))
