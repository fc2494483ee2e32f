"""I6: no order leaves before its intent is durable, no other terms for one before they are, and none twice.

A simulation hears bytes leave and records become durable, and judges at once. Artefacts tell neither: there
a request must not be stamped (or, unstamped, arrive) before the frame of its intent was made, give or take a
clock's error, and every id of ours at the venue must be in the journal in the end. A way out may leave
once a spool has it; the journal gets it all the same.
"""

from collections.abc import Sequence

from nightdesk.audit.facts import Fact, Kept, SentOut, VenueSaid, Written
from nightdesk.audit.invariant import RECORDS, Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import Entry
from nightdesk.model.records import Intended, Spooled
from nightdesk.model.time import MS_NS

LAW = "I6 write-ahead"
# Clocks are set while a desk runs, and a venue's is another one; what differs by less proves nothing.
CLOCK_ERROR_NS = 100 * MS_NS


class WriteAhead:
    """`clock_error_ns` is how far two times in artefacts may be apart in the wrong order."""

    law = LAW
    needs = "orders of this desk that were sent, or that arrived at the venue"
    hears: frozenset[Heard] = frozenset(
        {"arrival", "accept", "algo", "amend", Kept, SentOut, *RECORDS}
    )

    def __init__(
        self, *, clock_error_ns: int = CLOCK_ERROR_NS, ledger: Ledger | None = None
    ) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._clock_error_ns = clock_error_ns
        self._hears_sends = False
        self._made: dict[
            str, int
        ] = {}  # client id -> when it was made, by its stamp or its arrival
        self._told: set[str] = set()
        self._spooled: set[str] = set()
        self._amends_sent: dict[str, int] = {}
        self._amended: list[Entry] = []  # what the venue changed
        self._newest_slot = 0

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge a send by what is durable; without sends, an arrival by its intent's time."""
        self.ledger.hear(fact)
        match fact:
            case Kept(client_id=client_id):
                self._spooled.add(client_id)
            case SentOut(what="place", client_id=client_id):
                self.checked = self._hears_sends = True
                if self.ledger.known(client_id) is None and client_id not in self._spooled:
                    return self._tell(client_id, "sent before its intent was durable", fact.at_ns)
            case SentOut(what="amend", client_id=client_id):
                return self._amends(client_id, fact.at_ns)
            case VenueSaid(entry=entry) if entry.kind == "amend":
                self._amended.append(entry)
            case VenueSaid(entry=entry) if entry.places or entry.accepts:
                client_id = entry.client_order_id or ""
                if self.ledger.venue.concerns(entry) and self.ledger.is_ours(client_id):
                    self.checked = True
                    made_ns = entry.at_ns if entry.stamp_ns is None else entry.stamp_ns
                    self._made.setdefault(client_id, made_ns)
                    return self._compare(client_id, fact.at_ns)
            case Written():
                return self._written(fact)
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """What is at the venue and was never written."""
        found = [
            finding
            for client_id, made_ns in self._made.items()
            if self.ledger.known(client_id) is None and self.ledger.is_ours(client_id)
            for finding in self._tell(client_id, "at the venue, not in the journal", made_ns)
        ]
        for entry in self._amended:
            known = self.ledger.known(entry.client_order_id)
            if known is not None and known.asked_for(entry.quantity, entry.price) is None:
                what = f"amended to {entry.quantity} at {entry.price}, and no record asks for that"
                found += self._tell(known.intent.client_id, what, entry.at_ns)
        return found

    def _amends(self, client_id: str, at_ns: int) -> Sequence[Finding]:
        """Each record lets one request leave."""
        known = self.ledger.known(client_id)
        sent = self._amends_sent[client_id] = self._amends_sent.get(client_id, 0) + 1
        if known is not None and sent <= len(known.asked):
            return ()
        return self._tell(client_id, "amended before that was durable, or twice", at_ns)

    def _written(self, fact: Written) -> Sequence[Finding]:
        """A slot that is filled twice lost what it held: it had been durable, and may have been acted on."""
        found: list[Finding] = []
        if fact.seq <= self._newest_slot:
            found += self._tell("", f"slot {fact.seq} was durable and is written again", fact.at_ns)
        self._newest_slot = max(self._newest_slot, fact.seq)
        if isinstance(fact.record, Intended | Spooled):
            found += self._compare(fact.record.intent.client_id, fact.at_ns)
        return found

    def _compare(self, client_id: str, at_ns: int) -> Sequence[Finding]:
        known, made_ns = self.ledger.known(client_id), self._made.get(client_id)
        if self._hears_sends or known is None or made_ns is None:
            return ()
        early_ns = known.decided_at - made_ns
        if early_ns <= self._clock_error_ns:
            return ()
        what = f"sent {early_ns / 1e6:.0f} ms before it was intended"
        return self._tell(client_id, what, at_ns)

    def _tell(self, client_id: str, what: str, at_ns: int) -> Sequence[Finding]:
        if client_id in self._told:
            return ()
        self._told.add(client_id)
        return (Finding(law=LAW, order=client_id, what=what, at_ns=at_ns),)
