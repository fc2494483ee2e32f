"""Learning which terms of an order are in force, where others were asked for.

A report with the asked ones says that they are. That the old ones stand is said by a refusal, or by the venue
when it is asked after the deadline of the request and its read lag, twice.
"""

from nightdesk.desk import accounts
from nightdesk.desk.events import (
    AmendEnded,
    CancelEnded,
    OrderFound,
    OrderTold,
    SendEnded,
    TradesTold,
)
from nightdesk.desk.work import Work
from nightdesk.model.ids import venue_of
from nightdesk.model.order import OrderReport
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import AmendAnswered
from nightdesk.model.time import Wall
from nightdesk.reconcile.resolve import Asked, Belief, grace_ends, not_found

Learnt = AmendEnded | SendEnded | CancelEnded | OrderTold | OrderFound | TradesTold


def learn(work: Work, event: Learnt) -> None:
    """Fold what one message says about one order, its terms included."""
    if isinstance(event, AmendEnded):
        _ended(work, event)
        return
    accounts.learn(work, event)
    if isinstance(event, OrderFound):
        _confirm(work, event.report, event.asked_at)


def _ended(work: Work, event: AmendEnded) -> None:
    """What became of a request for other terms. Its report first: that tells which are in force, or the end."""
    outcome = event.outcome
    if outcome.report is not None:
        accounts.told(work, outcome.report)
    work.record(
        AmendAnswered(
            client_id=event.client_id,
            number=event.number,
            verdict=outcome.verdict,
            reason=outcome.reason,
            code=outcome.code,
            text=outcome.text,
            sent_at=event.sent_at,
            answered_at=work.now,
        )
    )
    if outcome.verdict is Verdict.UNKNOWN:
        work.note("warning", "order.amend_unknown", id=event.client_id, why=outcome.text)
    elif outcome.verdict is not Verdict.ACKED:
        work.note("info", "order.not_amended", id=event.client_id, why=outcome.text)
    order = work.state.orders.live.get(event.client_id)
    if order is not None and outcome.verdict is Verdict.REJECTED:
        accounts.ask(work, order)  # it may have ended before
    accounts.heed(work, event.client_id, outcome)


def _confirm(work: Work, report: OrderReport, asked_at: Wall) -> None:
    """Which of two terms are in force, once the venue, asked when it refuses the request and hides nothing, has
    told it twice."""
    order = work.state.orders.live.get(report.client_id)
    asked = None if order is None else order.amending
    if order is None or asked is None or not order.in_doubt or report.qty is None:
        return
    client_id, venue = report.client_id, venue_of(report.instrument)
    deadline = Wall(asked.deadline - work.moment.ahead_ns.get(venue, 0))
    counted, belief = not_found(
        work.views.terms_asked.get(client_id, Asked()),
        asked_at=asked_at,
        grace=grace_ends(deadline, work.settings.read_lag_ns),
        everywhere=True,
    )
    work.views.terms_asked[client_id] = counted
    if belief is Belief.NOTHING:
        return
    taken = (report.qty, report.price) == (asked.qty, asked.price)
    work.record(
        AmendAnswered(
            client_id=client_id,
            number=asked.number,
            verdict=Verdict.ACKED if taken else Verdict.NOT_SENT,
            reason=Reason.NONE,
            code=0,
            text=f"asked {counted.absent} times after its deadline: {report.qty} at {report.price}",
            sent_at=Wall(0),
            answered_at=work.now,
        )
    )
