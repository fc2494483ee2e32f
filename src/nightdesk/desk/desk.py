"""The desk: one event in, one decision out. The same on every node, in every replay, at any speed.

The state here is the durable fold plus views (quotes, what was asked, refs) that start empty. A record is
applied the moment it is decided, so that exposure is reserved before the append; a refused append therefore
ends this incarnation, and the next one folds only what is durable.
"""

from nightdesk.desk import (
    accounts,
    amended,
    contracts,
    degrade,
    flatten,
    losses,
    operator,
    placing,
    protect,
    spooled,
    targets,
    use,
    watch,
    wishes,
)
from nightdesk.desk.events import (
    AccountTold,
    AmendEnded,
    CancelAll,
    CancelEnded,
    Decision,
    Event,
    Flatten,
    FlowsTold,
    ForcedTold,
    Health,
    OrderFound,
    OrderNotFound,
    OrderTold,
    Pause,
    Proposed,
    QuoteSeen,
    Resume,
    SendEnded,
    SetLimit,
    SpoolFound,
    TermsSeen,
    Tick,
    TradesTold,
    WalletsMoved,
)
from nightdesk.desk.limiting import loss_limits
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.state import DeskState
from nightdesk.desk.views import Views
from nightdesk.desk.work import Work
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.order import Amendment, Intent, Origin
from nightdesk.model.records import Record
from nightdesk.model.time import Moment, Mono
from nightdesk.modes.ladder import DESK, Action, scopes
from nightdesk.risk.gate import Approved
from nightdesk.risk.limits import View


class Desk:
    """Owns the durable state; `decide` is its only door."""

    def __init__(self, state: DeskState, settings: DeskSettings) -> None:
        self.state = state
        self.settings = settings
        self.views = Views()
        self._limited = bool(loss_limits(settings, state.limits_set))
        self.quiet_until = Mono(0)  # before it, and without an event, a tick decides nothing

    def decide(self, event: Event, moment: Moment) -> Decision:
        """Everything that follows from `event` now."""
        if isinstance(event, QuoteSeen):  # by far the most frequent
            return self._see(event.quote, moment)
        if isinstance(event, Tick):
            return self._pass_time(event, moment)
        self._stir()
        work = Work(self.state, self.views, self.settings, moment)
        match event:  # the most frequent first: each case is asked for in turn
            case Proposed():
                wishes.take(work, event.strategy, event.proposal)
            case (
                SendEnded()
                | AmendEnded()
                | CancelEnded()
                | OrderTold()
                | OrderFound()
                | TradesTold()
            ):
                amended.learn(work, event)
            case OrderNotFound():
                watch.not_found(work, event)
            case AccountTold():
                accounts.compare(work, event)
                flatten.verify(work, event)
            case FlowsTold() | ForcedTold() | WalletsMoved() | TermsSeen():
                contracts.told(work, event)
            case Health() | SpoolFound():
                _of_the_node(work, event)
            case Pause() | Resume() | CancelAll() | Flatten() | SetLimit():
                operator.command(work, event)
                self._limited = bool(loss_limits(self.settings, self.state.limits_set))
        return work.decision

    def _pass_time(self, tick: Tick, moment: Moment) -> Decision:
        if moment.mono < self.quiet_until and not degrade.strained(tick):
            return Decision(at=moment.wall)
        work = Work(self.state, self.views, self.settings, moment)
        degrade.strain(work, tick)
        watch.tick(work)
        losses.watch(work)
        degrade.pull(work)
        protect.step(work)
        targets.tick(work)
        flatten.step(work)
        self.quiet_until = max(moment.mono, _next_due(work))
        return work.decision

    def _see(self, quote: Quote, moment: Moment) -> Decision:
        views, instrument = self.views, quote.instrument
        before = views.quotes.get(instrument)
        views.quotes[instrument] = quote
        state = self.state
        judged = self._limited or state.ladder.causes or state.protections
        if self.quiet_until and (before is None or judged):
            self._stir()  # a tick looks at this quote, and not only at its age
        if before is None or not quote.repeats(before):
            views.moved[instrument] = moment.mono
        if not self.state.targets:
            return Decision(at=moment.wall)
        decided = self.state.seq
        work = Work(self.state, views, self.settings, moment)
        targets.converge(work, instrument)
        if self.state.seq != decided or any(work.mono < at for at in views.not_before.values()):
            self._stir()
        return work.decision

    def _stir(self) -> None:
        self.quiet_until, self.views.stirred = Mono(0), True

    def heed(self, *, strategies: bool) -> None:
        """From now on strategies' wishes are heard and their targets followed, or neither."""
        self.views.trading = strategies
        self._stir()

    def open(self, records: list[Record], moment: Moment) -> Decision:
        """The first decision of an epoch: its own records, before anything else."""
        self._stir()
        work = Work(self.state, self.views, self.settings, moment)
        for record in records:
            work.record(record)
        degrade.regroup(work)
        operator.review_limits(work)
        self._limited = bool(loss_limits(self.settings, self.state.limits_set))
        watch.unresolved(work)
        return work.decision

    def weigh(self, intent: Intent, view: View) -> None:
        """Keep the worst that was ever allowed of each limit."""
        use.weigh(self.views, intent, view)

    def may_send(self, approved: Approved) -> bool:
        """The mode latch of the last step before the wire; nothing may come between it and the write."""
        intent = approved.intent
        action = Action.REDUCE if approved.reduces else Action.NEW_RISK
        if approved.reduces or intent.origin is Origin.FLATTEN:
            action = placing.REDUCING.get(intent.origin, action)
        return self.state.ladder.allows(action, *scopes(intent.strategy, intent.instrument))

    def still_meant(self, amendment: Amendment) -> bool:
        """Of other terms for an order, in the same step: neither its end nor others were asked for since."""
        order = self.state.orders.live.get(amendment.client_id)
        asked = None if order is None or order.cancel_asked else order.amending
        return asked is not None and asked.number == amendment.number


def _of_the_node(work: Work, event: Health | SpoolFound) -> None:
    """What the node tells of what is around the desk."""
    if isinstance(event, SpoolFound):
        spooled.found(work, event)
    else:
        work.set_mode(event.scope, event.cause, event.mode, by="desk", why=event.why)


def _next_due(work: Work) -> Mono:
    """When a tick decides something again, as long as nothing happens."""
    if work.state.ladder.demands(DESK, flatten.CAUSE) is Mode.FLATTENING:
        return work.mono  # every step of the way out is looked at, whatever it waits for
    dues = [*watch.dues(work), *degrade.dues(work), *targets.dues(work), *protect.dues(work)]
    marks = losses.due(work)
    return min(dues if marks is None else [*dues, marks])
