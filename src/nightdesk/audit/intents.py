"""What a journal's records say about each intent, folded without the desk's own code."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution, Intent, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import Answered, Executed, Intended, Record, Reported, Resolved
from nightdesk.model.time import Wall

NEVER_ACCEPTED = "never_accepted"
NEVER_LIVED = frozenset({Verdict.REJECTED, Verdict.NOT_SENT, NEVER_ACCEPTED})


class Known(msgspec.Struct, kw_only=True):
    """One intent and what the journal came to know of it. Mutable; its one writer is `Intents`.

    `ended` is "" while it has no terminal state; `answer` is the last verdict on its send;
    `told` says that the venue has told its state or a trade of it.
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


class Intents:
    """Every intent of a journal, by client order id."""

    def __init__(self) -> None:
        self.known: dict[ClientOrderId, Known] = {}

    def read(self, record: Record, *, epoch: int, decided_at: Wall, heard_ns: int) -> Known | None:
        """Fold one record; the intent it is about, or None."""
        if isinstance(record, Intended):
            made = Known(
                intent=record.intent, epoch=epoch, decided_at=decided_at, heard_ns=heard_ns
            )
            self.known[record.intent.client_id] = made
            return made
        match record:
            case Answered(client_id=client_id) | Resolved(client_id=client_id):
                pass
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
        case Resolved():
            known.ended = known.ended or NEVER_ACCEPTED
        case Reported(report=report):
            if report.status is not VenueStatus.WORKING:
                known.ended = report.status
            _grow(known, report.filled)
        case Executed(execution=execution):
            _trade(known, execution)
        case _:
            pass


def _trade(known: Known, execution: Execution) -> None:
    known.trades[execution.trade_id] = execution.qty
    _grow(known, money.total(known.trades.values()))


def _grow(known: Known, filled: Decimal) -> None:
    known.told = True
    known.filled = max(known.filled, filled)
    if known.filled >= known.intent.qty:
        known.ended = VenueStatus.FILLED
