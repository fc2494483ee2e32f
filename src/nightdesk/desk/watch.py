"""What time brings: stale feeds, questions that are due, cancels to repeat, accounts to compare.

Nothing here turns silence into an answer; it only asks again, and says what is wrong meanwhile.
"""

from nightdesk.desk.accounts import THROTTLE_NS
from nightdesk.desk.events import AskAccount, AskOrder, AskTrades, OrderNotFound
from nightdesk.desk.placing import cancel
from nightdesk.desk.work import Work
from nightdesk.model.ids import InstrumentId
from nightdesk.model.records import Resolved
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.modes.ladder import DESK, Mode, instrument_scope
from nightdesk.orders.lifecycle import State
from nightdesk.reconcile.resolve import Asked, Belief, due, grace_ends
from nightdesk.reconcile.resolve import not_found as weigh

FRESH_FOR_NS = SECOND_NS  # hysteresis: a feed that flaps does not flap the mode
TRADES_WAIT_NS = 500 * MS_NS  # the stream usually brings a fill's trade well within this
CANCEL_AGAIN_NS = SECOND_NS
ACCOUNT_EVERY_NS = 10 * SECOND_NS
ACCOUNT_SOON_NS = 2 * SECOND_NS  # while a difference was seen once, or no quiet moment was found


def tick(work: Work) -> None:
    """Everything that is due at this moment."""
    for instrument in work.settings.instruments:
        _feed(work, instrument)
    _orders(work)
    _trades(work)
    unresolved(work)
    throttled = work.state.ladder.demands(DESK, "throttled") is not Mode.NORMAL
    if throttled and not work.views.throttled_until:  # raised before a restart: wait once more
        work.views.throttled_until = Wall(work.now + THROTTLE_NS)
    if throttled and work.now >= work.views.throttled_until:
        work.views.throttled_until = Wall(0)
        work.set_mode(DESK, "throttled", Mode.NORMAL, by="desk", why="the venue's wait is over")
    soon = bool(work.views.last_difference) or not work.views.compared
    every = ACCOUNT_SOON_NS if soon else ACCOUNT_EVERY_NS
    if work.now - work.views.account_asked >= every:
        work.views.account_asked = work.now
        work.decision.at_once.append(AskAccount())


def unresolved(work: Work) -> None:
    """An instrument with an unknown order of an earlier epoch takes no new risk until it is resolved."""
    waiting: dict[InstrumentId, int] = {}
    for order in work.state.orders.unknown():
        if order.epoch < work.state.epoch:
            instrument = order.intent.instrument
            waiting[instrument] = waiting.get(instrument, 0) + 1
    for instrument in work.settings.instruments:
        count = waiting.get(instrument, 0)
        mode = Mode.REDUCE_ONLY if count else Mode.NORMAL
        why = f"{count} orders from before the start are unresolved" if count else "all resolved"
        work.set_mode(instrument_scope(instrument), "unresolved", mode, by="desk", why=why)


def not_found(work: Work, event: OrderNotFound) -> None:
    """The venue does not know an order now; what that is worth depends on when it was asked."""
    order = work.state.orders.live.get(event.client_id)
    if order is None:
        return
    asked = work.views.asked.get(event.client_id, Asked())
    grace = grace_ends(order.intent.deadline, work.settings.read_lag_ns)
    counted, belief = weigh(asked, asked_at=event.asked_at, grace=grace)
    work.views.asked[event.client_id] = counted
    if belief is Belief.NOTHING:
        return
    if order.state is State.OPEN:
        why = f"{event.client_id} was open and the venue does not know it any more"
        scope = instrument_scope(order.intent.instrument)
        work.set_mode(scope, "vanished", Mode.REDUCE_ONLY, by="desk", why=why)
    else:
        evidence = f"not found {counted.absent} times after {grace}"
        work.record(Resolved(client_id=event.client_id, evidence=evidence))


def _feed(work: Work, instrument: InstrumentId) -> None:
    scope = instrument_scope(instrument)
    seen = work.quote(instrument)
    limit = work.settings.limits[instrument].stale_after_ns
    if seen is None or seen[1] > limit:
        work.views.fresh_since.pop(instrument, None)
        why = (
            "no usable quote yet"
            if seen is None
            else f"the last quote is over {limit / 1e6:.0f} ms old"
        )
        work.set_mode(scope, "feed", Mode.REDUCE_ONLY, by="desk", why=why)
        return
    since = work.views.fresh_since.setdefault(instrument, work.now)
    if work.now - since >= FRESH_FOR_NS:
        work.set_mode(scope, "feed", Mode.NORMAL, by="desk", why="quotes are fresh")


def _orders(work: Work) -> None:
    for client_id, order in list(work.state.orders.live.items()):
        if order.state is State.UNKNOWN:
            asked = work.views.asked.get(client_id, Asked())
            if due(asked, work.now):
                work.views.asked[client_id] = Asked(
                    times=asked.times + 1, last=work.now, absent=asked.absent
                )
                work.decision.at_once.append(AskOrder(intent=order.intent))
        elif order.cancel_asked and order.state is State.OPEN:
            sent = work.views.cancels_sent.get(client_id, Asked())
            if work.now - sent.last >= CANCEL_AGAIN_NS:
                cancel(work, order, why="again")


def _trades(work: Work) -> None:
    for client_id, since in list(work.state.untraded.items()):
        order = work.state.orders.get(client_id)
        if order is None or not order.venue_order_id or work.now - since < TRADES_WAIT_NS:
            continue
        asked = work.views.trades_asked.get(client_id, Asked())
        if due(asked, work.now):
            work.views.trades_asked[client_id] = Asked(times=asked.times + 1, last=work.now)
            work.decision.at_once.append(
                AskTrades(intent=order.intent, venue_order_id=order.venue_order_id)
            )
