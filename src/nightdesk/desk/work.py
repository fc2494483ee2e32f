"""One decision in the making: what its parts share, and the one way to decide a fact."""

from nightdesk.desk import tell
from nightdesk.desk.events import Decision, Note, Tell
from nightdesk.desk.limiting import limits_for
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.state import DeskState
from nightdesk.desk.views import Views
from nightdesk.model.ids import (
    InstrumentId,
    Seq,
    StrategyId,
    VenueId,
    correlation_id,
    decode_order_id,
    venue_of,
)
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import LimitSet, ModeSet, Record, TargetSet
from nightdesk.model.time import Moment, Mono, Wall
from nightdesk.modes.ladder import instrument_scope, scopes
from nightdesk.orders.book import Change
from nightdesk.risk.caps import Binding, binding
from nightdesk.risk.limits import Limits, cautious
from nightdesk.strategy.messages import TargetSuspended

_PROTECT = Origin.PROTECT  # a member is looked up slowly


class Work:
    """One decision being made: the state, the views, the time, and what has been decided so far."""

    __slots__ = ("_before", "decision", "moment", "mono", "now", "settings", "state", "views")

    def __init__(
        self, state: DeskState, views: Views, settings: DeskSettings, moment: Moment
    ) -> None:
        self.moment = moment
        self.now, self.mono = moment.wall, moment.mono
        self.settings = settings
        self.state = state
        self.views = views
        self.decision = Decision(at=moment.wall)
        self._before = state.seq  # the last slot before this decision's own

    def next_seq(self) -> Seq:
        """The slot the next record will have."""
        return Seq(self.state.seq + 1)

    def record(self, record: Record) -> Change | None:
        """Decide a fact: it is folded now and durable before any effect in `after`."""
        self.decision.records.append(record)
        change = self.state.apply(record, self.next_seq(), self.now)
        if isinstance(record, LimitSet):
            self.views.limits.clear()
        if change is not None:
            self._follow(change)
        return change

    def set_mode(self, scope: str, cause: str, mode: Mode, *, by: str, why: str) -> None:
        """Raise or lift a cause; nothing is journaled when nothing changes."""
        if self.state.ladder.demands(scope, cause) is mode:
            return
        self.record(ModeSet(scope=scope, cause=cause, mode=mode.name, by=by, why=why))
        level = "info" if mode is Mode.NORMAL else "warning"
        for key in self.state.targets:  # what the mode refused may be allowed now
            self.views.retry_from[key] = self.mono
        self.decision.at_once += tell.modes(self.state, self.views, self.settings, self.now)
        self.note(level, "mode.set", scope=scope, cause=cause, mode=mode.name, by=by, why=why)

    def demand(self, scope: str, cause: str, mode: Mode, *, why: str, calm_ns: int) -> None:
        """What a watcher wants now: raised at once, lifted only after `calm_ns` without a reason for it."""
        key = (scope, cause)
        if mode is not Mode.NORMAL:
            self.views.calm_since.pop(key, None)
        else:
            lifts = self.state.ladder.holds(scope, cause)
            if not lifts or self.mono - self.views.calm_since.setdefault(key, self.mono) < calm_ns:
                return
        self.set_mode(scope, cause, mode, by="desk", why=why)

    def calm_from(self, scope: str, cause: str, calm_ns: int) -> Mono:
        """When `demand` lifts a cause that it holds, as long as nothing gives a reason for it."""
        return Mono(self.views.calm_since.get((scope, cause), self.mono) + calm_ns)

    def note(self, level: str, event: str, **fields: object) -> None:
        """Say it in the log, under the decision's correlation id; a fact about an order, under the order's."""
        key = decode_order_id(str(fields.get("id", "")))
        cid = (
            correlation_id(self.state.epoch, Seq(self._before + 1))
            if key is None
            else correlation_id(key.epoch, key.seq)
        )
        named = {"cid": cid, **{name: str(value) for name, value in fields.items()}}
        self.decision.at_once.append(Note(level=level, event=event, fields=named))

    def quote(self, instrument: InstrumentId) -> tuple[Quote, int] | None:
        """The latest quote and its age in ns, unless there is none or it is broken."""
        quote = self.views.quotes.get(instrument)
        if quote is None or quote.crossed:
            return None
        return quote, self.moment.mono - quote.received

    def deadline(self, intent: Intent) -> Wall:
        """When the venue refuses an order that has not reached it, on the desk's clock."""
        return Wall(intent.deadline - self.moment.ahead_ns.get(venue_of(intent.instrument), 0))

    def there(self, venue: VenueId) -> Wall:
        """What the clock of `venue` shows now."""
        return Wall(self.now + self.moment.ahead_ns.get(venue, 0))

    def limits(self, strategy: StrategyId, instrument: InstrumentId) -> Limits:
        """The limits an order of `strategy` has to keep now: in CAUTIOUS they are tighter."""
        limits: Limits = self.binding(strategy, instrument).limits
        return limits

    def binding(self, strategy: StrategyId, instrument: InstrumentId) -> Binding:
        """The same, with which of the optional ones are set; made once, until one is set anew."""
        careful = self.state.ladder.mode(*scopes(strategy, instrument)) is Mode.CAUTIOUS
        key = (strategy, instrument, careful)
        found = self.views.limits.get(key)
        if found is None:
            limits = limits_for(self.settings, self.state.limits_set, strategy, instrument)
            contract = self.settings.instruments[instrument].contract
            found = binding(cautious(limits) if careful else limits, contract=contract)
            self.views.limits[key] = found
        return found

    def suspended(self, strategy: StrategyId, instrument: InstrumentId, why: str) -> None:
        """Tell a strategy that its target is not followed any more, and what it holds."""
        held = self.state.position(strategy, instrument)
        message = TargetSuspended(
            at=self.now,
            instrument=instrument,
            why=why,
            position=held.qty,
            holding=tell.holding_of(held),
        )
        self.decision.at_once.append(Tell(strategy=strategy, message=message))

    def _follow(self, change: Change) -> None:
        if change.surprise:
            scope = instrument_scope(change.order.intent.instrument)
            self.set_mode(scope, "surprise", Mode.REDUCE_ONLY, by="desk", why=change.surprise)
        if change.changed:
            self.decision.at_once += tell.order_changed(
                self.state, self.views, self.settings, change, self.now
            )
        if change.filled > 0 and change.order.intent.origin is _PROTECT:
            intent = change.order.intent
            self.stop_following(intent, f"a protective order ({intent.type}) traded")

    def stop_following(self, intent: Intent, why: str) -> None:
        """The target that an order's strategy has there may not trade back what the order traded."""
        target = self.state.targets.get((intent.strategy, intent.instrument))
        if target is None or target.suspended:
            return
        self.record(
            TargetSet(
                strategy=intent.strategy,
                instrument=intent.instrument,
                qty=target.qty,
                suspended=why,
            )
        )
        self.suspended(intent.strategy, intent.instrument, why)
