"""What a strategy wishes, in order: orders, cancels, targets, protections; exits in slices."""

from decimal import Decimal

from nightdesk.desk.declaring import declare
from nightdesk.desk.events import Tell
from nightdesk.desk.placing import Wish, cancel, sized, submit, unrest, view
from nightdesk.desk.protection import on_grid, side_of
from nightdesk.desk.views import Views
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId, StrategyId
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side
from nightdesk.model.records import ProtectionSet, StrategyKept
from nightdesk.modes.ladder import strategy_scope
from nightdesk.risk.gate import Refused, reduces
from nightdesk.strategy.messages import (
    TRAIL_BPS_MAX,
    TRAIL_BPS_MIN,
    Cancel,
    Place,
    Proposal,
    Protect,
    Refusal,
    Target,
)

SLICES_MAX = 20  # orders of one exit: a decision is one append


def take(work: Work, strategy: StrategyId, proposal: Proposal) -> None:
    """A strategy's wishes, in order; its new state goes into the same append."""
    if proposal.crash:
        scope = strategy_scope(strategy)
        work.set_mode(scope, "crash", Mode.REDUCE_ONLY, by="desk", why=proposal.crash)
        return
    if not work.views.trading:
        return  # the desk is stopping: what was wished in the last moment is not done any more
    if proposal.state is not None:
        work.record(
            StrategyKept(strategy=strategy, body=proposal.state, version=proposal.state_version)
        )
    for action in proposal.actions:
        match action:
            case Place():
                _place(work, strategy, action)
            case Cancel(ref=ref):
                _cancel(work, strategy, ref)
            case Target():
                declare(work, strategy, action)
                if action.qty is None:
                    unrest(work, (strategy, action.instrument))
            case Protect():
                _protect(work, strategy, action)


def _protect(work: Work, strategy: StrategyId, wish: Protect) -> None:
    instrument, own = wish.instrument, work.settings.strategies[strategy].instruments
    rules = work.settings.instruments[instrument] if instrument in own else None
    prices = [price for price in (wish.stop, wish.take_profit) if price is not None]
    why = ""
    if rules is None:
        why = f"{instrument} is not its own"
    elif not all(money.is_amount(price) and price >= rules.tick for price in prices):
        why = f"prices of a tick ({rules.tick}) or more, not {', '.join(map(repr, prices))}"
    elif wish.trail_bps and not TRAIL_BPS_MIN <= wish.trail_bps <= TRAIL_BPS_MAX:
        why = f"trail_bps {wish.trail_bps} is outside {TRAIL_BPS_MIN} to {TRAIL_BPS_MAX}"
    elif wish.trail_bps and wish.stop is not None:
        why = "a stop or a trailing stop, not both"
    if why or rules is None:
        work.note("warning", "protection.refused", strategy=strategy, why=why)
        return
    wanted = ProtectionSet(
        strategy=strategy,
        instrument=instrument,
        stop=on_grid(rules, wish.stop, stops=True),
        take_profit=on_grid(rules, wish.take_profit, stops=False),
        trail_bps=wish.trail_bps,
        side=side_of(work.state.position(strategy, instrument).qty, rules.qty_min),
    )
    have = work.state.protections.get((strategy, instrument))
    if have is None or not have.says(wanted):  # declared again it is the same one
        work.record(wanted)


def _place(work: Work, strategy: StrategyId, place: Place) -> None:
    settings = work.settings.strategies[strategy]
    if place.instrument not in settings.instruments:
        refused = Refused(rule="instrument", limit="its own instruments", value=place.instrument)
    elif not _orderly(place):
        refused = Refused(
            rule="numbers", limit="amounts above zero", value=f"{place.qty!r} at {place.price!r}"
        )
    else:
        _submit_named(work, strategy, place)
        return
    _tell_refused(work, strategy, place.ref, refused)


def _submit_named(work: Work, strategy: StrategyId, place: Place) -> None:
    """An order, or the slices of an exit that is more than one order may be: "ref", "ref/2", "ref/3"."""
    left, ref = place.qty, place.ref
    size = _slice(work, strategy, place)
    for number in range(1, SLICES_MAX + 1):
        if number > 1:
            ref = f"{place.ref}/{number}"
            work.views.sliced.add((strategy, place.ref))
        qty = min(left, size)
        wish = Wish(strategy, place.instrument, place.side, place.type, qty, place.price)
        result = submit(work, wish)
        if isinstance(result, Refused):
            _tell_refused(work, strategy, ref, result)
            return
        work.views.ref_of[result.client_id] = ref
        work.views.id_of[strategy, ref] = result.client_id
        left = money.subtract(left, qty)
        if not left:
            return
    rest = Refused(rule="slices", limit=f"{SLICES_MAX} orders", value=f"{left} more")
    _tell_refused(work, strategy, f"{place.ref}/{SLICES_MAX + 1}", rest)


def _slice(work: Work, strategy: StrategyId, place: Place) -> Decimal:
    """How much of it goes into one order: all of it, unless it is too large an exit."""
    size = sized(work, strategy, place.instrument, place.qty)
    if place.qty <= size or size <= 0 or place.type is OrderType.FOK:
        return place.qty
    wish = Wish(strategy, place.instrument, place.side, place.type, place.qty, place.price)
    exits = reduces(place.side, place.qty, view(work, wish, work.quote(place.instrument)))
    return size if exits else place.qty


def _cancel(work: Work, strategy: StrategyId, ref: str) -> None:
    for client_id in _named(work.views, strategy, ref):
        order = work.state.orders.live.get(client_id)
        if order is None or order.intent.strategy != strategy:
            continue
        if not order.cancel_asked:  # what was asked once is repeated by the watch
            cancel(work, order, why="strategy")


def _named(views: Views, strategy: StrategyId, ref: str) -> list[ClientOrderId]:
    """Every order that a strategy calls so: after a start, by its client id; several where it was sliced."""
    named = [views.id_of.get((strategy, ref), ClientOrderId(ref))]
    if (strategy, ref) in views.sliced:
        begins = f"{ref}/"
        more = [i for (s, r), i in views.id_of.items() if s == strategy and r.startswith(begins)]
        if not more:
            views.sliced.discard((strategy, ref))
        named += more
    return named


def _tell_refused(work: Work, strategy: StrategyId, ref: str, refused: Refused) -> None:
    message = Refusal(at=work.now, ref=ref, rule=refused.rule, text=str(refused))
    work.decision.at_once.append(Tell(strategy=strategy, message=message))
    work.note("info", "order.refused", strategy=strategy, rule=refused.rule, why=refused)


def _orderly(place: Place) -> bool:
    """Whether a wish from outside this process can be an order at all."""
    kinds: tuple[tuple[object, type], ...] = ((place.side, Side), (place.type, OrderType))
    numbers = (place.qty, place.price)
    if place.type in OrderType and place.type.conditional:
        return False  # what waits at the venue is declared as a protection
    return all(isinstance(value, kind) for value, kind in kinds) and all(
        money.is_amount(number) and number > 0 for number in numbers
    )
