"""Learning what the venue says: of single orders, and of the whole account."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice

import msgspec

from nightdesk.desk import contracts, degrade, emergency, targets, tell
from nightdesk.desk.events import (
    AccountTold,
    AskAccount,
    AskOrder,
    CancelEnded,
    OrderFound,
    OrderTold,
    SendEnded,
    TradesTold,
)
from nightdesk.desk.views import Books
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, InstrumentId, VenueId, is_emergency, venue_of
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import WAITING, Execution, OrderReport, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.records import (
    Answered,
    Executed,
    Reconciled,
    Reported,
    Settled,
)
from nightdesk.model.severity import BEARINGS, Severity
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.orders.book import Order
from nightdesk.orders.lifecycle import State
from nightdesk.reconcile.account import Owner, differences, owner_of
from nightdesk.reconcile.resolve import Asked, final_from, grace_ends

SOUGHT_MAX = 10  # of the newest ended orders
# What would explain a difference may not have been answered: one that is believed is sought ever more seldom.
SOUGHT_AGAIN_NS, SOUGHT_MOST_NS = 5 * SECOND_NS, 60 * SECOND_NS
# How far two clocks may differ where a list is asked for by time: also a venue's own, the one that it tells
# the time by and the one that stamps its trades.
CLOCK_SLACK_NS = 10 * SECOND_NS


def learn(work: Work, event: SendEnded | CancelEnded | OrderTold | OrderFound | TradesTold) -> None:
    """Fold what one message says about one order."""
    match event:
        case SendEnded():
            _send_ended(work, event)
        case CancelEnded():
            _cancel_ended(work, event)
        case OrderTold():
            _order_told(work, event)
        case OrderFound(report=report, asked_at=asked_at):
            told(work, report)
            _confirm(work, report, asked_at)
        case TradesTold(executions=executions):
            for execution in executions:
                trade(work, execution)


def _order_told(work: Work, event: OrderTold) -> None:
    report, execution = event.report, event.execution
    if report is not None and is_emergency(report.client_id):
        emergency.told(work, report, execution)
        return
    if report is not None and report.client_id != (named := _named(work, report)):
        report = msgspec.structs.replace(report, client_id=named)
        execution = execution and msgspec.structs.replace(execution, client_id=named)
    if execution is not None:
        trade(work, execution)
    if report is not None:
        told(work, report)


def told(work: Work, report: OrderReport) -> None:
    """One order's state; journaled only when it teaches something."""
    order = work.state.orders.get(report.client_id)
    if order is None:
        _stranger(work, report)
        return
    work.views.asked.pop(report.client_id, None)  # whatever "not found" was counted, it is there
    if work.state.orders.teaches(report):
        waited = order.venue_order_id.startswith(WAITING)
        work.record(Reported(report=report))
        if waited and order.live and not order.venue_order_id.startswith(WAITING):
            ask(work, order)  # triggered: its trades may have been told when nobody knew whose


def _named(work: Work, report: OrderReport) -> ClientOrderId:
    """Whose report it is: an order that the venue made of one that waited has an id nobody here gave."""
    if work.state.orders.get(report.client_id) is None:
        for order in work.state.orders.live.values():
            intent = order.intent
            same = intent.instrument == report.instrument and intent.type.conditional
            if same and order.venue_order_id == report.venue_order_id:
                return intent.client_id
    return report.client_id


def ask(work: Work, order: Order) -> None:
    """Ask what an order is; once an absence could be believed, everywhere that it could stand."""
    late = work.now > grace_ends(work.deadline(order.intent), work.settings.read_lag_ns)
    since = Wall(order.intended_at - CLOCK_SLACK_NS) if late else None
    work.decision.at_once.append(AskOrder(intent=order.intent, since=since))


def trade(work: Work, execution: Execution) -> None:
    """One trade, folded once."""
    order = work.state.orders.get(execution.client_id)
    if order is None or execution.trade_id in order.trade_ids:
        return
    ref = work.views.ref(execution.client_id)
    work.record(Executed(execution=execution))
    work.decision.at_once += tell.executed(work.state, work.settings, execution, ref, work.now)


def compare(work: Work, event: AccountTold) -> None:
    """The whole account at a venue against the fold; says nothing while either side is moving."""
    for report in event.open_orders:
        told(work, report)
    _missing(work, event)
    venue, books = event.venue, work.views.books_of(event.venue)
    books.compared = event.quiet
    if not event.quiet or _moving(work, venue):
        return
    assets, scope = work.settings.assets(venue), work.settings.scope_of(venue)
    held = {asset: event.balances.get(asset, ZERO) for asset in assets}
    if venue not in work.state.booked.since:
        surplus = _surplus(work, venue, held)
        work.record(_reconciled(work, venue, held, {}, surplus))
        return
    found = differences(work.state.funds.balances, held, assets)
    seeks = bool(found) and _seeks(books, work.mono)
    if seeks and (books.agreed is None or found == books.difference):
        work.decision.at_once += emergency.asking(work, venue, found)
    if found != books.difference:
        books.difference, books.since = found, event.asked_at
    # An account that lags differs by our own last trades; the same difference beyond the lag is a real one.
    lasted_ns = event.asked_at - books.since
    if seeks:
        _seek(work, venue, found)
    books.confirmed = bool(found) and lasted_ns > work.settings.read_lag_ns
    if not found:
        books.agreed = event.asked_at
        work.set_mode(scope, "reconcile", Mode.NORMAL, by="desk", why="desk and venue agree")
    elif books.confirmed:
        why = ", ".join(f"venue has {amount:+} {asset}" for asset, amount in found.items())
        work.set_mode(scope, "reconcile", Mode.REDUCE_ONLY, by="desk", why=why)


def _moving(work: Work, venue: VenueId) -> bool:
    """Whether an order there has an outcome, or trades, that are not known yet."""
    if any(venue_of(order.intent.instrument) == venue for order in work.state.orders.unknown()):
        return True
    owed = (work.state.orders.get(client_id) for client_id in work.state.untraded)
    return any(o is not None and venue_of(o.intent.instrument) == venue for o in owed)


def _seeks(books: Books, now: Mono) -> bool:
    """Whether it is time to ask what explains a difference."""
    wait_ns = min(SOUGHT_AGAIN_NS << min(books.sought.times, 10), SOUGHT_MOST_NS)
    return not books.confirmed or now - books.sought.last >= wait_ns


def _seek(work: Work, venue: VenueId, found: Mapping[str, Decimal]) -> None:
    """A difference may be a fill of our own, of an order whose end was confirmed by an answer that lagged by
    more than the config says: look there before anybody is alarmed."""
    books = work.views.books_of(venue)
    books.sought = (books.sought if books.confirmed else Asked()).again(work.mono)
    contracts.seek(work, found)
    known = work.settings.instruments.values()
    where = {i.id for i in known if i.venue == venue and i.held_as in found}
    ended = (
        order
        for order in reversed(work.state.orders.ended.values())
        if order.intent.instrument in where and order.remaining > 0
    )
    for order in islice(ended, SOUGHT_MAX):
        work.decision.at_once.append(AskOrder(intent=order.intent))


def adopt(work: Work) -> set[str]:
    """An operator has looked at the differences: the venues' numbers become ours, nobody's target moves.

    Only what lasted in this life, and was shown, can have been looked at; returns in which scopes that was.
    """
    adopted: set[str] = set()
    for venue in work.settings.venues:
        books, scope = work.views.books_of(venue), work.settings.scope_of(venue)
        if books.confirmed and work.state.ladder.holds(scope, "reconcile"):
            _adopt(work, venue, books)
            adopted.add(scope)
    return adopted


def _adopt(work: Work, venue: VenueId, books: Books) -> None:
    found, held = books.difference, work.state.funds.balances
    balances = {asset: held.get(asset, ZERO) for asset in work.settings.assets(venue)}
    for asset, amount in found.items():
        balances[asset] = money.canonical(money.add(balances[asset], amount))
    by_base = {i.held_as: i.id for i in work.settings.instruments.values() if i.venue == venue}
    moved = {by_base[a]: amount for a, amount in found.items() if a in by_base}
    record = _reconciled(work, venue, balances, found, moved)
    record = msgspec.structs.replace(record, shares=contracts.shares(work, moved))
    work.record(record)
    for instrument in moved:
        changed = record.shares.get(instrument, {})
        targets.suspend(work, instrument, "the position was changed from outside", changed)
    books.difference, books.confirmed = {}, False


def _reconciled(
    work: Work,
    venue: VenueId,
    balances: dict[str, Decimal],
    unexplained: dict[str, Decimal],
    surplus: dict[InstrumentId, Decimal],
) -> Reconciled:
    return Reconciled(
        balances=balances,
        unexplained=unexplained,
        surplus=surplus,
        venue=venue,
        venue_time=work.there(venue),
    )


def _send_ended(work: Work, event: SendEnded) -> None:
    outcome = event.outcome
    work.record(
        Answered(
            client_id=event.client_id,
            verdict=outcome.verdict,
            reason=outcome.reason,
            code=outcome.code,
            text=outcome.text,
            sent_at=event.sent_at,
            answered_at=work.now,
        )
    )
    for execution in outcome.executions:
        trade(work, execution)
    if outcome.report is not None:
        told(work, outcome.report)
    if outcome.verdict is Verdict.UNKNOWN:
        work.note("warning", "order.outcome_unknown", id=event.client_id, why=outcome.text)
    elif outcome.verdict is not Verdict.ACKED:
        work.note("info", "order.not_placed", id=event.client_id, why=outcome.text)
    heed(work, event.client_id, outcome)


def _cancel_ended(work: Work, event: CancelEnded) -> None:
    if event.outcome.report is not None:
        told(work, event.outcome.report)
    order = work.state.orders.live.get(event.client_id)
    if order is not None and (
        event.outcome.verdict is Verdict.REJECTED
        or (event.outcome.verdict is Verdict.UNKNOWN and _replaced(work, event.client_id))
    ):
        # "Unknown order": it ended before the cancel, or is not visible yet; or nobody knows whether another
        # one took its place. Only asking tells.
        asked = work.views.asked.get(event.client_id, Asked())
        work.views.asked[event.client_id] = asked.again(work.mono)
        ask(work, order)
    heed(work, event.client_id, event.outcome)


def _replaced(work: Work, client_id: ClientOrderId) -> bool:
    """Whether another order was to take its place: then no cancel of its own is repeated."""
    return any(new.intent.replaces == client_id for new in work.state.orders.live.values())


def _confirm(work: Work, report: OrderReport, asked_at: Wall) -> None:
    """A cancel is final once the venue, asked when nothing can be hidden, tells the fills that are known."""
    ended_at = work.state.settling.get(report.client_id)
    if ended_at is None or asked_at < final_from(ended_at, work.settings.read_lag_ns):
        return
    order = work.state.orders.get(report.client_id)
    assert order is not None, "an order that settles is never forgotten"
    if report.status is VenueStatus.CANCELLED and report.filled == order.filled == order.traded:
        work.record(Settled(client_id=report.client_id))
        work.views.settle_asked.pop(report.client_id, None)


def heed(work: Work, client_id: ClientOrderId, outcome: Outcome) -> None:
    """What one answer says about the venue as a whole."""
    order = work.state.orders.get(client_id)
    if order is None:
        return
    venue = venue_of(order.intent.instrument)
    bearing, scope = BEARINGS[outcome.reason], work.settings.scope_of(venue)
    if bearing.cause and bearing.severity is Severity.PERSON:
        work.set_mode(scope, bearing.cause, Mode.REDUCE_ONLY, by="desk", why=outcome.text)
    elif bearing.cause:
        degrade.wait(work, scope, bearing.cause, outcome.wait_ns, outcome.text)
    if outcome.reason is Reason.BY_BALANCE:
        # The gate saw enough: books and venue may differ, and asking again for what is refused helps nobody.
        _doubt(work, venue)
    elif outcome.reason is Reason.BY_STATE and order.intent.reduce_only:
        _doubt(work, venue)  # nothing is there to be reduced


def _doubt(work: Work, venue: VenueId) -> None:
    """A venue that refuses what the books allow may know better: how does the account stand?"""
    if work.mono - work.views.books_of(venue).asked >= SECOND_NS:
        ask_account(work, venue)


def ask_account(work: Work, venue: VenueId) -> None:
    """Ask how the account stands there."""
    books = work.views.books_of(venue)
    books.asked, books.tries = work.mono, books.tries + 1
    work.decision.at_once.append(AskAccount(venue=venue))


def _stranger(work: Work, report: OrderReport) -> None:
    """An order at the venue that this journal does not hold."""
    match owner_of(report.client_id, work.settings.code, work.state.nonces):
        case Owner.LOST:
            why = (
                f"order {report.client_id} carries this desk's name and a nonce this journal never drew: "
                "the journal was lost, restored or copied"
            )
            work.set_mode(DESK, "lost_journal", Mode.HALTED, by="desk", why=why)
        case Owner.EMERGENCY:
            emergency.seen(work, report.client_id)
        case Owner.FOREIGN:
            if report.client_id not in work.views.strangers:
                work.views.strangers.append(report.client_id)
                work.note("warning", "order.foreign", id=report.client_id, status=report.status)
        case Owner.OURS:
            if report.status is VenueStatus.WORKING:
                why = (
                    f"order {report.client_id} works at the venue and no record holds it: "
                    "the journal was restored from before it"
                )
                work.set_mode(DESK, "lost_journal", Mode.HALTED, by="desk", why=why)
            # Otherwise it ended so long ago that it is forgotten.


def _missing(work: Work, event: AccountTold) -> None:
    """Orders we hold for open that the venue did not list: ask for each, until something is heard of it."""
    listed = {report.client_id for report in event.open_orders}
    for client_id, order in work.state.orders.live.items():
        if venue_of(order.intent.instrument) != event.venue:
            continue
        old_enough = order.intended_at < event.asked_at - work.settings.read_lag_ns
        if order.state is State.OPEN and client_id not in listed and old_enough:
            asked = work.views.asked.get(client_id, Asked())
            work.views.asked[client_id] = asked.again(work.mono)
            ask(work, order)


def _surplus(
    work: Work, venue: VenueId, held: Mapping[str, Decimal]
) -> dict[InstrumentId, Decimal]:
    """What the account holds beyond the configured baseline: the operator's position, to be flattened."""
    found = {}
    for instrument in work.settings.instruments.values():
        if instrument.venue != venue:
            continue
        baseline = work.settings.baseline_of(instrument, held)
        if held[instrument.held_as] != baseline:
            found[instrument.id] = money.subtract(held[instrument.held_as], baseline)
    return found
