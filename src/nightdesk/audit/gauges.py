"""How long orders stayed unknown, and how near each limit came: measured over the facts that the laws hear.

No law: a slow answer and a full limit are allowed. Numbers for people, who see a change between two releases.
"""

from decimal import Decimal

from nightdesk.audit.facts import Fact, VenueSaid, Written
from nightdesk.audit.intents import Known
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import InstrumentLimits
from nightdesk.audit.venue_log import Entry
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import (
    Answered,
    EpochOpened,
    Executed,
    Intended,
    Reported,
    Resolved,
)
from nightdesk.model.time import SECOND_NS

POSITION, GROSS, OPEN_ORDERS = "position", "gross", "open orders"
_GROWS = frozenset({"accept", "fill"})


class Gauges:
    """`resolved_s` has each order that was unknown: until the journal knew better. `worst` is the largest share
    of each limit that was reached, judged on the venue's truth; above 1 only by what is allowed to be."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.resolved_s: list[float] = []
        self.worst: dict[str, float] = {}
        self._ledger = ledger or Ledger()
        self._unanswered: dict[str, None] = {}
        self._unknown_since: dict[str, int] = {}

    def hear(self, fact: Fact) -> None:
        """Measure what the fact changes."""
        self._ledger.hear(fact)
        if isinstance(fact, Written):
            self._written(fact)
        elif isinstance(fact, VenueSaid) and (fact.entry.accepts or fact.entry.kind in _GROWS):
            self._grown(fact.entry)

    def _written(self, fact: Written) -> None:
        match fact.record:
            case Intended(intent=intent):
                self._unanswered[intent.client_id] = None
            case Answered(client_id=client_id):
                self._unanswered.pop(client_id, None)
                self._look(client_id, fact.at_ns)
            case Resolved(client_id=client_id):
                self._look(client_id, fact.at_ns)
            case Reported(report=report):
                self._look(report.client_id, fact.at_ns)
            case Executed(execution=execution):
                self._look(execution.client_id, fact.at_ns)
            case EpochOpened():
                # Whoever sent them is gone: no answer will come.
                for lost in self._unanswered:
                    self._look(lost, fact.at_ns, lost=True)
                self._unanswered.clear()
            case _:
                pass

    def _look(self, client_id: str, at_ns: int, *, lost: bool = False) -> None:
        """Begin or end the time in which nobody knows of the order."""
        known = self._ledger.known(client_id)
        since = self._unknown_since.get(client_id)
        if known is None:
            return
        if not _heard_of(known) and (lost or known.answer == Verdict.UNKNOWN):
            self._unknown_since.setdefault(client_id, at_ns)
        elif since is not None and (_heard_of(known) or known.answer == Verdict.ACKED):
            del self._unknown_since[client_id]
            if at_ns > since:  # in one commit with its loss, nobody ever saw it unknown
                self.resolved_s.append(round((at_ns - since) / SECOND_NS, 6))

    def _grown(self, entry: Entry) -> None:
        ledger, order = self._ledger, self._ledger.venue.of(entry)
        if order is None or not ledger.is_ours(order.client_id) or ledger.adopted:
            return  # what an operator took over is no exposure of the desk's own doing
        name = order.instrument
        limits = ledger.limits.get(name)
        if limits is None:
            return
        self._reach(POSITION, ledger.worst(name), limits.position_max)
        self._reach(GROSS, self._gross(limits, name, entry.price), limits.gross_max)
        self._reach(OPEN_ORDERS, Decimal(len(ledger.live)), limits.open_orders_max)

    def _gross(self, limits: InstrumentLimits, name: str, price: Decimal | None) -> Decimal:
        """Every instrument's worst case, at the price at which the desk last traded it."""
        if limits.gross_max is None:
            return ZERO
        prices = {name: price or ZERO} | self._ledger.last_price
        return money.total(
            money.notional(prices[each], self._ledger.worst(each))
            for each in self._ledger.limits
            if each in prices
        )

    def _reach(self, limit: str, reached: Decimal, most: Decimal | int | None) -> None:
        if most:
            share = round(float(reached) / float(most), 4)
            self.worst[limit] = max(share, self.worst.get(limit, 0.0))


def _heard_of(known: Known) -> bool:
    return known.told or bool(known.ended)
