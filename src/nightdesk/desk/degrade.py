"""Graceful degradation: what slows the desk down, what it waits for, and which resting orders it pulls.

A strained machine makes the desk cautious before it makes it stop; a desk that cannot see or hear a market
does not leave its entries resting there.
"""

from collections.abc import Iterator
from decimal import Decimal

from nightdesk.desk.events import Tick
from nightdesk.desk.margin import contracts
from nightdesk.desk.placing import cancel
from nightdesk.desk.state import DeskState
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, InstrumentId
from nightdesk.model.mode import Mode
from nightdesk.model.order import Origin, Side
from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import DESK, scopes, venue_scope
from nightdesk.orders.lifecycle import State

LATE_NS = 500 * MS_NS  # ticks come every 50 ms: ten of them were missed
JOURNAL_SLOW_NS = 250 * MS_NS  # a commit takes under one; an order that waits so long is old
JOURNAL_STALLED_NS = SECOND_NS
JOURNAL_GONE_NS = (
    3 * SECOND_NS
)  # by then the lease has run out with it, and nothing but a cancel can leave
CALM_NS = 5 * SECOND_NS
# For how long a cause lasts before it pulls resting entries. A stream that reconnects at once costs no place
# in any queue; a journal that takes nothing, or a disk without room, may come back for a minute. What only
# stops new orders (a venue that throttles, a strategy that crashed) leaves the resting ones managed.
PULL_AFTER_NS = {
    # Where the desk cannot see the market, hear of fills or trust its books, or lost too much to add anything.
    **dict.fromkeys(
        ("feed", "private", "reconcile", "surprise", "vanished", "loss"), 2 * SECOND_NS
    ),
    # Nobody could lead in its place: both nodes write to the same disk.
    **dict.fromkeys(("journal", "disk"), 60 * SECOND_NS),
}
# What concerns everything that is traded at one venue.
OF_VENUES = frozenset(
    {
        *("away", "private", "clock", "throttled", "budget", "maintenance", "breaker"),
        *("funds", "auth", "reconcile", "terms"),
    }
)
# How long a venue's refusal is heeded where it does not say, or cannot: nobody knows when money comes.
WAITS_NS = {"throttled": 5 * SECOND_NS, "maintenance": 30 * SECOND_NS, "funds": 5 * SECOND_NS}


def strain(work: Work, tick: Tick) -> None:
    """A process that gets no time, or a journal that gets no disk, is told by how late they are."""
    late, waits = tick.late_ns, tick.journal_ns
    mode = Mode.CAUTIOUS if late > LATE_NS else Mode.NORMAL
    why = f"the process stood still for {late / MS_NS:.0f} ms" if late > LATE_NS else "on time"
    work.demand(DESK, "starved", mode, why=why, calm_ns=CALM_NS)
    mode, why = Mode.NORMAL, "commits are fast"
    if work.state.ladder.demands(DESK, "journal") is Mode.CANCEL_ONLY:
        mode = Mode.REDUCE_ONLY  # what leaves is written down again
    if waits > JOURNAL_SLOW_NS:
        mode = Mode.REDUCE_ONLY if waits > JOURNAL_STALLED_NS else Mode.CAUTIOUS
        mode = Mode.CANCEL_ONLY if waits > JOURNAL_GONE_NS else mode
        why = f"a record waits {waits / MS_NS:.0f} ms for the disk"
    work.demand(DESK, "journal", mode, why=why, calm_ns=CALM_NS)
    for venue in work.settings.venues:
        for cause in WAITS_NS:
            _wait_over(work, work.settings.scope_of(venue), cause)


def strained(tick: Tick) -> bool:
    """Whether `strain` has something to say of this tick."""
    return tick.late_ns > LATE_NS or tick.journal_ns > JOURNAL_SLOW_NS


def dues(work: Work) -> Iterator[Mono]:
    """When `strain` or `pull` has something to do next, as long as nothing happens."""
    ladder = work.state.ladder
    if not ladder.causes:
        return
    for cause in ("starved", "journal"):
        if ladder.holds(DESK, cause):
            yield work.calm_from(DESK, cause, CALM_NS)
    if ladder.demands(DESK, "journal") is Mode.CANCEL_ONLY:
        yield work.mono
    for scope in map(work.settings.scope_of, work.settings.venues):
        for cause in WAITS_NS:
            if ladder.holds(scope, cause):
                yield work.views.waits.get((scope, cause), work.mono)
    for _, name, held in ladder.told():
        pulls_at = Wall(held.since + PULL_AFTER_NS.get(name, 0))
        if pulls_at > work.now:
            yield work.moment.mono_at(pulls_at)


def wait(work: Work, scope: str, cause: str, wait_ns: int, why: str) -> None:
    """The venue wants to be left alone for a while; `wait_ns` 0 where it did not say how long."""
    until, key = work.mono + (wait_ns or WAITS_NS[cause]), (scope, cause)
    work.views.waits[key] = Mono(max(work.views.waits.get(key, LONG_AGO), until))
    work.set_mode(scope, cause, Mode.REDUCE_ONLY, by="desk", why=why)


def pull(work: Work) -> None:
    """Cancel resting entries wherever a cause that pulls them has lasted."""
    if not work.state.ladder.causes:
        return
    lasting = {
        scope: name
        for scope, name, cause in work.state.ladder.told()
        if name in PULL_AFTER_NS
        and cause.mode >= Mode.REDUCE_ONLY
        and work.now - cause.since >= PULL_AFTER_NS[name]
    }
    if not lasting:
        return
    kept = exits(work.state)
    for client_id, order in list(work.state.orders.live.items()):
        intent = order.intent
        if order.cancel_asked or order.state is not State.OPEN or client_id in kept:
            continue
        if intent.origin in (Origin.FLATTEN, Origin.PROTECT):
            continue
        for scope in scopes(intent.strategy, intent.instrument):
            if scope in lasting:
                cancel(work, order, why=lasting[scope])
                break


def exits(state: DeskState) -> set[ClientOrderId]:
    """Resting orders that, all of them together, can only bring their positions nearer to flat."""
    room: dict[tuple[InstrumentId, Side], Decimal] = {}
    kept: set[ClientOrderId] = set()
    for client_id, order in state.orders.live.items():
        instrument, side = order.intent.instrument, order.intent.side
        net = state.net(instrument)
        left = room.get((instrument, side), net if side is Side.SELL else money.minus(net))
        if order.remaining <= left:
            kept.add(client_id)
            left = money.subtract(left, order.remaining)
        room[instrument, side] = left
    return kept


def _wait_over(work: Work, scope: str, cause: str) -> None:
    if not work.state.ladder.holds(scope, cause):
        return
    # Raised before a restart: wait once more.
    key = (scope, cause)
    until = work.views.waits.setdefault(key, Mono(work.mono + WAITS_NS[cause]))
    if work.mono >= until:
        del work.views.waits[key]
        work.set_mode(scope, cause, Mode.NORMAL, by="desk", why="the wait is over")


def regroup(work: Work) -> None:
    """At a start: what a venue caused stands where this config's desk looks for it. One of several venues has a
    scope of its own, a single one has the desk's; what a venue caused that is gone is past."""
    venues = {work.settings.scope_of(venue) for venue in work.settings.venues}
    for scope, name, cause in work.state.ladder.told():
        if name not in OF_VENUES or scope in venues:
            continue
        if scope != DESK and not scope.startswith(venue_scope("")):
            continue  # of an instrument or a strategy: its own
        why = f"since the venues are other ones: {cause.why}"
        for place in venues if scope == DESK or scope in _known(work) else ():
            if not work.state.ladder.holds(place, name) and _lifts(work, place, name):
                work.set_mode(place, name, cause.mode, by=cause.by, why=why)
        work.set_mode(scope, name, Mode.NORMAL, by="desk", why=why)


def _lifts(work: Work, place: str, cause: str) -> bool:
    """Whether anything that is heard there can lift it: only contracts have terms."""
    if cause != "terms":
        return True
    return any(work.settings.scope_of(i.venue) == place for i in contracts(work))


def _known(work: Work) -> set[str]:
    """The scopes of today's venues, whether they are in use or not."""
    return {venue_scope(venue) for venue in work.settings.venues}
