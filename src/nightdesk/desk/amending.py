"""Other terms for an order that rests, in its place, where its venue offers that.

The quantity is the whole order's, what has filled included: whatever fills meanwhile, it never trades more
than the larger of two quantities. Until the venue tells which terms are in force, that one and the dearer price
count. What the venue refuses leaves the old terms in force; nothing is sent a second time.
"""

from decimal import Decimal

import msgspec

from nightdesk.desk.events import SendOrder, Weigh
from nightdesk.desk.placing import Wish, ends_by, inputs_of, refused_by, remember, view
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import venue_of
from nightdesk.model.market import Quote
from nightdesk.model.order import Amendment, OrderType
from nightdesk.model.records import AmendAsked
from nightdesk.model.time import Wall
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State
from nightdesk.risk.caps import Look
from nightdesk.risk.gate import Refused, check
from nightdesk.risk.limits import View

_OPEN = State.OPEN  # a member is looked up slowly
_AMENDABLE = frozenset({OrderType.LIMIT, OrderType.POST_ONLY})
_OPEN_COUNTS = (Look.OPEN_HERE, Look.OPEN_OWN)


def movable(work: Work, order: Order) -> bool:
    """Whether it may be given other terms now: nothing else is asked of it, and none were refused before.

    One that only reduces is not: what the request makes of that, the venue's page leaves open.
    """
    intent = order.intent
    busy = order.cancel_asked or order.amending is not None or order.unamendable
    offered = venue_of(intent.instrument) in work.settings.amending
    fits = intent.type in _AMENDABLE and not intent.reduce_only
    return offered and order.state is _OPEN and not busy and fits


def amend(work: Work, order: Order, qty: Decimal, price: Decimal, why: str) -> Amendment | Refused:
    """Judge other terms, as if the order were placed anew at the larger quantity; approved, they are recorded,
    counted, and asked for once durable."""
    old, ends = order.intent, ends_by(work)
    if ends <= work.now:
        return refused_by(work, Refused(rule="lease", limit="a lease that is held", value="none"))
    left = money.subtract(max(order.most, qty), order.filled)
    wish = Wish(old.strategy, old.instrument, old.side, old.type, left, price, old.origin)
    seen = work.quote(old.instrument)
    looked = _without(work, order, wish, seen)
    amendment = Amendment(
        client_id=old.client_id,
        number=order.amendments + 1,
        qty=money.canonical(qty),
        price=wish.price,
        deadline=Wall(ends + work.moment.ahead_ns.get(venue_of(old.instrument), 0)),
        inputs=None if seen is None else inputs_of(work, *seen, looked),
    )
    intent = msgspec.structs.replace(
        old, qty=wish.qty, price=wish.price, deadline=amendment.deadline, inputs=amendment.inputs
    )
    verdict = check(intent, work.limits(old.strategy, old.instrument), looked)
    if isinstance(verdict, Refused):
        return refused_by(work, verdict)
    remember(work, wish)
    work.views.terms_asked.pop(old.client_id, None)
    work.record(AmendAsked(amendment=amendment, why=why))
    work.decision.after.append(SendOrder(approved=verdict, amendment=amendment))
    work.decision.after.append(Weigh(intent=intent, view=looked))
    return amendment


def _without(work: Work, order: Order, wish: Wish, seen: tuple[Quote, int] | None) -> View:
    """What the gate would see if the order were not there. The venue does not see to it that this one only
    reduces, so nothing is let pass because it would."""
    intent = order.intent
    exposure = work.state.exposure(intent.instrument)
    leg = exposure.leg(intent.client_id)
    exposure.set_leg(intent.client_id, None)
    looked = view(work, wish, seen)
    exposure.set_leg(intent.client_id, leg)
    whole = looked.whole
    if whole is not None:
        others = {each: whole.counts[each] - 1 for each in _OPEN_COUNTS if each in whole.counts}
        whole = msgspec.structs.replace(whole, counts={**whole.counts, **others})
    return msgspec.structs.replace(
        looked, open_orders=looked.open_orders - 1, whole=whole, may_reduce=False
    )
