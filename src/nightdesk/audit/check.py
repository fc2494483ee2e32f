"""The laws over a journal and a venue's log: each finding names the law, the order and what is wrong.

Reads records and venue facts only; folds nothing with the desk's own code, so it cannot share its errors.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from nightdesk.audit.venue_log import VenueLog
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, decode_order_id
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import Answered, Executed, Intended, Record, Reported, Resolved
from nightdesk.model.time import Wall

CLOCK_ERROR_NS = (
    100_000_000  # desk and venue stamp with two clocks; what differs by less proves nothing
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One violation."""

    law: str
    order: str
    what: str


class JournalView:
    """What the journal's records say about each intent."""

    def __init__(self, records: Iterable[tuple[Wall, Record]]) -> None:
        self.intents: dict[ClientOrderId, Intent] = {}
        self.intended_at: dict[ClientOrderId, Wall] = {}
        self.filled: dict[ClientOrderId, Decimal] = {}
        self.ended: dict[ClientOrderId, str] = {}
        self.trades: dict[str, dict[str, Decimal]] = {}
        for at, record in records:
            self._read(at, record)

    def _read(self, at: Wall, record: Record) -> None:
        match record:
            case Intended(intent=intent):
                self.intents[intent.client_id] = intent
                self.intended_at[intent.client_id] = at
            case Answered(client_id=client_id, verdict=verdict):
                if verdict in (Verdict.REJECTED, Verdict.NOT_SENT):
                    self.ended.setdefault(client_id, verdict)
            case Reported(report=report):
                self._grow(report.client_id, report.filled)
                if report.status is not VenueStatus.WORKING:
                    self.ended[report.client_id] = report.status
            case Executed(execution=execution):
                known = self.trades.setdefault(execution.client_id, {})
                known[execution.trade_id] = execution.qty
                self._grow(execution.client_id, money.total(known.values()))
            case Resolved(client_id=client_id):
                self.ended.setdefault(client_id, "never_accepted")
            case _:
                pass

    def _grow(self, client_id: ClientOrderId, filled: Decimal) -> None:
        self.filled[client_id] = max(self.filled.get(client_id, ZERO), filled)
        intent = self.intents.get(client_id)
        if intent is not None and self.filled[client_id] >= intent.qty:
            self.ended[client_id] = VenueStatus.FILLED


def check(journal: JournalView, venue: VenueLog) -> list[Finding]:
    """Every violation of laws 1 and 3 and of the order bookkeeping, at rest."""
    findings: list[Finding] = []
    for client_id, arrived in venue.arrivals.items():
        intended = journal.intended_at.get(ClientOrderId(client_id))
        if intended is not None and arrived < intended - CLOCK_ERROR_NS:
            early = f"arrived {(intended - arrived) / 1e6:.0f} ms before it was intended"
            findings.append(Finding(law="write-ahead", order=client_id, what=early))
    by_id = venue.by_client_id()
    for client_id, orders in by_id.items():
        intent = journal.intents.get(ClientOrderId(client_id))
        if intent is None:
            if decode_order_id(client_id) is not None:
                findings.append(
                    Finding(
                        law="write-ahead", order=client_id, what="at the venue, not in the journal"
                    )
                )
            continue
        accepted = money.total(order.filled if order.ended else order.qty for order in orders)
        if accepted > intent.qty:
            what = f"{accepted} accepted of {intent.qty} intended, in {len(orders)} orders"
            findings.append(Finding(law="no duplicate", order=client_id, what=what))
        filled = money.total(order.filled for order in orders)
        known = journal.filled.get(intent.client_id, ZERO)
        if filled != known:
            what = f"venue filled {filled}, journal knows {known}"
            findings.append(Finding(law="venue is truth", order=client_id, what=what))
    for client_id in journal.intents:
        if client_id not in journal.ended:
            findings.append(
                Finding(law="every intent resolved", order=client_id, what="no terminal state")
            )
    return findings


def duplicates(findings: Iterable[Finding]) -> int:
    """How many intents have more than their quantity at the venue."""
    return sum(1 for finding in findings if finding.law == "no duplicate")
