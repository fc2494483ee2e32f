"""I2: the desk's own doing never takes the worst case, an order, its price or the rate beyond the limits, nor
does it go on where too much is lost, or more than its margin is at stake.

Judged on the venue's truth, which also counts orders that the desk does not know of. A worst case that is
beyond its limit without having grown by an order or fill of this desk (an adopted position, a tightened
limit) is not held against it. Balances of spot are the venue's to enforce: it refuses what is not paid for.
"""

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from nightdesk.audit.facts import Fact, VenueSaid, Written
from nightdesk.audit.i02_caps import Caps
from nightdesk.audit.i02_losses import Losing
from nightdesk.audit.i02_margin import Margin
from nightdesk.audit.invariant import RECORDS, Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import InstrumentLimits
from nightdesk.audit.lots import Lots
from nightdesk.audit.venue_log import VenueOrder
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin, Side
from nightdesk.model.records import AmendAsked, LimitSet, Reconciled
from nightdesk.model.time import SECOND_NS

LAW = "I2 risk never exceeded"
BPS = 10_000
WAYS_OUT = (Origin.FLATTEN, Origin.PROTECT)  # at the price that is there
RATE_SLACK = 1  # an order on the border of two seconds may count in both
_KEPT_NS = 120 * SECOND_NS  # no accept comes later than this after its decision


class Risk:
    """Limits and slack are by instrument; limits that are given win over those that the journal tells.

    `slack` is in base: what a position may differ by without anybody's doing, such as external trades between
    two comparisons. Fees taken in base that the journal did not know when it decided are allowed for anyway.
    """

    law = LAW
    needs = (
        "orders of this desk in the venue's log, and limits: given, or from a journal's Configured"
    )
    hears: frozenset[Heard] = frozenset(
        {"accept", "algo", "amend", "fill", "cancel", "expire", *RECORDS}
    )

    def __init__(
        self,
        *,
        limits: Mapping[str, InstrumentLimits] | None = None,
        slack: Mapping[str, Decimal] | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._caps = Caps(self.ledger)
        lots = Lots(self.ledger)
        self._losing = Losing(self.ledger, lots)
        self._margin = Margin(self.ledger, self._caps, self._losing, lots)
        self._limits = dict(limits or {})
        self._slack = dict(slack or {})
        self._worst: dict[str, Decimal] = {}
        self._then: dict[str, InstrumentLimits] = {}  # in force when an order was decided
        self._reduced: set[str] = set()  # could only reduce when they were decided
        self._fees_known: dict[str, Decimal] = {}  # by client id, when it was decided
        self._forced_unknown: dict[str, Decimal] = {}  # the same of what the venue traded itself
        self._decided: list[int] = []  # of accepted orders, sorted
        self._durable: list[int] = []  # the same, by when their intents were

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge the price of what is decided, and what an accept or a fill makes of the worst case."""
        self.ledger.hear(fact)
        if isinstance(fact, Written):
            return self._written(fact)
        order = self.ledger.venue.of(fact.entry) if isinstance(fact, VenueSaid) else None
        if (
            not isinstance(fact, VenueSaid)
            or order is None
            or not self.ledger.is_ours(order.client_id)
        ):
            return ()
        limits = self._then.get(order.client_id) or self._in_force(order.instrument)
        if limits is None:
            return ()
        self.checked = True
        told = list(self._worst_case(order, limits))
        if fact.entry.accepts:
            told += self._order(order, fact, limits)
        elif fact.entry.kind == "amend":
            told += self._size(order, fact, limits)
        return [Finding(law=LAW, order=order.client_id, what=w, at_ns=fact.at_ns) for w in told]

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _written(self, fact: Written) -> Sequence[Finding]:
        self._caps.learn(fact)
        self._losing.learn(fact)
        match fact.record:
            case Reconciled(surplus=surplus):
                for instrument in surplus:
                    name = self.ledger.names.of(instrument)
                    self._worst[name] = self.ledger.worst(name)
            case LimitSet():
                return self._set(fact, fact.record)
            case _:
                return self._judged(fact)
        return ()

    def _judged(self, fact: Written) -> Sequence[Finding]:
        """An order, or other terms for one, which are judged alike."""
        decided = self.ledger.decided(fact.record)
        if decided is None:
            return ()
        intent, added = decided
        self._decide(intent, added, amends=isinstance(fact.record, AmendAsked))
        broken = (
            *self._decision(intent, added),
            *self._caps.judge(intent),
            *self._losing.judge(intent, fact),
            *self._margin.judge(intent, added, fact.at_ns),
        )
        return [
            Finding(law=LAW, order=intent.client_id, what=what, at_ns=fact.at_ns) for what in broken
        ]

    def _set(self, fact: Written, record: LimitSet) -> Sequence[Finding]:
        """A limit is loosened by somebody who says why."""
        before, now = self.ledger.in_force.before, record.value
        looser = before is not None and (now is None or now > before)
        if not looser or record.why.strip():
            return ()
        what = f"{record.limit} of {record.scope} went from {before} to {now} without a reason"
        return [Finding(law=LAW, order="", what=what, at_ns=fact.at_ns)]

    def _decide(self, intent: Intent, added: Decimal, *, amends: bool) -> None:
        """Remember what was known when it was decided."""
        name, side = self.ledger.names.of(intent.instrument), intent.side.name
        limits = self._in_force(name)
        if limits is not None:
            self._then[intent.client_id] = limits
        self._fees_known[intent.client_id] = self.ledger.books.fees.get(name, ZERO)
        closing = money.add(self.ledger.open_of(name, side), added)
        unknown = self._forced_unknown[intent.client_id] = self.ledger.unknown_forced(name)
        slack = money.add(self._slack.get(name, ZERO), unknown)
        enough = money.add(self._closable(name, side), slack)
        self._reduced.discard(intent.client_id)
        if intent.reduce_only or (closing <= enough and not amends):
            self._reduced.add(intent.client_id)

    def _decision(self, intent: Intent, added: Decimal) -> Iterator[str]:
        """What only the prices that it was decided on can say: a market may lie, and mislead the desk."""
        name, inputs = self.ledger.names.of(intent.instrument), intent.inputs
        limits = self._in_force(name)
        if limits is None or inputs is None or intent.origin in WAYS_OUT:
            return
        if intent.client_id in self._reduced:
            return
        self.checked = True
        touch = inputs.ask if intent.side is Side.BUY else inputs.bid
        away, most = money.subtract(intent.price, touch), limits.collar_bps
        if most is not None and touch > 0 and abs(away) * BPS > most * touch:
            yield f"price {intent.price} is over {most} bps from {touch}"
        elsewhere, gross_max = inputs.gross_elsewhere, limits.gross_max
        if gross_max is None or elsewhere is None or self.ledger.adopted:
            return
        price = max(intent.price, inputs.ask)
        gross = money.add(elsewhere, money.notional(price, self._worst_with(intent, added, name)))
        if gross > gross_max:
            yield f"all instruments may come to {gross} at worst, the limit is {gross_max}"

    def _in_force(self, name: str) -> InstrumentLimits | None:
        return self._limits.get(name) or self.ledger.limits.get(name)

    def _worst_with(self, intent: Intent, added: Decimal, name: str) -> Decimal:
        held = self.ledger.position(name)
        unknown = money.add(self.ledger.unknown_fees(name), self.ledger.unknown_forced(name))
        signed = added if intent.side is Side.BUY else money.minus(added)
        joined = money.add(money.add(held, signed), self._open_signed(name, intent.side))
        allowed = money.add(self._slack.get(name, ZERO), unknown)
        return max(ZERO, money.subtract(money.magnitude(joined), allowed))

    def _open_signed(self, name: str, side: Side) -> Decimal:
        still = money.add(
            self.ledger.open_of(name, side.name), self.ledger.closing(name, side.name)
        )
        return still if side is Side.BUY else money.minus(still)

    def _allowance(self, order: VenueOrder) -> Decimal:
        forced = self._forced_unknown.get(order.client_id, ZERO)
        slack = money.add(self._slack.get(order.instrument, ZERO), forced)
        known = self._fees_known.get(order.client_id)
        if known is None:
            return slack
        unknown = money.subtract(self.ledger.fees.get(order.instrument, ZERO), known)
        return money.add(slack, max(unknown, ZERO))

    def _worst_case(self, order: VenueOrder, limits: InstrumentLimits) -> Iterator[str]:
        name = order.instrument
        worst, before = self.ledger.worst(name), self._worst.get(name, ZERO)
        self._worst[name] = worst
        most = limits.position_max
        if most is None or worst <= before:
            return
        if worst > money.add(most, self._allowance(order)):
            yield f"{name} may become {worst} at worst, the limit is {most}"

    def _order(self, order: VenueOrder, fact: VenueSaid, limits: InstrumentLimits) -> Iterator[str]:
        rate = self._rate(order, fact.at_ns)
        # Decided to reduce, and overtaken on its way by an order that added: it was within its caps.
        known = self.ledger.known(order.client_id)
        if known is not None and known.intent.reduce_only and not order.reduce_only:
            yield "may open a position, and was intended to only reduce one"
        if self._free(order):
            return
        yield from self._size(order, fact, limits)
        most = limits.orders_per_second_max
        if most is not None and rate > most + RATE_SLACK:
            yield f"{rate} orders within a second, the limit is {most}"
        if limits.open_orders_max is not None and len(self.ledger.live) > limits.open_orders_max:
            yield f"{len(self.ledger.live)} orders open, the limit is {limits.open_orders_max}"

    def _free(self, order: VenueOrder) -> bool:
        """Whether limits of single orders do not bind it."""
        if self._reduces(order) or order.client_id in self._reduced:
            return True
        known = self.ledger.known(order.client_id)
        # As large as what its strategy holds: only the worst case counts.
        return known is not None and known.intent.origin is Origin.PROTECT

    def _size(self, order: VenueOrder, fact: VenueSaid, limits: InstrumentLimits) -> Iterator[str]:
        """What is too large of one order, or of what is left of one that was amended."""
        if self._free(order):
            return
        only, qty = "and does not only reduce", order.at_stake
        if limits.order_qty_max is not None and qty > limits.order_qty_max:
            yield f"quantity {qty} is over {limits.order_qty_max} {only}"
        value = money.notional(fact.entry.price or ZERO, qty)
        if limits.order_notional_max is not None and value > limits.order_notional_max:
            yield f"notional {value} is over {limits.order_notional_max} {only}"

    def _reduces(self, order: VenueOrder) -> bool:
        """Whether it can only bring the position nearer to zero, this desk's other orders considered."""
        if order.reduce_only:
            return True
        closable = self._closable(order.instrument, order.side)
        # Its own quantity is among the open ones already.
        closing = self.ledger.open_of(order.instrument, order.side)
        return closing <= money.add(closable, self._allowance(order))

    def _closable(self, name: str, side: str) -> Decimal:
        held = self.ledger.position(name)
        return held if side == "SELL" else money.minus(held)

    def _rate(self, order: VenueOrder, at_ns: int) -> int:
        """Accepted orders decided in the second up to this one's decision.

        The limit binds decisions: a slow network may deliver two seconds' orders in one, and a slow disk may
        write them in one. The writer's clock may have been set back between them: what is too many has to be
        so by when they were decided and by when that became durable.
        """
        known = self.ledger.known(order.client_id)
        times = (at_ns, at_ns) if known is None else (int(known.decided_at), known.heard_ns)
        return min(
            _within_a_second(seen, at_then, at_ns)
            for seen, at_then in zip((self._decided, self._durable), times, strict=True)
        )


def _within_a_second(seen: list[int], at_then: int, now_ns: int) -> int:
    insort(seen, at_then)
    while seen and seen[0] < now_ns - _KEPT_NS:
        seen.pop(0)
    return sum(1 for other in seen if at_then - SECOND_NS < other <= at_then)
