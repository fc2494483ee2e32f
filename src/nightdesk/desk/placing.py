"""From wish to approved intent: numbers made exact, worst case counted, verdict asked, record written."""

from decimal import Decimal

import msgspec

from nightdesk.desk.events import SendCancel, SendOrder, Weigh
from nightdesk.desk.margin import beside, free_margin, leverage
from nightdesk.desk.state import Owner
from nightdesk.desk.views import SameOrder
from nightdesk.desk.whole import asks, whole
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import (
    ClientOrderId,
    InstrumentId,
    Seq,
    StrategyId,
    order_id,
    order_id_front,
    venue_of,
)
from nightdesk.model.market import Quote
from nightdesk.model.money import ZERO
from nightdesk.model.order import Inputs, Intent, OrderType, Origin, Side
from nightdesk.model.records import (
    CancelAsked,
    Intended,
)
from nightdesk.model.time import Wall
from nightdesk.modes.ladder import ALLOWED, NAMES, Action, scopes
from nightdesk.orders.book import Order
from nightdesk.reconcile.resolve import Asked
from nightdesk.risk.gate import Refused, check, reduces
from nightdesk.risk.limits import View

REDUCING = {Origin.FLATTEN: Action.FLATTEN, Origin.PROTECT: Action.PROTECT}  # else REDUCE
SAME_KEPT_MAX = 256  # orders remembered for the duplicate window; older ones are long past it


class Wish:
    """One order somebody wants, before it has an id."""

    __slots__ = (
        *("instrument", "origin", "price", "qty", "replaces", "side", "strategy"),
        *("trail_bps", "trigger", "type"),
    )

    def __init__(
        self,
        strategy: StrategyId,
        instrument: InstrumentId,
        side: Side,
        type: OrderType,
        qty: Decimal,
        price: Decimal,
        origin: Origin = Origin.STRATEGY,
    ) -> None:
        self.trigger: Decimal | None = None
        self.trail_bps = 0
        self.replaces: ClientOrderId | None = None
        self.strategy = strategy
        self.instrument = instrument
        self.side = side
        self.type = type
        self.qty = money.canonical(qty)
        self.price = money.canonical(price)
        self.origin = origin


def unrest(work: Work, owner: Owner) -> None:
    """Cancel what rests for a target that is not followed any more."""
    for order in list(work.state.orders.live.values()):
        intent = order.intent
        rests = intent.origin is Origin.TARGET and intent.type is OrderType.POST_ONLY
        if rests and (intent.strategy, intent.instrument) == owner and not order.cancel_asked:
            cancel(work, order, why="target")


def cancel(work: Work, order: Order, why: str) -> None:
    """Ask for an order's end. The cancel does not wait for the journal; its record follows."""
    client_id = order.intent.client_id
    if not order.cancel_asked:
        work.record(CancelAsked(client_id=client_id, why=why))
    sent = work.views.cancels_sent.get(client_id, Asked())
    work.views.cancels_sent[client_id] = sent.again(work.mono)
    work.decision.at_once.append(SendCancel(intent=order.intent))


def sized(work: Work, strategy: StrategyId, instrument: InstrumentId, qty: Decimal) -> Decimal:
    """The most of `qty` that one order may be, by the limit and the venue, on its grid. What is to be closed
    beyond it goes out in slices."""
    rules = work.settings.instruments[instrument]
    size_max = work.limits(strategy, instrument).order_qty_max
    return rules.qty_down(min(qty, max(size_max, rules.qty_min), rules.qty_max))


def submit(work: Work, wish: Wish) -> Intent | Refused:
    """Judge a wish; when approved it is recorded, reserved, and leaves once durable."""
    return _submit(work, [wish])


def submit_pair(work: Work, wish: Wish, other: Wish) -> Intent | Refused:
    """The same for two orders of which the venue lets only one trade: judged as one, sent as one."""
    return _submit(work, [wish, other])


def replace(work: Work, old: Order, wish: Wish, why: str) -> Intent | Refused:
    """The same for one that takes the place of `old`, which the same request ends: both are counted until the
    venue's word is final. A refusal asks for nobody's end."""
    client_id = wish.replaces = old.intent.client_id
    result = _submit(work, [wish])
    if isinstance(result, Intent):
        work.record(CancelAsked(client_id=client_id, why=why))
        work.views.cancels_sent[client_id] = Asked().again(work.mono)
    return result


def _submit(work: Work, wishes: list[Wish]) -> Intent | Refused:
    wish = wishes[0]
    ends = ends_by(work)
    if ends <= work.now:
        return refused_by(work, Refused(rule="lease", limit="a lease that is held", value="none"))
    deadline = Wall(ends + work.moment.ahead_ns.get(venue_of(wish.instrument), 0))
    seen = work.quote(wish.instrument)
    looked = view(work, wish, seen)
    ids = [_next_id(work, ahead) for ahead in range(len(wishes))]
    intents = [
        _intent(work, wish, client_id, deadline, seen, looked)
        for wish, client_id in zip(wishes, ids, strict=True)
    ]
    if len(ids) > 1:
        first, second = intents
        intents = [
            msgspec.structs.replace(first, other=second.client_id),
            msgspec.structs.replace(second, other=first.client_id),
        ]
    intent = intents[0]
    verdict = check(intent, work.limits(wish.strategy, wish.instrument), looked)
    if isinstance(verdict, Refused):
        return refused_by(work, verdict)
    remember(work, wish)
    for one in intents:
        work.record(Intended(intent=one))
    other = intents[1] if len(intents) > 1 else None
    work.decision.after.append(SendOrder(approved=verdict, other=other))
    work.decision.after.append(Weigh(intent=intent, view=looked))
    return intent


def _intent(
    work: Work,
    wish: Wish,
    client_id: ClientOrderId,
    deadline: Wall,
    seen: tuple[Quote, int] | None,
    looked: View,
) -> Intent:
    return Intent(
        client_id=client_id,
        strategy=wish.strategy,
        instrument=wish.instrument,
        side=wish.side,
        type=wish.type,
        qty=wish.qty,
        price=wish.price,
        deadline=deadline,
        origin=wish.origin,
        inputs=None if seen is None else inputs_of(work, *seen, looked),
        trigger=wish.trigger,
        trail_bps=wish.trail_bps,
        replaces=wish.replaces,
        reduce_only=looked.instrument.contract
        and (wish.origin is Origin.PROTECT or reduces(wish.side, wish.qty, looked)),
    )


def inputs_of(work: Work, quote: Quote, age_ns: int, looked: View) -> Inputs:
    """What a decision looked at, for the journal."""
    seen, contract = looked.whole, looked.instrument.contract
    others = beside(work, looked.instrument) if contract else {}
    return Inputs(
        bid=money.canonical(quote.bid),
        ask=money.canonical(quote.ask),
        age_ns=age_ns,
        gross_elsewhere=_canonical(looked.gross_elsewhere),
        asks=others if seen is None else asks(seen) | others,
        free=looked.available_quote if contract else None,
        margin=None if seen is None else _canonical(seen.margin),
        equity=None if seen is None else _canonical(seen.equity),
    )


def _canonical(value: Decimal | None) -> Decimal | None:
    return None if value is None else money.canonical(value)


def _free(work: Work, wish: Wish, asset: str) -> Decimal:
    """What it may take of an asset: what is held by the order whose place it takes is free again by then."""
    free = work.state.funds.available(asset)
    hold = None if wish.replaces is None else work.state.funds.holds.get(wish.replaces)
    return money.add(free, hold.amount) if hold is not None and hold.asset == asset else free


def refused_by(work: Work, refused: Refused) -> Refused:
    """Count a refusal by its rule."""
    refusals = work.views.refusals
    refusals[refused.rule] = refusals.get(refused.rule, 0) + 1
    return refused


def view(work: Work, wish: Wish, seen: tuple[Quote, int] | None) -> View:
    """What the gate needs to know to judge `wish`."""
    state, instrument = work.state, work.settings.instruments[wish.instrument]
    exposure, contract = state.exposure(wish.instrument), instrument.contract
    held = net_position(work, wish.instrument)
    same = work.views.same.get(same_order(wish))
    mode = state.ladder.mode(*scopes(wish.strategy, wish.instrument))
    reducing = REDUCING.get(wish.origin, Action.REDUCE)
    bound = work.binding(wish.strategy, wish.instrument)
    return View(
        instrument=instrument,
        position=held,
        buying=exposure.buying,
        selling=exposure.selling,
        closing=exposure.closing(held),
        gross_elsewhere=gross(work, without=wish.instrument),
        open_orders=len(state.orders.live),
        orders_last_second=state.orders_last_second(work.now),
        same_order_age_ns=None if same is None else work.mono - same,
        bid=seen[0].bid if seen else wish.price,
        ask=seen[0].ask if seen else wish.price,
        quote_age_ns=seen[1] if seen else None,
        available_base=ZERO if contract else _free(work, wish, instrument.base),
        available_quote=free_margin(work, instrument)
        if contract
        else _free(work, wish, instrument.quote),
        may_add_risk=Action.NEW_RISK in ALLOWED[mode],
        may_reduce=reducing in ALLOWED[mode],
        mode=NAMES[mode],
        whole=whole(work, bound, wish.strategy, wish.instrument, wish) if bound.caps else None,
        leverage=leverage(work, instrument.id),
    )


def net_position(work: Work, instrument: InstrumentId) -> Decimal:
    """What the account holds above (or below) the baseline; fills without a known trade included."""
    return work.state.net(instrument)


def worst(work: Work, instrument: InstrumentId) -> Decimal:
    """The largest distance from flat that open orders may still bring."""
    exposure = work.state.exposure(instrument)
    net = net_position(work, instrument)
    return max(
        money.magnitude(exposure.worst_long(net)), money.magnitude(exposure.worst_short(net))
    )


def gross(work: Work, without: InstrumentId | None = None) -> Decimal | None:
    """The worst case of the (other) instruments in quote, at their last ask; None when it cannot be valued."""
    value = ZERO
    for instrument in work.settings.instruments:
        if instrument == without:
            continue
        exposed = worst(work, instrument)
        quote = work.views.quotes.get(instrument)
        if quote is not None:
            value = money.add(value, money.notional(quote.ask, exposed))
        elif exposed != 0:
            return None
    return value


def _next_id(work: Work, ahead: int = 0) -> ClientOrderId:
    """The id of the order whose record comes `ahead` slots after the next one."""
    state = work.state
    front = order_id_front(work.settings.code, state.nonce, state.epoch)
    return order_id(front, Seq(work.next_seq() + ahead), attempt=0)


def ends_by(work: Work) -> Wall:
    """When the venue must refuse the order, on the desk's clock: soon, and never past the lease."""
    moment = work.moment
    lease_ends = moment.wall_at(moment.lease_until)
    return min(Wall(moment.wall + work.settings.order_ttl_ns), lease_ends)


def same_order(wish: Wish) -> SameOrder:
    """What two orders of the duplicate window have in common."""
    return (wish.strategy, wish.instrument, wish.side, wish.type, wish.qty, wish.price)


def remember(work: Work, wish: Wish) -> None:
    """Keep it for the duplicate window."""
    same = work.views.same
    key = same_order(wish)
    same.pop(key, None)
    same[key] = work.mono
    if len(same) > SAME_KEPT_MAX:
        same.pop(next(iter(same)))
