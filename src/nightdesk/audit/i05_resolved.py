"""I5: every intent comes to an end in the journal, and the venue tells the same end.

Judged at rest only: until then "unknown" is an honest answer.
"""

from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, Healed, Written
from nightdesk.audit.intents import NEVER_LIVED, Known
from nightdesk.audit.invariant import Finding
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import VenueOrder
from nightdesk.model import money
from nightdesk.model.records import Intended
from nightdesk.model.time import SECOND_NS

LAW = "I5 every intent resolved"


class Resolution:
    """Intents younger than `resolve_within_ns` are left alone, and all of them so long after the faults.

    With `resting`, an order that journal and venue both know to be open is no violation: its desk trades on.
    """

    law = LAW
    needs = "a journal with intents"

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

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Only listen."""
        self.ledger.hear(fact)
        match fact:
            case Healed(at_ns=at_ns):
                self._healed_ns = at_ns
            case Written(record=Intended()):
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

    def _judge(self, known: Known, orders: Sequence[VenueOrder]) -> Iterator[str]:
        filled = money.total(order.filled for order in orders)
        living = any(not order.ended for order in orders)
        if orders and filled != known.filled:
            yield f"venue filled {filled}, journal knows {known.filled}"
        elif not orders and known.filled > 0 and self._covered(known):
            yield f"journal knows {known.filled} filled, the venue never had the order"
        if not known.ended:
            if not (living and self._resting):
                yield "no terminal state"
        elif living:
            yield f"{known.ended} in the journal, open at the venue"
        elif orders and known.ended in NEVER_LIVED:
            yield f"{known.ended} in the journal, the venue accepted it"

    def _covered(self, known: Known) -> bool:
        """Whether the venue's log began before the order: an older part may have been cut away."""
        since_ns = self.ledger.since_ns
        return since_ns is not None and known.decided_at >= since_ns
