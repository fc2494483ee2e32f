"""The orders that a protection comes to: made, ended, done by the desk itself; how long they are missing."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from nightdesk.desk import attempts
from nightdesk.desk.placing import Wish, cancel, sized, submit
from nightdesk.desk.protection import Protection, Terms
from nightdesk.desk.state import Owner
from nightdesk.desk.targets import crossing
from nightdesk.desk.views import Trying
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.order import Intent, OrderType, Origin, Side
from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.modes.ladder import strategy_scope
from nightdesk.orders.book import Order
from nightdesk.reconcile.resolve import SETTLE_NS
from nightdesk.risk.gate import Refused

CAUSE = "unprotected"
SLIPPAGE_BPS = Decimal(20)  # of an exit that the desk makes itself: as far as a flatten goes
BARE_SLACK_NS = 5 * SECOND_NS  # beyond what ending and placing anew takes; then something is wrong
BARE_SAID_NS = CALM_NS = SECOND_NS
_EXIT = OrderType.IOC  # a member is looked up slowly


def end(work: Work, order: Order, why: str) -> None:
    """Ask for the end of one that waits for its price, once."""
    if not order.cancel_asked and order.intent.type is not _EXIT:
        cancel(work, order, why=why)


def wishes(
    owner: Owner,
    rules: Instrument,
    seen: tuple[Quote, int] | None,
    side: Side,
    wanted: Sequence[tuple[Terms, Decimal]],
) -> list[Wish]:
    """One for each price and size; none without a price to trail from: nothing is known of the market yet."""
    made = []
    for (kind, trigger, trail), qty in wanted:
        price = trigger if trigger is not None else _trailed(rules, seen, side, trail)
        if price is None:
            return []
        wish = Wish(*owner, side, kind, qty, price, Origin.PROTECT)
        wish.trigger, wish.trail_bps = trigger, trail
        made.append(wish)
    return made


def _trailed(
    rules: Instrument, seen: tuple[Quote, int] | None, side: Side, trail_bps: int
) -> Decimal | None:
    """Where a trailing stop stands before the market moves: what it is valued at."""
    if seen is None:
        return None
    touch = seen[0].bid if side is Side.SELL else seen[0].ask
    return rules.price_down(money.shifted_bps(touch, Decimal(side.sign * trail_bps)))


def waits(work: Work, owner: Owner, protection: Protection, what: Trying) -> bool:
    """Whether it is too soon after what was tried last; what the venue refuses to take holds back no exit."""
    if work.mono < attempts.again_at(work, owner, what, _about(work, owner, protection)):
        return True
    tried = (work.views.attempts.get((owner, kind)) for kind in (Trying.COVER, Trying.LEAVE))
    return any(work.mono < last.at + attempts.RETRY_NS for last in tried if last is not None)


def dues(work: Work, owner: Owner, protection: Protection) -> Iterator[Mono]:
    """When `waits` has an end."""
    about = _about(work, owner, protection)
    for kind in (Trying.COVER, Trying.LEAVE):
        last = work.views.attempts.get((owner, kind))
        if last is not None:
            soonest = Mono(last.at + attempts.RETRY_NS)  # for the other kind
            ends = (soonest, attempts.again_at(work, owner, kind, about))
            yield from (at for at in ends if at > work.mono)


def tried(
    work: Work, owner: Owner, protection: Protection, results: Sequence[Intent | Refused]
) -> None:
    """Orders were tried that wait for their price: what our own gate refused of them is told once."""
    took = [r if isinstance(r, Refused) else r.client_id for r in results]
    about = _about(work, owner, protection)
    news = attempts.note(work, owner, Trying.COVER, about, took)
    for result in results:
        if news and isinstance(result, Refused):
            work.note("warning", "protection.not_placed", strategy=owner[0], why=result)


def refused(work: Work, owner: Owner) -> bool:
    """Whether the venue refused the last order that was to wait for its price."""
    last = work.views.attempts.get((owner, Trying.COVER))
    return last is not None and attempts.refused(work, last)


def _about(work: Work, owner: Owner, protection: Protection) -> tuple[object, ...]:
    held = work.state.position(*owner).qty
    return held, protection.stop, protection.take_profit, protection.trail_bps


def leave(work: Work, owner: Owner, protection: Protection, qty: Decimal, quote: Quote) -> None:
    """Do what the protective order would have done."""
    rules = work.settings.instruments[owner[1]]
    side = Side.SELL if work.state.position(*owner).qty > 0 else Side.BUY
    qty = sized(work, *owner, qty)
    price = crossing(rules, quote, side, SLIPPAGE_BPS)
    result = submit(work, Wish(*owner, side, _EXIT, qty, price, Origin.PROTECT))
    why = f"the price is reached and nothing waits there: {side} {qty} at {price}"
    if isinstance(result, Refused):
        why = f"{why}; refused: {result}"
    took = result if isinstance(result, Refused) else result.client_id
    if attempts.note(work, owner, Trying.LEAVE, _about(work, owner, protection), [took]):
        work.note("warning", "protection.by_desk", strategy=owner[0], why=why)


def bare(work: Work, owner: Owner, missing: Decimal) -> None:
    """Measure how long a part of a position stands uncovered; too long stops its strategy's new risk."""
    since = work.views.bare_since
    if missing <= 0:
        began = since.pop(owner, None)
        if began is not None:
            lasted = work.mono - began
            work.views.bare_worst_ns = max(work.views.bare_worst_ns, lasted)
            if lasted > BARE_SAID_NS:
                work.note("info", "protection.bare", of=owner[1], ms=lasted // MS_NS)
        mode, why = Mode.NORMAL, "protected"
    else:
        lasted = work.mono - since.setdefault(owner, work.mono)
        if lasted <= SETTLE_NS + work.settings.read_lag_ns + BARE_SLACK_NS:
            return
        mode = Mode.REDUCE_ONLY
        why = f"{missing} of {owner[1]} has had no protective order for {lasted / SECOND_NS:.0f} s"
    work.demand(strategy_scope(owner[0]), CAUSE, mode, why=why, calm_ns=CALM_NS)
