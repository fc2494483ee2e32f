"""The durable state: a fold of journal records, the same on every node and in every replay.

`apply` is its only writer. What records cannot tell (quotes, health, what was asked) is not in here.
"""

from collections import deque
from decimal import Decimal

from nightdesk.desk.protection import Protection, Terms, terms_of
from nightdesk.desk.settings import OPERATOR
from nightdesk.desk.stakes import hold_of, stake_of
from nightdesk.desk.target import TargetState, target_of
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, Epoch, InstrumentId, Seq, StrategyId
from nightdesk.model.instrument import Instrument, wallet_of
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution, Origin
from nightdesk.model.records import (
    AmendAnswered,
    AmendAsked,
    Answered,
    CancelAsked,
    Configured,
    EpochOpened,
    Executed,
    Flowed,
    ForceTraded,
    Intended,
    LimitSet,
    Marked,
    ModeSet,
    ProtectionSet,
    Reconciled,
    Record,
    Reported,
    Resolved,
    Settled,
    Spooled,
    StrategyKept,
    TargetSet,
)
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import DESK, Cause, Ladder, strategy_scope
from nightdesk.orders.book import Change, Order, OrderBook
from nightdesk.orders.lifecycle import State
from nightdesk.orders.traffic import Traffic
from nightdesk.portfolio.booked import Booked, fee_key, flow_key, forced_key
from nightdesk.portfolio.exits import Exits
from nightdesk.portfolio.exposure import Exposure
from nightdesk.portfolio.funds import Funds
from nightdesk.portfolio.position import Position
from nightdesk.risk.losses import Marks
from nightdesk.strategy.messages import Kept

Owner = tuple[StrategyId, InstrumentId]
_PROTECT = Origin.PROTECT  # a member is looked up slowly


class DeskState:
    """Everything a start gets back."""

    def __init__(self) -> None:
        self.seq = Seq(0)
        self.epoch = Epoch(0)
        self.nonce = 0
        self.nonces: dict[int, int] = {}  # nonce -> epoch, of every life of this journal
        self.config_hash = self.plan_hash = ""
        self.generation = 0  # of the records that its leader may write
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.orders = OrderBook()
        self.positions: dict[Owner, Position] = {}
        self.exposures: dict[InstrumentId, Exposure] = {}
        self.funds = Funds()
        self.opened: dict[str, Decimal] = {}  # balances at the first reconcile of each venue
        self.ladder = Ladder()
        self.targets: dict[Owner, TargetState] = {}
        self.protections: dict[Owner, Protection] = {}
        self.kept: dict[StrategyId, bytes] = {}
        self.kept_versions: dict[StrategyId, int] = {}  # 1 where none is named
        self.intents_at: deque[Wall] = deque()  # UTC of the intents of the last second
        self.settling: dict[ClientOrderId, Wall] = {}  # cancelled, may yet fill; told last when
        self.untraded: dict[ClientOrderId, Wall] = {}  # filled beyond the known trades, since when
        self.counts: dict[str, int] = {}
        self.marks: dict[str, Marks] = {}  # by scope, where a loss limit was ever set
        self.exits: dict[str, Exits] = {}  # by scope
        self.traffic = Traffic()
        self.limits_set: dict[str, dict[str, LimitSet]] = {}  # by scope and limit
        self.booked = Booked()

    def kept_of(self, strategy: StrategyId) -> Kept | None:
        """What a strategy keeps; None before it kept anything."""
        body = self.kept.get(strategy)
        version = self.kept_versions.get(strategy, 1)
        return None if body is None else Kept(body=body, version=version)

    def position(self, strategy: StrategyId, instrument: InstrumentId) -> Position:
        """The position of one strategy, to look at; an empty one that is not kept when it has none."""
        return self.positions.get((strategy, instrument)) or Position()

    def _moved(self, strategy: StrategyId, instrument: InstrumentId) -> Position:
        """The position that a record moves; made empty by the first one."""
        key = (strategy, instrument)
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = Position()
        return position

    def exposure(self, instrument: InstrumentId) -> Exposure:
        """The open worst case of one instrument."""
        exposure = self.exposures.get(instrument)
        if exposure is None:
            exposure = self.exposures[instrument] = Exposure()
        return exposure

    def net(self, instrument: InstrumentId) -> Decimal:
        """What all strategies hold of one instrument together."""
        held = ZERO
        for (_, of), position in self.positions.items():
            if of == instrument:
                held = money.add(held, position.qty)
        return held

    def guarding(self, owner: Owner) -> list[Order]:
        """Live orders that protect what a strategy holds of an instrument, oldest first."""
        return [
            order
            for order in self.orders.live.values()
            if order.intent.origin is _PROTECT
            and (order.intent.strategy, order.intent.instrument) == owner
        ]

    def guarded(self, owner: Owner) -> Decimal:
        """How much of it they hold; of a pair only one trades, and what only reduces stands beside others."""
        held: dict[ClientOrderId, Decimal] = {}
        reducing: dict[Terms, Decimal] = {}
        for order in self.guarding(owner):
            if order.intent.reduce_only:
                terms = terms_of(order.intent)
                reducing[terms] = money.add(reducing.get(terms, ZERO), order.remaining)
                continue
            key = order.intent.pair
            held[key] = max(held.get(key, ZERO), order.remaining)
        most = max(reducing.values(), default=ZERO)
        closes = min(most, money.magnitude(self.position(*owner).qty))  # no more than is held
        return max(money.total(held.values()), closes)

    def losing_exits(self, scope: str) -> int:
        """Closing orders of a scope in a row that lost."""
        exits = self.exits.get(scope)
        return 0 if exits is None else exits.in_a_row

    def orders_last_second(self, now: Wall) -> int:
        """Intents of the last second, this epoch's and those before it."""
        count, since = len(self.intents_at), now - SECOND_NS
        # Oldest first: only what ran out since the last intent is looked at.
        for at in self.intents_at:
            if at > since:
                break
            count -= 1
        return count

    def recount(self, now: Wall) -> None:
        """Count exposure and holds anew from the orders, after they were loaded."""
        for order in (*self.orders.live.values(), *self.orders.ended.values()):
            if not order.settled or order.filled > order.traded:
                self._count(order, now)

    def apply(self, record: Record, seq: Seq, at: Wall) -> Change | None:
        """Fold one record; returns what it changed about an order, if it did."""
        assert seq == self.seq + 1, f"slot {seq} after slot {self.seq}"
        self.seq = seq
        match record:
            case Intended() | Spooled():
                self._intended(record, at)
            case Answered():
                return self._changed(
                    self.orders.answered(record.client_id, record.verdict, record.text, at), at
                )
            case Reported():
                return self._changed(self.orders.reported(record.report, at), at)
            case Executed():
                return self._executed(record.execution, at)
            case CancelAsked():
                self._cancel_asked(record, at)
            case AmendAsked() | AmendAnswered():
                return self._amended(record, at)
            case Resolved():
                return self._changed(self.orders.absent(record.client_id, at), at)
            case Settled():
                order = self.orders.settle(record.client_id)
                if order is not None:
                    self._count(order, at)
            case _:
                self._apply_rare(record, at)
        return None

    def _apply_rare(self, record: Record, at: Wall) -> None:
        match record:
            case EpochOpened():
                self._open_epoch(record)
            case Configured():
                self.config_hash, self.plan_hash = record.hash, record.plan_hash
                self.instruments.update({i.id: i for i in record.instruments})
            case ModeSet():
                mode = Mode[record.mode]
                cause = Cause(mode=mode, by=record.by, why=record.why, since=at)
                self.ladder.set(record.scope, record.cause, cause)
            case Reconciled():
                self._reconciled(record, at)
            case Marked():
                self._marked(record)
            case Flowed():
                self._flowed(record)
            case ForceTraded():
                self._force_traded(record)
            case _:
                self._apply_wanted(record, at)

    def _apply_wanted(self, record: Record, at: Wall) -> None:
        """What strategies and people declared."""
        match record:
            case StrategyKept():
                self.kept[record.strategy] = record.body
                self.kept_versions[record.strategy] = record.version
            case TargetSet():
                key = (record.strategy, record.instrument)
                self.targets.pop(key, None)
                if record.qty is not None:
                    self.targets[key] = target_of(record, record.qty, at)
            case ProtectionSet():
                self._protected(record)
            case LimitSet():
                self._limit_set(record)
            case _:
                raise AssertionError(f"no fold for {type(record).__name__}")

    def _open_epoch(self, record: EpochOpened) -> None:
        """Whatever an older epoch intended and never saw answered may be at the venue."""
        self.epoch, self.nonce = record.epoch, record.nonce
        self.generation = record.generation
        self.nonces[record.nonce] = record.epoch
        for order in self.orders.live.values():
            if order.state is State.PENDING:
                order.state = State.UNKNOWN
            order.in_doubt = order.amending is not None

    def _reconciled(self, record: Reconciled, at: Wall) -> None:
        venue = record.venue or next((i.venue for i in self.instruments.values()), record.venue)
        if venue not in self.booked.since:
            self.opened.update(record.balances)
        self.booked.since[venue] = record.venue_time or at
        self.funds.balances.update(record.balances)
        for instrument in record.surplus:
            shares, rest = record.changes(instrument)
            for strategy, qty in shares.items():
                self._moved(strategy, instrument).taken(qty)
            held = self._moved(OPERATOR, instrument)
            held.qty = money.add(held.qty, rest)

    def _flowed(self, record: Flowed) -> None:
        move = record.move
        self.booked.book(flow_key(record.venue, move), move.at)
        self.funds.flow(wallet_of(record.venue, move.asset), move.kind, move.amount)
        for strategy, share in record.shares.items():
            assert move.instrument is not None, "only a contract's funding is shared"
            position = self._moved(strategy, move.instrument)
            position.funding = money.add(position.funding, share)

    def _force_traded(self, record: ForceTraded) -> None:
        fill = record.fill
        instrument = self.instruments[fill.instrument]
        self.booked.book(forced_key(fill), fill.at)
        if fill.fee != 0:
            self.booked.book(fee_key(fill.instrument, fill.fee), fill.at)
        self.funds.forced(instrument, fill)
        for strategy, qty in record.shares.items():
            held = self._moved(strategy, fill.instrument)
            held.forced(fill, qty, record.fee_of(strategy), instrument.quote)
        self._tally("fills")

    def _protected(self, record: ProtectionSet) -> None:
        key = (record.strategy, record.instrument)
        self.protections.pop(key, None)
        if record.stop is None and record.take_profit is None and not record.trail_bps:
            return
        self.protections[key] = Protection(
            stop=record.stop,
            take_profit=record.take_profit,
            trail_bps=record.trail_bps,
            side=record.side,
        )
        self.protection_noted(key)

    def protection_noted(self, owner: Owner) -> None:
        """Let a protection take in what its strategy holds; dust is nothing to protect yet."""
        protection = self.protections.get(owner)
        if protection is not None:
            protection.note(self.position(*owner).qty, self.instruments[owner[1]].qty_min)

    def _marked(self, record: Marked) -> None:
        marks = Marks(day=record.day, day_profit=record.day_profit, peak=record.peak)
        self.marks[record.scope] = marks
        if record.looked_at:
            self.exits.pop(record.scope, None)

    def _limit_set(self, record: LimitSet) -> None:
        named = self.limits_set.setdefault(record.scope, {})
        named.pop(record.limit, None)
        if record.value != record.file:
            named[record.limit] = record
        elif not named:
            del self.limits_set[record.scope]

    def _intended(self, record: Intended | Spooled, at: Wall) -> None:
        order = self.orders.enter(record, self.epoch, at)
        self._ordered(order, at)
        self._tally("intended")
        self._count(order, at)

    def _cancel_asked(self, record: CancelAsked, at: Wall) -> None:
        order = self.orders.get(record.client_id)
        if order is not None:
            order.cancel_asked = True
            self.traffic.cancelled(order.intent.instrument, at)

    def _amended(self, record: AmendAsked | AmendAnswered, at: Wall) -> Change | None:
        if isinstance(record, AmendAnswered):
            ended = self.orders.amended(record.client_id, record.number, record.verdict, at)
            return self._changed(ended, at)
        order = self.orders.amend(record.amendment, self.epoch, at)
        if order is not None:
            self._ordered(order, at)
            self._count(order, at)
        return None

    def _ordered(self, order: Order, at: Wall) -> None:
        """A message that venues count as an order."""
        self.traffic.ordered(order.intent.strategy, order.intent.instrument, at)
        while self.intents_at and self.intents_at[0] <= at - SECOND_NS:
            self.intents_at.popleft()
        self.intents_at.append(at)

    def _executed(self, execution: Execution, at: Wall) -> Change | None:
        change = self.orders.executed(execution, at)
        if change is None:
            return None
        instrument = self.instruments[execution.instrument]
        strategy = change.order.intent.strategy
        position = self._moved(strategy, execution.instrument)
        before = position.earned
        closes = position.priced * execution.side.sign < 0
        position.trade(execution, instrument.held_as, instrument.quote)
        if closes:
            earned = money.subtract(position.earned, before)
            for scope in (DESK, strategy_scope(strategy)):
                self.exits.setdefault(scope, Exits()).closed(execution.client_id, earned)
        if instrument.contract:
            self.funds.contract_trade(instrument, execution)
        else:
            self.funds.trade(execution, instrument.base, instrument.quote)
        self.traffic.filled(execution.instrument, at)
        self._tally("fills")
        return self._changed(change, at)

    def _changed(self, change: Change | None, at: Wall) -> Change | None:
        if change is None:
            return None
        order = change.order
        intent = order.intent
        if change.filled > 0:
            owner = (intent.strategy, intent.instrument)
            self._moved(*owner).fill(intent.side, change.filled)
            self.protection_noted(owner)
        if order.state is not change.before:
            self._tally(order.state)
        self._count(order, at)
        return change

    def _count(self, order: Order, now: Wall) -> None:
        """Bring exposure and funds in line with what `order` may still trade."""
        intent = order.intent
        if order.live or order.settled:
            self.settling.pop(intent.client_id, None)
        else:
            self.settling[intent.client_id] = order.ended_at
        if order.filled > order.traded:
            self.untraded.setdefault(intent.client_id, now)
        else:
            self.untraded.pop(intent.client_id, None)
        other = None if intent.other is None else self.orders.get(intent.other)
        leg, owed = stake_of(order, other)
        self.exposure(intent.instrument).set_leg(intent.pair, leg)
        instrument = self.instruments[intent.instrument]
        if not instrument.contract:  # its margin follows from the exposure
            self.funds.set_hold(intent.pair, hold_of(leg, owed, instrument))

    def _tally(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
