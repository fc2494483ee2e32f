"""The orders a desk knows, folded from the journal.

Live orders are all kept. Ended ones are kept, up to a bound, because late facts about them are legal; the
oldest are then forgotten, so that the hundred-thousandth order costs what the first did and snapshots stay
small.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, Epoch
from nightdesk.model.money import ZERO
from nightdesk.model.order import (
    WAITING,
    Amendment,
    Execution,
    Intent,
    OrderReport,
    VenueStatus,
)
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import Intended, Spooled
from nightdesk.model.time import Wall
from nightdesk.orders.lifecycle import TERMINAL, Fact, State, advance

ENDED_KEPT_MAX = 1_000  # minutes at three orders a second: far beyond any report's lateness
FORGET_LOOK = 8  # how far past an order that cannot be forgotten yet to look for one that can

_FACT_OF_STATUS = {
    VenueStatus.WORKING: Fact.WORKING,
    VenueStatus.FILLED: Fact.FILLED,
    VenueStatus.CANCELLED: Fact.CANCELLED,
    VenueStatus.EXPIRED: Fact.EXPIRED,
    VenueStatus.REJECTED: Fact.REJECTED,
}
_FACT_OF_VERDICT = {
    Verdict.ACKED: Fact.ACKED,
    Verdict.REJECTED: Fact.REFUSED,
    Verdict.NOT_SENT: Fact.UNSENT,
    Verdict.UNKNOWN: Fact.LOST,
}
_NOT_PLACED = frozenset({Verdict.REJECTED, Verdict.NOT_SENT})


class Order(msgspec.Struct, kw_only=True):
    """One order and what is known of it. Mutable; one writer, the desk's fold.

    `intent` has the terms in force, as far as they are known; `amending` are others that were asked for, and
    `in_doubt` says that the answer to it was lost. `amendments` counts the requests, the last one `amended_at`
    (UTC), in the epoch `amended_in`. `terms_at` is the venue's time of the report that told other terms last:
    an older one tells what they were. `unamendable`: the venue refused others; `kept`: the last that were
    asked for did not come into force.

    `filled` is the highest cumulative quantity ever told; `traded` is the sum of the trades known one by one.
    `ended_at` is when it ended, or grew after that (UTC, 0 while it lives). `confirmed` says that the venue was
    asked about a cancel after its settle window and nothing more had filled.
    """

    intent: Intent
    epoch: Epoch
    state: State = State.PENDING
    filled: Decimal = ZERO
    traded: Decimal = ZERO
    trade_ids: list[str] = msgspec.field(default_factory=list)
    venue_order_id: str = ""
    cancel_asked: bool = False
    intended_at: Wall = Wall(0)
    ended_at: Wall = Wall(0)
    confirmed: bool = False
    reason: str = ""
    amending: Amendment | None = None
    in_doubt: bool = False
    amendments: int = 0
    amended_at: Wall = Wall(0)
    amended_in: Epoch = Epoch(0)
    terms_at: Wall = Wall(0)
    unamendable: bool = False
    kept: bool = False

    @property
    def live(self) -> bool:
        """Whether it may still change by itself."""
        return self.state not in TERMINAL

    @property
    def most(self) -> Decimal:
        """The quantity that it may come to: the larger one while two may be in force."""
        asked = self.amending
        return self.intent.qty if asked is None else max(self.intent.qty, asked.qty)

    @property
    def changed_at(self) -> Wall:
        """When its terms were last decided (UTC)."""
        return max(self.intended_at, self.amended_at)

    @property
    def remaining(self) -> Decimal:
        """What has not been filled, of the most that it may come to."""
        return money.subtract(self.most, self.filled)

    @property
    def settled(self) -> bool:
        """Whether its end is final: a fill may still follow a cancel's acknowledgement for a while."""
        if self.live:
            return False
        return self.confirmed or self.state is not State.CANCELLED or self.remaining <= 0

    @property
    def untold(self) -> Decimal:
        """What has filled without its trades being known yet."""
        return max(money.subtract(self.filled, self.traded), ZERO)

    @property
    def at_stake(self) -> Decimal:
        """What it may still trade, in the worst case."""
        return ZERO if self.settled else self.remaining


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one fact changed: for exposure, for the strategy, for the alarm."""

    order: Order
    before: State
    filled: Decimal = ZERO  # how much the cumulative quantity grew
    surprise: str = ""
    amended: bool = False  # other terms are in force

    @property
    def changed(self) -> bool:
        """Whether anything a strategy should hear of happened."""
        return self.order.state is not self.before or self.filled > 0 or self.amended


class OrderBook:
    """All orders, live and recently ended."""

    def __init__(self) -> None:
        self.live: dict[ClientOrderId, Order] = {}
        self.ended: dict[ClientOrderId, Order] = {}

    def get(self, client_id: ClientOrderId) -> Order | None:
        """The order, while it is remembered."""
        return self.live.get(client_id) or self.ended.get(client_id)

    def unknown(self) -> Iterator[Order]:
        """Orders whose send nobody can vouch for."""
        unknown = State.UNKNOWN  # a member is looked up slowly
        return (order for order in self.live.values() if order.state is unknown)

    def enter(self, record: Intended | Spooled, epoch: Epoch, at: Wall) -> Order:
        """A new order; an id is never reused. Of one that was spooled nobody knows whether it was sent."""
        if isinstance(record, Intended):
            return self.intend(record.intent, epoch, at)
        order = self.intend(record.intent, record.epoch, record.at)
        order.state = State.UNKNOWN
        return order

    def intend(self, intent: Intent, epoch: Epoch, at: Wall) -> Order:
        """The same of what was decided then, in that epoch."""
        assert self.get(intent.client_id) is None, f"client order id {intent.client_id} used twice"
        order = Order(intent=intent, epoch=epoch, intended_at=at)
        self.live[intent.client_id] = order
        return order

    def answered(
        self, client_id: ClientOrderId, verdict: Verdict, reason: str, at: Wall
    ) -> Change | None:
        """The send ended."""
        order = self.get(client_id)
        if order is None:
            return None
        if reason and verdict is not Verdict.ACKED:
            order.reason = reason
        if verdict in _NOT_PLACED:
            self._stays(order)
        return self._advance(order, _FACT_OF_VERDICT[verdict], at)

    def reported(self, report: OrderReport, at: Wall) -> Change | None:
        """The venue told the order's state; its cumulative quantity only ever grows here."""
        order = self.get(report.client_id)
        if order is None:
            return None
        if _names(order, report):
            order.venue_order_id = report.venue_order_id
        amended, surprise = False, ""
        if _tells_terms(order, report):
            assert report.qty is not None, "both are told"
            assert report.price is not None, "both are told"
            asked, terms = order.amending, (report.qty, report.price)
            if asked is None or terms != (asked.qty, asked.price):
                intent = order.intent
                surprise = (
                    f"{intent.client_id}: told to be {report.qty} at {report.price}, which nobody asked for: "
                    f"it was {intent.qty} at {intent.price}"
                )
            else:
                order.amending, order.in_doubt, order.kept = None, False, False
            _take(order, *terms)
            order.terms_at, amended = report.venue_time, True
        change = self._advance(order, _FACT_OF_STATUS[report.status], at, filled=report.filled)
        if not amended:
            return change
        told = change.surprise or surprise
        return msgspec.structs.replace(change, amended=True, surprise=told)

    def teaches(self, report: OrderReport) -> bool:
        """Whether the report would change what is known of its order."""
        order = self.get(report.client_id)
        if order is None:
            return False
        step = advance(order.state, _FACT_OF_STATUS[report.status])
        return (
            report.filled > order.filled
            or _tells_terms(order, report)
            or step.surprise
            or step.state is not order.state
            or (_names(order, report) and order.venue_order_id != report.venue_order_id)
        )

    def executed(self, execution: Execution, at: Wall) -> Change | None:
        """The venue told one trade; None when it was known already (or the order is forgotten)."""
        order = self.get(execution.client_id)
        if order is None or execution.trade_id in order.trade_ids:
            return None
        order.trade_ids.append(execution.trade_id)
        order.traded = money.add(order.traded, execution.qty)
        fact = Fact.WORKING if order.live else Fact.LOST  # a trade proves that it lived
        if order.state in (State.REJECTED, State.NOT_SENT, State.NEVER_ACCEPTED):
            fact = Fact.WORKING
        return self._advance(order, fact, at, filled=order.traded)

    def amend(self, amendment: Amendment, epoch: Epoch, at: Wall) -> Order | None:
        """Other terms are asked for: from now on either may be in force."""
        order = self.get(amendment.client_id)
        if order is not None:
            order.amending, order.in_doubt = amendment, False
            order.amendments, order.amended_at, order.amended_in = amendment.number, at, epoch
        return order

    def amended(
        self, client_id: ClientOrderId, number: int, verdict: Verdict, at: Wall
    ) -> Change | None:
        """How that ended; None where a report has told it before."""
        order = self.get(client_id)
        asked = None if order is None else order.amending
        if order is None or asked is None or asked.number != number:
            return None
        before, taken = order.state, verdict is Verdict.ACKED and order.live
        if verdict is Verdict.UNKNOWN:
            order.in_doubt = True
        else:
            order.amending, order.in_doubt = None, False
            order.unamendable, order.kept = verdict is Verdict.REJECTED, not taken
            if taken:
                _take(order, asked.qty, asked.price)
            if order.live and order.filled >= order.intent.qty:
                self._move(order, State.FILLED, at)
        return Change(order=order, before=before, amended=taken)

    def in_doubt(self) -> Iterator[Order]:
        """Live orders of which nobody knows which terms are in force."""
        return (order for order in self.live.values() if order.in_doubt)

    def absent(self, client_id: ClientOrderId, at: Wall) -> Change | None:
        """The venue was asked in time and never had it."""
        order = self.get(client_id)
        if order is None:
            return None
        change = self._advance(order, Fact.ABSENT, at)
        if not order.live:
            self._stays(order)
        return change

    def settle(self, client_id: ClientOrderId) -> Order | None:
        """Its cancel is final."""
        order = self.get(client_id)
        if order is not None:
            order.confirmed = True
        return order

    def _stays(self, order: Order) -> None:
        """What it was to replace stands as it did, where it still lives: the request came to nothing."""
        replaced = order.intent.replaces
        old = None if replaced is None else self.live.get(replaced)
        if old is not None:
            old.cancel_asked = False

    def _advance(self, order: Order, fact: Fact, at: Wall, filled: Decimal = ZERO) -> Change:
        before = order.state
        grown = ZERO
        if filled > order.filled:
            grown = money.subtract(filled, order.filled)
            order.filled = filled
            if not order.live:
                order.ended_at, order.confirmed = at, False  # stable means stable from here on
        step = advance(before, fact)
        state = State.FILLED if order.filled >= order.most else step.state
        surprise = f"{order.intent.client_id}: {fact} while {before}" if step.surprise else ""
        if fact is Fact.FILLED and before is not State.FILLED and order.filled < order.intent.qty:
            surprise = f"{order.intent.client_id}: told to be filled at {order.filled} of {order.intent.qty}"
        if order.filled > order.most:
            surprise = (
                f"{order.intent.client_id}: filled {order.filled} of {order.most}, "
                "more than was asked"
            )
        self._move(order, state, at)
        return Change(order=order, before=before, filled=grown, surprise=surprise)

    def _move(self, order: Order, state: State, at: Wall) -> None:
        client_id = order.intent.client_id
        was_live, changed = order.live, order.state is not state
        order.state = state
        if order.live:
            order.ended_at, order.confirmed = Wall(0), False
            if not was_live:
                self.ended.pop(client_id, None)
                self.live[client_id] = order
            return
        if changed:
            order.ended_at = at
        if was_live:
            self.live.pop(client_id, None)
            self.ended[client_id] = order
            self._forget()

    def _forget(self) -> None:
        """Drop the oldest ended orders that nothing is owed about any more."""
        excess = len(self.ended) - ENDED_KEPT_MAX
        if excess <= 0:
            return
        for client_id, order in list(islice(self.ended.items(), excess + FORGET_LOOK)):
            if excess > 0 and order.settled and order.traded >= order.filled:
                del self.ended[client_id]
                excess -= 1


def _names(order: Order, report: OrderReport) -> bool:
    """Whether the report says under which id the venue has the order now: what it waited as is no news once it
    has become an order of the usual book."""
    told = report.venue_order_id
    was = order.venue_order_id
    return bool(told) and not (told.startswith(WAITING) and was and not was.startswith(WAITING))


def _take(order: Order, qty: Decimal, price: Decimal) -> None:
    """These are its terms from now on."""
    order.intent = msgspec.structs.replace(order.intent, qty=qty, price=price)


def _tells_terms(order: Order, report: OrderReport) -> bool:
    """Whether the report tells other terms than those known; an older one tells what they were, and one that
    filled more than them, what the venue ended it for."""
    intent = order.intent
    if report.qty is None or report.price is None or intent.type.conditional:
        return False
    newer = report.venue_time > order.terms_at and report.filled <= report.qty
    return newer and (report.qty, report.price) != (intent.qty, intent.price)
