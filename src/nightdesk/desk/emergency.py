"""Somebody gets out by hand, past this desk: it halts before it risks anything again, and takes it into its
books.

The emergency tool needs no desk, so that nobody tells this one. It is known by the ids of its orders, however
one of them is met: told by the private stream, found among the open orders, or among the trades behind a
difference. What they traded made positions smaller, and is booked like what a venue does to an account by
itself.
"""

from collections.abc import Mapping
from decimal import Decimal

from nightdesk.desk import contracts
from nightdesk.desk.events import AskByHand, Health
from nightdesk.desk.work import Work
from nightdesk.model.account import Forced, ForcedFill
from nightdesk.model.ids import VenueId
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution, OrderReport
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import DESK

CAUSE = "emergency"
SLACK_NS = SECOND_NS  # how far two clocks may differ
UNKNOWN_NS = 24 * 3600 * SECOND_NS  # how far back, where nobody knows since when
# How far back for a difference that lasts: the lives before may have been too short to agree with their venue.
# Not farther: each order that is not remembered any more is a question.
LASTS_NS = 600 * SECOND_NS


def halting(client_id: str) -> Health:
    """What follows from an order of the tool's, in whatever it is traded."""
    why = (
        f"order {client_id} is the emergency tool's: somebody gets out by hand; look at what is left, "
        "then resume with a reason"
    )
    return Health(scope=DESK, cause=CAUSE, mode=Mode.HALTED, why=why)


def asking(work: Work, venue: VenueId, found: Mapping[str, Decimal]) -> list[AskByHand]:
    """A difference in what is held may be the tool's doing: ask who traded since books and venue agreed, as far
    as this life knows when that was."""
    books = work.views.books_of(venue)
    known = books.agreed or work.views.last_known or work.now - UNKNOWN_NS
    if books.agreed is None and found == books.difference:
        known = min(known, work.now - LASTS_NS)
    since = Wall(known - work.settings.read_lag_ns - SLACK_NS)
    there = (each for each in work.settings.instruments.values() if each.venue == venue)
    return [AskByHand(instrument=each.id, since=since) for each in there if each.held_as in found]


def seen(work: Work, client_id: str) -> None:
    """Halt, once for each of its orders: a person who resumed has seen the ones before."""
    if client_id in work.views.strangers:
        return
    work.views.strangers.append(client_id)
    work.set_mode(DESK, CAUSE, Mode.HALTED, by="desk", why=halting(client_id).why)


def told(work: Work, report: OrderReport, execution: Execution | None) -> None:
    """What is heard of one of its orders; a trade is booked once, however often it is told."""
    seen(work, report.client_id)
    if execution is None:
        return
    fill = ForcedFill(
        kind=Forced.EMERGENCY,
        instrument=execution.instrument,
        venue_order_id=report.venue_order_id,
        trade_id=execution.trade_id,
        side=execution.side,
        price=execution.price,
        qty=execution.qty,
        fee=execution.fee,
        fee_asset=execution.fee_asset,
        realised=execution.realised or ZERO,
        at=execution.venue_time,
    )
    contracts.forced(work, fill)
