"""A protective order that takes another's place in one request, where its venue offers that.

What was covered stays covered but for the request's own way: the venue ends the old order first, and places the
new one only if it could. An order that waits for its price stands in no book, so it ends whole, or has traded
and cannot be ended. Both are counted all the same until the end of the old one is final, and the new one is not
moved again before. What the venue refuses leaves the old one where it was; it is tried again ever more slowly.
"""

from collections.abc import Sequence
from decimal import Decimal

from nightdesk.desk.placing import replace
from nightdesk.desk.protect_orders import tried, waits, wishes
from nightdesk.desk.protection import Protection, reached
from nightdesk.desk.state import Owner
from nightdesk.desk.views import Trying
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.mode import Mode
from nightdesk.model.order import Intent, OrderType
from nightdesk.modes.ladder import scopes
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State
from nightdesk.risk.gate import Refused

_PENDING, _OPEN = State.PENDING, State.OPEN  # members are looked up slowly
_PROFIT, _FLATTENING = OrderType.TAKE_PROFIT, Mode.FLATTENING


def movable(
    work: Work, owner: Owner, protection: Protection, orders: Sequence[Order]
) -> Order | None:
    """The order of a piece that can be moved, now or soon. None where it must end first: a venue without such
    requests, one of a pair, one that trades or that nobody vouches for, a price that is reached already."""
    rules, seen = work.settings.instruments[owner[1]], work.quote(owner[1])
    order = orders[0]
    single = len(orders) == len(protection.legs) == 1 and order.intent.other is None
    if not single or rules.venue not in work.settings.replacing:
        return None
    if order.state not in (_PENDING, _OPEN) or order.filled or order.cancel_asked:
        return None
    held = work.state.position(*owner).qty
    if held * order.intent.side.sign >= 0:
        return None
    return None if seen and reached(protection.legs, seen[0], held) else order


def move(
    work: Work, owner: Owner, protection: Protection, order: Order, qty: Decimal, why: str
) -> Intent | Refused | None:
    """Ask for `qty` at the declared price in place of `order`; None while it is too soon."""
    soon = order.state is not _OPEN or _unsettled(work, order)
    if soon or waits(work, owner, protection, Trying.COVER):
        return None
    seen, rules = work.quote(owner[1]), work.settings.instruments[owner[1]]
    legs = [(leg, qty) for leg in protection.legs]
    made = wishes(owner, rules, seen, order.intent.side, legs) if seen else []
    if not made:
        return None
    result = replace(work, order, made[0], why)
    if isinstance(result, Intent):
        tried(work, owner, protection, [result])
    return result


def same_way(order: Order, protection: Protection) -> bool:
    """Whether it protects from the same as what is declared: a loss, or a profit that goes again."""
    ((kind, _, _),) = protection.legs
    return (order.intent.type is _PROFIT) is (kind is _PROFIT)


def yielding(work: Work, owner: Owner) -> Decimal:
    """What is covered by orders whose place others are to take: they stand until anything else is told."""
    return money.total(
        order.remaining
        for order in work.state.guarding(owner)
        if order.cancel_asked and order.state is _OPEN and in_doubt(work, order)
    )


def in_doubt(work: Work, order: Order) -> bool:
    """Whether nobody knows yet if the request came that ends it for another order: until then it is asked for,
    and not ended by itself, since it may be all that protects. A flatten waits for nobody."""
    owner = (order.intent.strategy, order.intent.instrument)
    if (
        owner not in work.state.protections
        or work.state.ladder.mode(*scopes(*owner)) is _FLATTENING
    ):
        return False
    client_id = order.intent.client_id
    return any(
        new.intent.replaces == client_id and new.state is not _OPEN
        for new in work.state.orders.live.values()
    )


def _unsettled(work: Work, order: Order) -> bool:
    """Whether what it took the place of may still turn out to have traded."""
    replaced = order.intent.replaces
    before = None if replaced is None else work.state.orders.get(replaced)
    return before is not None and not before.settled
