"""Protections of contracts: each price has orders of its own, of the whole size that the account holds.

The venue lets them only reduce what is held: new ones stand before the old ones are ended (a trailing one then
trails anew). What is more than one order may be is several of them.
"""

from collections.abc import Sequence
from decimal import Decimal

from nightdesk.desk import protect_orders
from nightdesk.desk.placing import submit
from nightdesk.desk.protect_orders import end, wishes
from nightdesk.desk.protection import Protection, Terms, reached, terms_of
from nightdesk.desk.state import Owner
from nightdesk.desk.views import Trying
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.order import OrderType, Side
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State

# Of one price: a bracket that is replaced is four times as many orders, and venues limit those of a symbol.
PARTS_MAX = 5
_EXIT, _OPEN = OrderType.IOC, State.OPEN  # members are looked up slowly
Part = tuple[Terms, Decimal]  # what it waits for, and how much it closes


def keep(work: Work, owner: Owner, protection: Protection, side: Side) -> None:
    """Whatever is next for one that closes by orders of `side`."""
    rules = work.settings.instruments[owner[1]]
    held = _closable(work, owner)
    sizes, beyond = _sizes(rules, held)
    wanted = money.total(sizes)
    guarding = work.state.guarding(owner)
    waiting = [o for o in guarding if o.intent.type is not _EXIT and not o.cancel_asked]
    legs = protection.legs if sizes else []
    closing = [o for o in waiting if o.intent.side is side]
    kept, missing = _matched(closing, [(leg, size) for leg in legs for size in sizes])
    if not missing and all(order.state is _OPEN for order in kept):
        for order in waiting:
            if order not in kept:
                end(work, order, why="the protection changed")
    standing = [o for o in closing if o.state is _OPEN]
    least = min((_qty_of(standing, kind) for kind, _, _ in legs), default=wanted)
    missed = max(money.subtract(wanted, least), ZERO)
    protect_orders.bare(work, owner, money.add(missed, beyond))
    if not missing or any(order.intent.type is _EXIT for order in guarding):
        return
    seen = work.quote(owner[1])
    # Only what does not stand at all: what stands with another size is triggered by the venue.
    priced = {terms_of(o.intent) for o in standing}
    open_to = {leg for leg, _ in missing if leg not in priced}
    at_price = seen is not None and reached(open_to, seen[0], work.state.position(*owner).qty)
    if protect_orders.waits(work, owner, protection, Trying.LEAVE if at_price else Trying.COVER):
        return
    if seen is not None and at_price:
        protect_orders.leave(work, owner, protection, wanted, seen[0])
        return
    results = [submit(work, wish) for wish in wishes(owner, rules, seen, side, missing)]
    protect_orders.tried(work, owner, protection, results)


def _closable(work: Work, owner: Owner) -> Decimal:
    """What is held, as far as the account holds it: what others hold the other way cancels it out there, and
    what only reduces would close nothing of it."""
    held, net = work.state.position(*owner).qty, work.state.net(owner[1])
    return min(money.magnitude(held), money.magnitude(net)) if held * net > 0 else ZERO


def _sizes(rules: Instrument, held: Decimal) -> tuple[list[Decimal], Decimal]:
    """What each order for one price closes, and what is beyond all that the desk places for one."""
    left, sizes = rules.qty_down(held), list[Decimal]()
    while left >= rules.qty_min:
        if len(sizes) == PARTS_MAX:
            return sizes, left
        sizes.append(min(left, rules.waiting_qty_max))
        left = money.subtract(left, sizes[-1])
    return sizes, ZERO


def _matched(closing: Sequence[Order], parts: Sequence[Part]) -> tuple[list[Order], list[Part]]:
    """The orders that are what is wanted, the oldest first, and what has none."""
    missing, kept = list(parts), []
    for order in closing:
        part = terms_of(order.intent), order.remaining
        if part in missing:
            missing.remove(part)
            kept.append(order)
    return kept, missing


def _qty_of(standing: Sequence[Order], kind: OrderType) -> Decimal:
    return money.total(order.remaining for order in standing if order.intent.type is kind)
