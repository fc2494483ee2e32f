"""What good simulations come to now and then, counted over the same facts that the invariants hear.

A law that holds in a world where nothing ever went wrong proves little: what was never met is listed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from nightdesk.audit.facts import Commanded, Fact, Leased, SentOut, VenueSaid, Written
from nightdesk.audit.intents import Known
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import Entry
from nightdesk.model.order import OrderReport, Origin, ReportSource, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import (
    AmendAnswered,
    AmendAsked,
    Answered,
    CancelAsked,
    EpochOpened,
    Executed,
    Intended,
    ModeSet,
    Reported,
    Resolved,
)

# What the lab names in its log when a fault strikes.
FAULTS = (
    "lost_request",
    "lost_response",
    "delay",
    "late_response",
    "error_500",
    "error_502",
    "error_503",
    "error_504",
    "-1007",
    "-1008",
    "rate_limit_429",
    "ban_418",
    "unmapped_code",
    "forbidden_403",
    "region_451",
    "unauthorized",
    "truncated_body",
    "empty_body",
    "html_body",
    "slow_body",
    "new_enum",
    "insufficient_balance",
    "cancel_only",
    "unknown_order_on_cancel",
    "fill_after_cancel_ack",
    "stp_expire",
    "duplicate_report",
    "late_report",
    "reordered_reports",
    "read_lag",
    "order_vanishes",
    "stop_dropped",
    "rules_changed",
    "manual_order",
    "manual_cancel",
    "transfer",
    "fill_taken_back",
    "duplicate_market",
    "reordered_market",
    "frozen_market",
    "crossed_book",
    "price_spike",
    "stream_drop",
    "stream_silence",
    "stream_mute",
    "stream_ending",
    "garbled_frame",
    "maintenance",
    "clock_offset",
)
_NO_SUCH_ORDER = -2013
_ACCEPTED_UNHEARD = "order accepted, answer lost"
_LATE_FILL = "fill after cancel ack"
_PARTIAL = "order partly filled, then cancelled"
_FOUND = "not found then found"
_BEFORE_SEND = "crash between intent and send"
_BEFORE_ANSWER = "crash between send and answer"
_UNKNOWN_FAILOVER = "new epoch while an order is unknown"
_UNKNOWN_FILLED = "unknown resolved as filled"
_UNKNOWN_OPEN = "unknown resolved as open"
_UNKNOWN_ENDED = "unknown resolved as ended at the venue"
_UNKNOWN_NEVER = "unknown resolved as never accepted"
_FLATTEN_UNKNOWN = "flatten while an order is unknown"
_LEASE_MOVED = "lease moved to another holder"
_REPLACING = (
    "the protection changed",
    "less is held",
    "two pieces become one",
)  # in the desk's words
_LOSS = "loss limit reached"
_STOPPED = "protective order traded"
_PAIRED = "one of a pair traded"
_LEFT = "the desk left by itself where its protection was"
_REPLACED = "protective order ended for another one"
_MOVED = "order replaced in one request"
_STAYED = "replacing refused, the old order stays"
_ONLY_ENDED = "replacing ended the old order alone"
_UNSURE = "replacing without an answer"
_AMENDED = "order amended in its place"
_KEPT = "amending refused, the old terms stand"
_AMEND_UNSURE = "amending without an answer"
_AMEND_FOUND = "terms without an answer found in force"
_AMEND_LOST = "terms without an answer never came"
DECLARED = (
    _MOVED,
    _STAYED,
    _ONLY_ENDED,
    _UNSURE,
    _AMENDED,
    _KEPT,
    _AMEND_UNSURE,
    _AMEND_FOUND,
    _AMEND_LOST,
    _STOPPED,
    _PAIRED,
    _LEFT,
    _REPLACED,
    _ACCEPTED_UNHEARD,
    _LATE_FILL,
    _PARTIAL,
    _FOUND,
    _BEFORE_SEND,
    _BEFORE_ANSWER,
    _UNKNOWN_FAILOVER,
    _UNKNOWN_FILLED,
    _UNKNOWN_OPEN,
    _UNKNOWN_ENDED,
    _UNKNOWN_NEVER,
    _FLATTEN_UNKNOWN,
    _LEASE_MOVED,
    _LOSS,
    *(f"fault {kind}" for kind in FAULTS),
    *(f"fault {kind}, order in flight" for kind in FAULTS),
)


class Sometimes:
    """`also` declares what only the teller of the facts can `note`.

    Looks at what was known before each fact: it is told first where it shares a ledger.
    """

    def __init__(self, *, also: Iterable[str] = (), ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self._declared = (*DECLARED, *also)
        self._counts: Counter[str] = Counter()
        self._flying: set[str] = set()  # intended and not answered, or asked to be cancelled
        self._unknown: set[str] = set()
        self._unsure: set[str] = set()  # of whose terms
        self._sent: set[str] = set()
        self._hears_sends = False
        self._denied: set[str] = set()  # accepted, and not found when asked for
        self._unheard: set[str] = set()
        self._partial: set[str] = set()
        self._holder = ""

    def hear(self, fact: Fact) -> None:
        """Count what the fact shows."""
        known = self._known_before(fact)
        before = None if known is None else (known.ended, known.filled)
        self.ledger.hear(fact)
        match fact:
            case Written(record=ModeSet(cause="loss", mode="REDUCE_ONLY")):
                self.note(_LOSS)
            case Written():
                self._written(fact)
                if known is not None and before is not None:
                    for name in _grew(known, *before):
                        self.note(name)
            case VenueSaid(entry=entry):
                self._venue_said(entry)
            case SentOut(what="place", client_id=client_id):
                self._hears_sends = True
                self._sent.add(client_id)
            case Commanded(command="flatten") if self._unknown:
                self.note(_FLATTEN_UNKNOWN)
            case Leased(holder=holder) if holder:
                if self._holder and holder != self._holder:
                    self.note(_LEASE_MOVED)
                self._holder = holder
            case _:
                pass

    def note(self, name: str) -> None:
        """Count what no fact shows."""
        self._counts[name] += 1

    def counts(self) -> dict[str, int]:
        """How often each thing was met, everything declared included."""
        return {
            name: self._counts[name] for name in {**dict.fromkeys(self._declared), **self._counts}
        }

    def never(self) -> list[str]:
        """What was declared and never met."""
        return [name for name in self._declared if not self._counts[name]]

    def _known_before(self, fact: Fact) -> Known | None:
        """The intent that a record tells more of; asked before the record is folded."""
        if not isinstance(fact, Written):
            return None
        match fact.record:
            case Reported(report=told):
                return self.ledger.known(told.client_id)
            case Executed(execution=traded):
                return self.ledger.known(traded.client_id)
            case _:
                return None

    def _venue_said(self, entry: Entry) -> None:
        order = self.ledger.venue.of(entry)
        client_id = (entry.client_order_id or "") if order is None else order.client_id
        if entry.kind == "fault_fired":
            self.note(f"fault {entry.what}")
            if self._flying:
                self.note(f"fault {entry.what}, order in flight")
        elif entry.accepts:
            self._accepted_unheard(client_id)
        elif entry.kind == "fill":
            self._protected(client_id)
        elif entry.code == _NO_SUCH_ORDER and client_id in self.ledger.venue.by_client_id:
            self._denied.add(client_id)

    def _protected(self, client_id: str) -> None:
        known = self.ledger.known(client_id)
        if known is None or known.intent.origin is not Origin.PROTECT:
            return
        self.note(_STOPPED if known.intent.type.conditional else _LEFT)
        if known.intent.other is not None:
            self.note(_PAIRED)

    def _written(self, fact: Written) -> None:
        match fact.record:
            case Intended(intent=about) | AmendAsked(amendment=about):
                self._flying.add(about.client_id)
            case CancelAsked():
                self._cancelled(fact.record)
            case AmendAnswered(client_id=client_id, verdict=verdict):
                self._amended(client_id, verdict)
            case Answered(client_id=client_id, verdict=verdict):
                self._flying.discard(client_id)
                self._replaced(client_id, verdict)
                if verdict is Verdict.UNKNOWN:
                    self._unknown.add(client_id)
                    self._accepted_unheard(client_id)
            case Resolved(client_id=client_id):
                self._resolve(client_id, _UNKNOWN_NEVER)
            case Reported(report=report):
                self._reported(report)
            case Executed(execution=execution):
                self._told(execution.client_id, self._status(execution.client_id))
            case EpochOpened(epoch=epoch):
                self._new_epoch(epoch)
            case _:
                pass

    def _cancelled(self, asked: CancelAsked) -> None:
        self._flying.add(asked.client_id)
        if asked.why in _REPLACING:
            self.note(_REPLACED)

    def _reported(self, report: OrderReport) -> None:
        if report.source is ReportSource.QUERY and report.client_id in self._denied:
            self._denied.discard(report.client_id)
            self.note(_FOUND)
        self._terms_told(report.client_id)
        self._told(report.client_id, report.status)

    def _status(self, client_id: str) -> VenueStatus:
        """What a trade says of its order."""
        known = self.ledger.known(client_id)
        filled = known is not None and known.ended == VenueStatus.FILLED
        return VenueStatus.FILLED if filled else VenueStatus.WORKING

    def _amended(self, client_id: str, verdict: Verdict) -> None:
        self._flying.discard(client_id)
        unsure = client_id in self._unsure
        self._unsure.discard(client_id)
        match verdict:
            case Verdict.ACKED:
                self.note(_AMEND_FOUND if unsure else _AMENDED)
            case Verdict.UNKNOWN:
                self.note(_AMEND_UNSURE)
                self._unsure.add(client_id)
            case Verdict.REJECTED | Verdict.NOT_SENT:
                self.note(_AMEND_LOST if unsure else _KEPT)

    def _terms_told(self, client_id: str) -> None:
        known = self.ledger.known(client_id)
        if client_id in self._unsure and known is not None and known.pending is None:
            self._unsure.discard(client_id)
            self.note(_AMEND_FOUND)

    def _replaced(self, client_id: str, verdict: Verdict) -> None:
        """How a request for two orders ended; what became of the old one is told before this."""
        known = self.ledger.known(client_id)
        if known is None or known.intent.replaces is None:
            return
        old = self.ledger.known(known.intent.replaces)
        match verdict:
            case Verdict.ACKED:
                self.note(_MOVED)
            case Verdict.UNKNOWN:
                self.note(_UNSURE)
            case Verdict.REJECTED | Verdict.NOT_SENT:
                self.note(_ONLY_ENDED if old is not None and old.ended else _STAYED)

    def _told(self, client_id: str, status: VenueStatus) -> None:
        if status is VenueStatus.WORKING:
            self._resolve(client_id, _UNKNOWN_OPEN)
            return
        self._flying.discard(client_id)
        filled = status is VenueStatus.FILLED
        self._resolve(client_id, _UNKNOWN_FILLED if filled else _UNKNOWN_ENDED)
        known = self.ledger.known(client_id)
        if not filled and known is not None and known.filled and client_id not in self._partial:
            self._partial.add(client_id)
            self.note(_PARTIAL)

    def _resolve(self, client_id: str, name: str) -> None:
        self._flying.discard(client_id)
        if client_id in self._unknown:
            self._unknown.discard(client_id)
            self.note(name)

    def _accepted_unheard(self, client_id: str) -> None:
        known = self.ledger.known(client_id)
        lost = known is not None and known.answer == Verdict.UNKNOWN
        if lost and client_id in self.ledger.venue.by_client_id and client_id not in self._unheard:
            self._unheard.add(client_id)
            self.note(_ACCEPTED_UNHEARD)

    def _new_epoch(self, epoch: int) -> None:
        """A node died: what it had intended and not heard of is unknown from now on."""
        if self._unknown:
            self.note(_UNKNOWN_FAILOVER)
        for client_id in sorted(self._flying):
            known = self.ledger.known(client_id)
            if known is None or known.answer or known.ended or known.epoch >= epoch:
                continue
            if self._hears_sends:
                self.note(_BEFORE_ANSWER if client_id in self._sent else _BEFORE_SEND)
            self._unknown.add(client_id)


def _grew(known: Known, ended: str, filled: object) -> Iterator[str]:
    """What a record made of an order that had ended before it."""
    if ended == VenueStatus.CANCELLED and known.filled != filled:
        yield _LATE_FILL
