"""I5: every intent comes to an end in the journal, and the venue tells the same end.

Judged at rest: until then "unknown" is an honest answer. That an order never lived is judged at once: it is
believed on evidence, and no report that comes later makes the guess a good one. One that the venue took and
ended without a trade is as good as never taken.
"""

from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, Healed, VenueSaid, Written
from nightdesk.audit.intents import NEVER_LIVED, Known
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import VenueOrder
from nightdesk.model import money
from nightdesk.model.order import Origin
from nightdesk.model.records import Answered, Intended, Resolved, Spooled
from nightdesk.model.time import SECOND_NS

LAW = "I5 every intent resolved"
VANISHES = "order_vanishes"  # a venue that denies an order everywhere is believed: nobody could know better


class Resolution:
    """Intents younger than `resolve_within_ns` are left alone, and all of them so long after the faults.

    With `resting`, an order that journal and venue both know to be open is no violation: its desk trades on.
    """

    law = LAW
    needs = "a journal with intents"
    hears: frozenset[Heard] = frozenset(
        {Intended, Spooled, Answered, Resolved, Healed, "accept", "algo", "fault_fired"}
    )

    def __init__(
        self,
        *,
        resolve_within_ns: int = 60 * SECOND_NS,
        resting: bool = False,
        ledger: Ledger | None = None,
    ) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._within_ns, self._resting = resolve_within_ns, resting
        self._healed_ns: int | None = None
        self._told: set[str] = set()

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge a belief that an order never lived by the venue's accept, whichever comes first."""
        self.ledger.hear(fact)
        match fact:
            case Written(record=Answered(client_id=client_id) | Resolved(client_id=client_id)):
                return list(self._guessed(client_id, fact.at_ns))
            case VenueSaid(entry=entry) if entry.what == VANISHES:
                self._told.add(entry.client_order_id or "")
            case VenueSaid(entry=entry) if entry.accepts:
                return list(self._guessed(entry.client_order_id or "", fact.at_ns))
            case Healed(at_ns=at_ns):
                self._healed_ns = at_ns
            case Written(record=Intended() | Spooled()):
                self.checked = True
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Judge every intent that is old enough."""
        if self._healed_ns is not None and at_ns < self._healed_ns + self._within_ns:
            return ()
        return [
            Finding(law=LAW, order=client_id, what=what, at_ns=known.heard_ns)
            for client_id, known in self.ledger.intents.known.items()
            if known.heard_ns + self._within_ns <= at_ns
            for what in self._judge(known, self.ledger.venue.by_client_id.get(client_id, []))
        ]

    def _guessed(self, client_id: str, at_ns: int) -> Iterator[Finding]:
        known = self.ledger.known(client_id)
        if known is None or client_id in self._told or known.ended not in NEVER_LIVED:
            return
        orders = self.ledger.venue.by_client_id.get(client_id, [])
        if any(order.exposes > 0 for order in orders):
            self._told.add(client_id)
            what = f"{known.ended} in the journal, the venue accepted it"
            yield Finding(law=LAW, order=client_id, what=what, at_ns=at_ns)

    def _judge(self, known: Known, orders: Sequence[VenueOrder]) -> Iterator[str]:
        filled = money.total(order.filled for order in orders)
        living = any(not order.ended for order in orders)
        if orders and filled != known.filled:
            yield f"venue filled {filled}, journal knows {known.filled}"
        elif not orders and known.filled > 0 and self._covered(known):
            yield f"journal knows {known.filled} filled, the venue never had the order"
        if not known.ended:
            # What protects a position waits for its price, also while no desk runs.
            if not (living and (self._resting or known.intent.origin is Origin.PROTECT)):
                yield "no terminal state"
        elif living and known.ended not in NEVER_LIVED:
            yield f"{known.ended} in the journal, open at the venue"

    def _covered(self, known: Known) -> bool:
        """Whether the venue's log began before the order: an older part may have been cut away."""
        since_ns = self.ledger.since_ns
        return since_ns is not None and known.decided_at >= since_ns
