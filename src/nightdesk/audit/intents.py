"""What a journal's records say about each intent, folded without the desk's own code."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.money import ZERO
from nightdesk.model.order import Amendment, Execution, Intent, OrderReport, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import (
    AmendAnswered,
    AmendAsked,
    Answered,
    Executed,
    Intended,
    Record,
    Reported,
    Resolved,
    Spooled,
)
from nightdesk.model.time import Wall

NEVER_ACCEPTED = "never_accepted"
NEVER_LIVED = frozenset({Verdict.REJECTED, Verdict.NOT_SENT, NEVER_ACCEPTED})


class Known(msgspec.Struct, kw_only=True):
    """One intent and what the journal came to know of it. Mutable; its one writer is `Intents`.

    `ended` is "" while it has no terminal state; `answer` is the last verdict on its send;
    `told` says that the venue has told its state or a trade of it. `qty` is in force as far as the journal
    tells, `asked` are all other terms that were asked for, `pending` those of which nothing is known yet.
    """

    intent: Intent
    epoch: int
    decided_at: Wall
    heard_ns: int
    filled: Decimal = ZERO
    ended: str = ""
    answer: str = ""
    told: bool = False
    trades: dict[str, Decimal] = msgspec.field(default_factory=dict)
    qty: Decimal = ZERO
    asked: list[Amendment] = msgspec.field(default_factory=list)
    pending: Amendment | None = None

    def __post_init__(self) -> None:
        self.qty = self.intent.qty

    @property
    def most(self) -> Decimal:
        """The quantity that it may come to."""
        return self.qty if self.pending is None else max(self.qty, self.pending.qty)

    @property
    def largest(self) -> Decimal:
        """The largest quantity that was ever asked for."""
        return max((self.intent.qty, *(each.qty for each in self.asked)))

    def asked_for(self, qty: Decimal | None, price: Decimal | None) -> Amendment | None:
        """The last time that such terms were asked for."""
        same = (each for each in reversed(self.asked) if (each.qty, each.price) == (qty, price))
        return next(same, None)


class Intents:
    """Every intent of a journal, by client order id."""

    def __init__(self) -> None:
        self.known: dict[ClientOrderId, Known] = {}

    def read(self, record: Record, *, epoch: int, decided_at: Wall, heard_ns: int) -> Known | None:
        """Fold one record; the intent it is about, or None."""
        if isinstance(record, Spooled):
            epoch, decided_at = record.epoch, record.at
        if isinstance(record, Intended | Spooled):
            made = Known(
                intent=record.intent, epoch=epoch, decided_at=decided_at, heard_ns=heard_ns
            )
            self.known[record.intent.client_id] = made
            return made
        match record:
            case (
                Answered(client_id=client_id)
                | AmendAnswered(client_id=client_id)
                | Resolved(client_id=client_id)
            ):
                pass
            case AmendAsked(amendment=amendment):
                client_id = amendment.client_id
            case Reported(report=told):
                client_id = told.client_id
            case Executed(execution=traded):
                client_id = traded.client_id
            case _:
                return None
        known = self.known.get(client_id)
        if known is not None:
            _learn(known, record)
        return known


def _learn(known: Known, record: Record) -> None:
    match record:
        case Answered(verdict=verdict):
            known.answer = verdict
            if verdict in (Verdict.REJECTED, Verdict.NOT_SENT) and not known.ended:
                known.ended = verdict
        case AmendAsked(amendment=amendment):
            known.asked.append(amendment)
            known.pending = amendment
        case AmendAnswered():
            _amended(known, record)
        case Resolved():
            known.ended = known.ended or NEVER_ACCEPTED
        case Reported(report=report):
            _told_terms(known, report)
            if report.status is not VenueStatus.WORKING:
                known.ended = report.status
            _grow(known, report.filled)
        case Executed(execution=execution):
            _trade(known, execution)
        case _:
            pass


def _amended(known: Known, answered: AmendAnswered) -> None:
    asked = known.pending
    if asked is None or asked.number != answered.number or answered.verdict is Verdict.UNKNOWN:
        return
    known.pending = None
    if answered.verdict is Verdict.ACKED and not known.ended:
        known.qty = asked.qty
    if not known.ended and known.filled >= known.qty:
        known.ended = VenueStatus.FILLED


def _told_terms(known: Known, report: OrderReport) -> None:
    asked = known.pending
    if asked is not None and (report.qty, report.price) == (asked.qty, asked.price):
        known.qty, known.pending = asked.qty, None


def _trade(known: Known, execution: Execution) -> None:
    known.trades[execution.trade_id] = execution.qty
    _grow(known, money.total(known.trades.values()))


def _grow(known: Known, filled: Decimal) -> None:
    known.told = True
    known.filled = max(known.filled, filled)
    if known.filled >= known.most:
        known.ended = VenueStatus.FILLED
