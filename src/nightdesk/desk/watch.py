"""What time brings: stale feeds, questions that are due, cancels to repeat, accounts to compare.

Nothing here turns silence into an answer; it only asks again, and says what is wrong meanwhile.
"""

from collections.abc import Iterator

import msgspec

from nightdesk.desk.accounts import ask, ask_account
from nightdesk.desk.events import AskTrades, OrderNotFound
from nightdesk.desk.placing import cancel
from nightdesk.desk.protect_moves import in_doubt
from nightdesk.desk.work import Work
from nightdesk.model.ids import InstrumentId, VenueId
from nightdesk.model.mode import Mode
from nightdesk.model.order import Origin
from nightdesk.model.records import Resolved, Settled
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import NORMAL, instrument_scope
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State
from nightdesk.reconcile.resolve import (
    ABSENT_AFTER,
    Asked,
    Belief,
    due,
    due_at,
    final_from,
    grace_ends,
)
from nightdesk.reconcile.resolve import not_found as weigh

FRESH_FOR_NS = SECOND_NS  # hysteresis: a feed that flaps does not flap the mode
TRADES_WAIT_NS = 500 * MS_NS  # the stream usually brings a fill's trade well within this
CANCEL_AGAIN_NS = SECOND_NS
UNCONFIRMED_NS = 5 * SECOND_NS  # since the first question; an answer takes a fraction of it
ACCOUNT_SOON_NS = 2 * SECOND_NS  # while a difference was seen once, or no quiet moment was found
ACCOUNT_FIRST_NS = 125 * MS_NS  # books that never agreed in this life: twice as long each time
_UNKNOWN, _OPEN = State.UNKNOWN, State.OPEN  # members are looked up slowly, here for every order


def tick(work: Work) -> None:
    """Everything that is due at this moment."""
    for instrument in work.settings.instruments:
        _feed(work, instrument)
    _orders(work)
    _settling(work)
    _trades(work)
    unresolved(work)
    for venue in work.settings.venues:
        if work.mono >= _account_due(work, venue):
            ask_account(work, venue)


def dues(work: Work) -> Iterator[Mono]:
    """When `tick` has something to do next, as long as nothing happens: each of its parts says its own time."""
    yield from (_account_due(work, venue) for venue in work.settings.venues)
    for instrument in work.settings.instruments:
        yield from _feed_dues(work, instrument)
    for order in work.state.orders.live.values():
        yield from _order_dues(work, order)
    for client_id, ended_at in work.state.settling.items():
        asked_from = final_from(ended_at, work.settings.read_lag_ns)
        again = due_at(work.views.settle_asked.get(client_id, Asked()))
        yield max(work.moment.mono_at(asked_from), again)
        if work.now - asked_from <= UNCONFIRMED_NS:
            yield work.moment.mono_at(Wall(asked_from + UNCONFIRMED_NS + 1))
    for client_id, since in work.state.untraded.items():
        order_untraded = work.state.orders.get(client_id)
        if order_untraded is not None and order_untraded.venue_order_id:
            asked = work.views.trades_asked.get(client_id, Asked())
            yield max(work.moment.mono_at(Wall(since + TRADES_WAIT_NS)), due_at(asked))


def _order_dues(work: Work, order: Order) -> Iterator[Mono]:
    views, client_id = work.views, order.intent.client_id
    if order.state is _UNKNOWN:
        yield due_at(views.asked.get(client_id, Asked()))
    elif order.cancel_asked and order.state is _OPEN:
        yield Mono(views.cancels_sent.get(client_id, Asked()).last + CANCEL_AGAIN_NS)
    elif order.in_doubt:
        yield due_at(views.terms_asked.get(client_id, Asked()))
    elif _sought(work, order):
        yield due_at(views.asked[client_id])


def _account_due(work: Work, venue: VenueId) -> Mono:
    books = work.views.books_of(venue)
    soon = bool(books.difference) or not books.compared
    every = ACCOUNT_SOON_NS if soon else work.settings.account_every_ns
    if books.agreed is None:
        every = min(every, ACCOUNT_FIRST_NS << min(books.tries, 10))
    return Mono(books.asked + every)


def _feed_dues(work: Work, instrument: InstrumentId) -> Iterator[Mono]:
    seen = work.quote(instrument)
    if seen is None:
        return  # the next quote is an event
    scope, limit = instrument_scope(instrument), work.settings.limits[instrument].stale_after_ns
    if seen[1] <= limit:
        yield Mono(work.mono + limit - seen[1] + 1)
        if work.state.ladder.holds(scope, "feed"):
            yield work.calm_from(scope, "feed", FRESH_FOR_NS)


def unresolved(work: Work) -> None:
    """What an unknown order does to its instrument: one of an earlier epoch stops new risk, one of this makes
    it cautious, and so do terms that nobody knows, and a cancel whose end the venue does not confirm."""
    waiting: dict[InstrumentId, list[Order]] = {}
    for order in work.state.orders.unknown():
        waiting.setdefault(order.intent.instrument, []).append(order)
    doubted = {order.intent.instrument: order.amended_in for order in work.state.orders.in_doubt()}
    unconfirmed: set[InstrumentId] = set()
    for client_id, ended_at in work.state.settling.items():
        order_settling = work.state.orders.get(client_id)
        asked_from = final_from(ended_at, work.settings.read_lag_ns)
        if order_settling is not None and work.now - asked_from > UNCONFIRMED_NS:
            unconfirmed.add(order_settling.intent.instrument)
    for instrument in work.settings.instruments:
        mode, why = NORMAL, "all resolved"
        orders = waiting.get(instrument)
        if orders:
            older = sum(1 for order in orders if order.epoch < work.state.epoch)
            mode, why = Mode.CAUTIOUS, f"{len(orders)} orders have an unknown outcome"
            if older:
                mode, why = Mode.REDUCE_ONLY, f"{older} orders from before the start are unresolved"
        elif instrument in doubted:
            older = doubted[instrument] < work.state.epoch
            mode = Mode.REDUCE_ONLY if older else Mode.CAUTIOUS
            why = "nobody knows yet which terms of an amended order are in force"
        elif instrument in unconfirmed:
            mode, why = Mode.CAUTIOUS, "the venue does not confirm the end of a cancelled order"
        work.set_mode(instrument_scope(instrument), "unresolved", mode, by="desk", why=why)


def not_found(work: Work, event: OrderNotFound) -> None:
    """The venue does not know an order now; what that is worth depends on when it was asked."""
    order = work.state.orders.live.get(event.client_id)
    if order is None:
        _gone(work, event)
        return
    asked = work.views.asked.get(event.client_id, Asked())
    grace = grace_ends(work.deadline(order.intent), work.settings.read_lag_ns)
    counted, belief = weigh(
        asked, asked_at=event.asked_at, grace=grace, everywhere=event.everywhere
    )
    work.views.asked[event.client_id] = counted
    if belief is Belief.NOTHING:
        return
    # Nobody misses one whose end was asked for; one that protects protects nothing, where it stands nowhere.
    unmissed = order.cancel_asked or order.intent.origin is Origin.PROTECT
    if order.state is State.OPEN and not (unmissed and event.everywhere):
        why = f"{event.client_id} was open and the venue does not know it any more"
        scope = instrument_scope(order.intent.instrument)
        work.set_mode(scope, "vanished", Mode.REDUCE_ONLY, by="desk", why=why)
    else:
        work.record(Resolved(client_id=event.client_id, evidence=_evidence(counted, grace)))


def let_go(work: Work, by: str, why: str) -> None:
    """An operator resumes, having been shown open orders that the venue denies everywhere: nobody is sure of
    them any more, and the next time the venue denies one it has ended."""
    for client_id, order in list(work.state.orders.live.items()):
        asked = work.views.asked.get(client_id, Asked())
        shown = work.state.ladder.holds(instrument_scope(order.intent.instrument), "vanished")
        if shown and order.state is _OPEN and asked.absent >= ABSENT_AFTER:
            denied = _evidence(asked, grace_ends(order.intent.deadline, work.settings.read_lag_ns))
            evidence = f"{denied}; {by} has looked and resumed: {why}"
            work.record(Resolved(client_id=client_id, evidence=evidence))


def _evidence(asked: Asked, grace: Wall) -> str:
    return (
        f"asked {asked.absent} times after {grace}: not by its id, not among the open orders, "
        "not among the trades"
    )


def _gone(work: Work, event: OrderNotFound) -> None:
    """A cancelled order that the venue keeps no longer: what it had filled is known, or it filled nothing
    (USD-M tells no unfilled order that was made over three days ago: "Query Order", read 2026-11-22)."""
    ended_at = work.state.settling.get(event.client_id)
    order = work.state.orders.get(event.client_id)
    if ended_at is None or order is None or not event.everywhere or order.untold:
        return
    if event.asked_at < final_from(ended_at, work.settings.read_lag_ns):
        return
    asked = work.views.settle_asked.get(event.client_id, Asked())
    if asked.absent + 1 < ABSENT_AFTER:
        counted = msgspec.structs.replace(asked, absent=asked.absent + 1)
        work.views.settle_asked[event.client_id] = counted
        return
    work.record(Settled(client_id=event.client_id))
    work.views.settle_asked.pop(event.client_id, None)


def _feed(work: Work, instrument: InstrumentId) -> None:
    seen = work.quote(instrument)
    limit = work.settings.limits[instrument].stale_after_ns
    mode, why = NORMAL, "quotes are fresh"
    if seen is None:
        mode, why = Mode.REDUCE_ONLY, "no usable quote yet"
    elif seen[1] > limit:
        mode, why = Mode.REDUCE_ONLY, f"the last quote is over {limit / 1e6:.0f} ms old"
    work.demand(instrument_scope(instrument), "feed", mode, why=why, calm_ns=FRESH_FOR_NS)


def _orders(work: Work) -> None:
    for client_id, order in list(work.state.orders.live.items()):
        if order.state is _UNKNOWN:
            asked = work.views.asked.get(client_id, Asked())
            if due(asked, work.mono):
                work.views.asked[client_id] = asked.again(work.mono)
                ask(work, order)
        elif order.cancel_asked and order.state is _OPEN:
            sent = work.views.cancels_sent.get(client_id, Asked())
            if work.mono - sent.last >= CANCEL_AGAIN_NS:
                _again(work, order, sent)
        elif order.in_doubt:
            asked = work.views.terms_asked.get(client_id, Asked())
            if due(asked, work.mono):
                work.views.terms_asked[client_id] = asked.again(work.mono)
                ask(work, order)
        elif _sought(work, order) and due(work.views.asked[client_id], work.mono):
            work.views.asked[client_id] = work.views.asked[client_id].again(work.mono)
            ask(work, order)


def _again(work: Work, order: Order, sent: Asked) -> None:
    if in_doubt(work, order):
        work.views.cancels_sent[order.intent.client_id] = sent.again(work.mono)
        ask(work, order)
    else:
        cancel(work, order, why="again")


def _sought(work: Work, order: Order) -> bool:
    """Whether an open order was asked for, the venue not having listed it, and nothing was heard since."""
    asked = work.views.asked.get(order.intent.client_id)
    return asked is not None and order.state is _OPEN and asked.absent < ABSENT_AFTER


def _settling(work: Work) -> None:
    """Ask once more about each cancelled order when no late fill can hide any more: its end is final then."""
    for client_id, ended_at in work.state.settling.items():
        asked = work.views.settle_asked.get(client_id, Asked())
        asked_from = final_from(ended_at, work.settings.read_lag_ns)
        if work.now < asked_from or not due(asked, work.mono):
            continue
        order = work.state.orders.get(client_id)
        assert order is not None, "an order that settles is never forgotten"
        work.views.settle_asked[client_id] = asked.again(work.mono)
        ask(work, order)


def _trades(work: Work) -> None:
    if work.views.trades_asked:
        for client_id in work.views.trades_asked.keys() - work.state.untraded.keys():
            del work.views.trades_asked[client_id]
    for client_id, since in list(work.state.untraded.items()):
        order = work.state.orders.get(client_id)
        if order is None or not order.venue_order_id or work.now - since < TRADES_WAIT_NS:
            continue
        asked = work.views.trades_asked.get(client_id, Asked())
        if due(asked, work.mono):
            work.views.trades_asked[client_id] = asked.again(work.mono)
            work.decision.at_once.append(
                AskTrades(intent=order.intent, venue_order_id=order.venue_order_id)
            )
