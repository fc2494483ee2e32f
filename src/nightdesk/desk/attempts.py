"""When to try again what did not come off, so that nobody repeats for ever what the venue refuses.

What the venue refused, or left undone, is tried again ever more slowly as long as it is about the same thing.
What found nobody at its price waits for another price, or for a while; a flatten only for the market's next
word (`flatten`). Anything else is tried again soon.
"""

from collections.abc import Sequence

from nightdesk.desk.state import Owner
from nightdesk.desk.views import Attempt, Trying
from nightdesk.desk.work import Work
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.order import OrderType
from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State
from nightdesk.risk.gate import Refused

RETRY_NS = 500 * MS_NS  # a venue's answer takes less
REFUSED_MAX_NS = 30 * SECOND_NS
# A person waits for it, or a position loses more meanwhile; what left no trace may go through any moment.
SOON_MAX_NS = 5 * SECOND_NS
WAYS_OUT = frozenset({Trying.FLATTEN, Trying.LEAVE})
NOBODY_NS = 5 * SECOND_NS  # somebody may have come whom the quote does not show
STOOD_NS = SECOND_NS  # what waits for a price and ends sooner never stood


def again_at(work: Work, owner: Owner, what: Trying, about: tuple[object, ...]) -> Mono:
    """From when on to try it (again), as long as nothing happens; `about` is what it depends on."""
    last = work.views.attempts.get((owner, what))
    if last is None:
        return LONG_AGO
    wait_ns = RETRY_NS
    if last.about == about and refused(work, last):
        judged = any(order.state is not State.NOT_SENT for order in _orders(work, last))
        most_ns = REFUSED_MAX_NS if judged and what not in WAYS_OUT else SOON_MAX_NS
        wait_ns = min(RETRY_NS << last.refused, most_ns)
    elif (
        what is not Trying.FLATTEN
        and _found_nobody(work, last)
        and _moved(work, owner) == last.moved
    ):
        wait_ns = NOBODY_NS
    return Mono(last.at + wait_ns)


def note(
    work: Work,
    owner: Owner,
    what: Trying,
    about: tuple[object, ...],
    results: Sequence[ClientOrderId | Refused],
) -> bool:
    """Keep what was tried now, and how our own gate took it; whether it is anything new."""
    last = work.views.attempts.get((owner, what))
    again = last is not None and last.about == about
    before = last.refused + 1 if last is not None and again and refused(work, last) else 0
    rule = next((result.rule for result in results if isinstance(result, Refused)), "")
    work.views.attempts[owner, what] = Attempt(
        at=work.mono,
        about=about,
        ids=tuple(result for result in results if not isinstance(result, Refused)),
        rule=rule,
        refused=min(before, 30),
        moved=_moved(work, owner),
    )
    same_rule = last is not None and again and rule == last.rule != ""
    return before == 0 and not same_rule


def _moved(work: Work, owner: Owner) -> Mono:
    return work.views.moved.get(owner[1], Mono(0))


def _orders(work: Work, last: Attempt) -> list[Order]:
    found = (work.state.orders.get(client_id) for client_id in last.ids)
    return [order for order in found if order is not None]


def refused(work: Work, last: Attempt) -> bool:
    """Whether the venue took nothing of it: refused or not done, or not for as long as it takes to look."""
    return any(_never_stood(order) for order in _orders(work, last))


def _never_stood(order: Order) -> bool:
    if order.state in (State.REJECTED, State.NOT_SENT):
        return True
    dropped = order.state is State.EXPIRED and order.intent.type.conditional
    return dropped and not order.filled and order.ended_at - order.intended_at < STOOD_NS


def _found_nobody(work: Work, last: Attempt) -> bool:
    orders = _orders(work, last)
    return bool(orders) and all(
        order.intent.type is OrderType.IOC
        and order.state in (State.EXPIRED, State.CANCELLED)
        and not order.filled
        for order in orders
    )
