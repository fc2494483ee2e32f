"""Two runs, decision by decision: what both decided, and what only one did.

A decision is told without ids, slots and epochs, which differ between any two runs; in the same words at nearly
the same time it is the same one.
"""

from collections import deque
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from nightdesk.model.ids import ClientOrderId
from nightdesk.model.order import Intent
from nightdesk.model.records import (
    AmendAsked,
    CancelAsked,
    Intended,
    ModeSet,
    Record,
    Spooled,
    TargetSet,
)
from nightdesk.model.time import SECOND_NS
from nightdesk.results.runs import History

WITHIN_NS = SECOND_NS // 2  # another draw of latencies moves decisions by milliseconds


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, in words; `at_ns` is UTC on the venue's clock."""

    at_ns: int
    what: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that one of two runs did not make, at that moment; `only` is "A" or "B"."""

    at_ns: int
    only: str
    what: str


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """How many decisions both made, how far the same ones lie apart at most, and every other one by time."""

    same: int
    shifted_ns: int
    differences: list[Difference]


def decisions_of(history: History) -> list[Decision]:
    """Orders, cancels, targets and modes of a journal."""
    intents: dict[ClientOrderId, Intent] = {}
    made: list[Decision] = []
    for _, _, at, record in history:
        if isinstance(record, Intended | Spooled):
            intents[record.intent.client_id] = record.intent
        what = _what(record, intents)
        if what:
            made.append(Decision(at_ns=at, what=what))
    return made


def compare(
    ours: Sequence[Decision], theirs: Sequence[Decision], *, within_ns: int = WITHIN_NS
) -> Compared:
    """Hold two runs beside each other, both in order of time: a decision of A is the earliest of B that is left
    in the same words and at most `within_ns` earlier or later; what has none is of one run only."""
    waiting: dict[str, deque[Decision]] = {}
    for decision in theirs:
        waiting.setdefault(decision.what, deque()).append(decision)
    same, shifted_ns, alone = 0, 0, []
    for decision in ours:
        left = waiting.get(decision.what, deque())
        while left and left[0].at_ns < decision.at_ns - within_ns:
            alone.append(_only("B", left.popleft()))
        if left and left[0].at_ns <= decision.at_ns + within_ns:
            same += 1
            shifted_ns = max(shifted_ns, abs(left.popleft().at_ns - decision.at_ns))
        else:
            alone.append(_only("A", decision))
    alone += [_only("B", decision) for left in waiting.values() for decision in left]
    alone.sort(key=attrgetter("at_ns", "only", "what"))
    return Compared(same=same, shifted_ns=shifted_ns, differences=alone)


def _only(run: str, decision: Decision) -> Difference:
    return Difference(at_ns=decision.at_ns, only=run, what=decision.what)


def _what(record: Record, intents: dict[ClientOrderId, Intent]) -> str:
    match record:
        case Intended(intent=intent):
            return f"place {_order(intent)}"
        case AmendAsked(amendment=new, why=why):
            known = intents.get(new.client_id)
            order = new.client_id if known is None else _order(known)
            return f"amend {order} to {new.qty:f} at {new.price:f}: {why}"
        case CancelAsked(client_id=client_id, why=why):
            known = intents.get(client_id)
            return f"cancel {client_id if known is None else _order(known)}: {why}"
        case TargetSet(strategy=strategy, instrument=instrument, qty=qty, suspended=suspended):
            wish = "no target" if qty is None else f"target {qty:f}"
            return (
                f"{strategy} {instrument} {wish}{f', suspended: {suspended}' if suspended else ''}"
            )
        case ModeSet(scope=scope, cause=cause, mode=mode, by=by):
            return f"mode {scope} {cause} {mode} by {by}"
        case _:
            return ""


def _order(intent: Intent) -> str:
    return (
        f"{intent.strategy} {intent.instrument} {intent.side} {intent.qty:f} "
        f"at {intent.price:f} {intent.type} ({intent.origin})"
    )
