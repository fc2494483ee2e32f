"""The desk: one event in, one decision out. The same on every node, in every replay, at any speed.

The state here is the durable fold plus views (quotes, what was asked, refs) that start empty. A record is
applied the moment it is decided, so that exposure is reserved before the append; a refused append therefore
ends this incarnation, and the next one folds only what is durable.
"""

from nightdesk.desk import (
    accounts,
    degrade,
    flatten,
    losses,
    operator,
    placing,
    protect,
    targets,
    watch,
)
from nightdesk.desk.events import (
    AccountTold,
    CancelAll,
    CancelEnded,
    Decision,
    Event,
    Flatten,
    Health,
    OrderFound,
    OrderNotFound,
    OrderTold,
    Pause,
    Proposed,
    QuoteSeen,
    Resume,
    SendEnded,
    Tick,
    TradesTold,
)
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.state import DeskState
from nightdesk.desk.views import Views
from nightdesk.desk.work import Work
from nightdesk.model.market import Quote
from nightdesk.model.order import Intent
from nightdesk.model.records import Record
from nightdesk.model.time import Moment
from nightdesk.modes.ladder import Action, scopes
from nightdesk.risk.gate import Approved
from nightdesk.risk.limits import View


class Desk:
    """Owns the durable state; `decide` is its only door."""

    def __init__(self, state: DeskState, settings: DeskSettings) -> None:
        self.state = state
        self.settings = settings
        self.views = Views()

    def decide(self, event: Event, moment: Moment) -> Decision:
        """Everything that follows from `event` now."""
        if isinstance(event, QuoteSeen):  # by far the most frequent
            return self._see(event.quote, moment)
        work = Work(self.state, self.views, self.settings, moment)
        match event:  # the most frequent first: each case is asked for in turn
            case Tick():
                degrade.strain(work, event)
                watch.tick(work)
                losses.watch(work)
                degrade.pull(work)
                protect.step(work)
                flatten.step(work)
            case Proposed():
                placing.take(work, event.strategy, event.proposal)
            case SendEnded() | CancelEnded() | OrderTold() | OrderFound() | TradesTold():
                accounts.learn(work, event)
            case OrderNotFound():
                watch.not_found(work, event)
            case AccountTold():
                accounts.compare(work, event)
                flatten.verify(work, event)
            case Health():
                work.set_mode(event.scope, event.cause, event.mode, by="desk", why=event.why)
            case Pause() | Resume() | CancelAll() | Flatten():
                operator.command(work, event)
        return work.decision

    def _see(self, quote: Quote, moment: Moment) -> Decision:
        self.views.quotes[quote.instrument] = quote
        if not self.state.targets:
            return Decision(at=moment.wall)
        work = Work(self.state, self.views, self.settings, moment)
        targets.converge(work, quote.instrument)
        return work.decision

    def open(self, records: list[Record], moment: Moment) -> Decision:
        """The first decision of an epoch: its own records, before anything else."""
        work = Work(self.state, self.views, self.settings, moment)
        for record in records:
            work.record(record)
        watch.unresolved(work)
        return work.decision

    def weigh(self, intent: Intent, view: View) -> None:
        """Keep the worst that was ever allowed of each limit."""
        placing.weigh(self.views, intent, view)

    def may_send(self, approved: Approved) -> bool:
        """The mode latch of the last step before the wire; nothing may come between it and the write."""
        intent = approved.intent
        action = Action.REDUCE if approved.reduces else Action.NEW_RISK
        action = placing.REDUCING.get(intent.origin, action)
        return self.state.ladder.allows(action, *scopes(intent.strategy, intent.instrument))
