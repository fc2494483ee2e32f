"""Getting to a declared target, level-triggered: look at where we are, do one thing, look again.

Nothing is sent while anything about the instrument is unsure (an unknown order, a cancel that may still
fill, fills without known trades), so a repeated signal or a restart cannot double a position.
"""

from collections.abc import Collection, Iterator
from decimal import Decimal

from nightdesk.desk import attempts
from nightdesk.desk.amending import amend, movable
from nightdesk.desk.attempts import RETRY_NS
from nightdesk.desk.placing import Wish, cancel, sized, submit, unrest, view
from nightdesk.desk.settings import OPERATOR
from nightdesk.desk.state import Owner
from nightdesk.desk.target import TargetState
from nightdesk.desk.views import Trying
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.money import ZERO
from nightdesk.model.order import OrderType, Origin, Side, Urgency
from nightdesk.model.records import TargetSet
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono, Wall
from nightdesk.orders.book import Order
from nightdesk.risk import caps
from nightdesk.risk.gate import Refused, reduces

# A resting order is not moved sooner: where its cancel must be final first, each move costs several seconds.
FOLLOW_NS = SECOND_NS
# Refusals that time alone ends; the others last until something happens, which is when a target is tried again.
PASSING = caps.PASSING | {"order_rate", "duplicate", "lease"}


def converge(work: Work, instrument: InstrumentId) -> None:
    """One step for every strategy that has a target here."""
    if not work.state.targets or not work.views.trading:
        return
    for key, declared in list(work.state.targets.items()):
        target = _followed(work, *key)
        if key[1] == instrument and target is not None:
            _step(work, *key, target)
        elif key[1] == instrument and declared.suspended:
            unrest(work, key)


def tick(work: Work) -> None:
    """Go on where the market has not moved since a target was declared, or found less than it wanted."""
    for key in list(work.views.retry_from):
        target = _followed(work, *key)
        if target is not None and _retry_at(work, key) <= work.mono:
            _step(work, *key, target)
    for key, target, at in list(_moves(work)):
        if at <= work.mono:
            _step(work, *key, target)


def dues(work: Work) -> Iterator[Mono]:
    """When `tick` has something to do next, as long as nothing happens."""
    for key in work.views.retry_from:
        target = _followed(work, *key)
        if target is not None and _wish(work, *key, target) is not None:
            yield _retry_at(work, key)
    for _, _, at in _moves(work):
        yield at


def _moves(work: Work) -> Iterator[tuple[Owner, TargetState, Mono]]:
    """When time alone lets a target move: what rests may follow the market, or a slice begins."""
    for key in work.state.targets:
        target = _followed(work, *key)
        if target is None or (target.urgency is Urgency.TAKE and target.slice_qty is None):
            continue
        resting = _resting(work, key)
        if resting is not None:
            if not resting.cancel_asked and not _stays(work, resting, target):
                follows = work.moment.mono_at(Wall(resting.changed_at + FOLLOW_NS))
                yield key, target, max(follows, _not_before(work, key))
        elif target.slice_qty is not None:
            if _wish(work, *key, target) is not None:
                yield key, target, max(work.mono, _not_before(work, key))
            elif target.by(work.now) != target.qty:
                yield key, target, work.moment.mono_at(target.next_slice(work.now))


def _followed(work: Work, strategy: StrategyId, instrument: InstrumentId) -> TargetState | None:
    """The target, where the desk goes after it now."""
    target = work.state.targets.get((strategy, instrument))
    known = instrument in work.settings.instruments
    followed = work.views.trading and known and strategy in work.settings.strategies
    return target if target is not None and followed and not target.suspended else None


def _retry_at(work: Work, key: tuple[StrategyId, InstrumentId]) -> Mono:
    """A market that moves is answered when it does; one that stands, this long after it stood still."""
    soonest = Mono(work.views.moved.get(key[1], work.mono) + RETRY_NS)
    return max(work.views.retry_from[key], soonest, _not_before(work, key))


def _not_before(work: Work, key: Owner) -> Mono:
    """When the next order may leave: soon after the last one, later where that found nobody or was refused."""
    again = attempts.again_at(work, key, Trying.TARGET, (work.state.position(*key).qty,))
    return max(work.views.not_before.get(key, LONG_AGO), again)


def suspend(
    work: Work, instrument: InstrumentId, why: str, changed: Collection[StrategyId] = ()
) -> None:
    """Stop converging until each strategy declares a newer target: it did not order this change. Those whose
    positions `changed` hear it, whether they have a target or not."""
    deaf = set(changed) & work.settings.strategies.keys()
    for (strategy, of), target in list(work.state.targets.items()):
        if of == instrument and not target.suspended:
            work.record(TargetSet(strategy=strategy, instrument=of, qty=target.qty, suspended=why))
            work.suspended(strategy, of, why)
            deaf.discard(strategy)
    for strategy in sorted(deaf):
        work.suspended(strategy, instrument, why)


def crossing(instrument: Instrument, quote: Quote, side: Side, slippage_bps: Decimal) -> Decimal:
    """A limit price that trades now, and not much worse than the touch."""
    if side is Side.BUY:
        return instrument.price_up(money.shifted_bps(quote.ask, slippage_bps))
    return instrument.price_down(money.shifted_bps(quote.bid, -slippage_bps))


def sure(
    work: Work, strategy: StrategyId, instrument: InstrumentId, but: Order | None = None
) -> bool:
    """Whether everything about the strategy's orders here is final or resting and known, `but` for one."""
    if any(order.intent.instrument == instrument for order in work.state.orders.unknown()):
        return False
    for client_id in (*work.state.settling, *work.state.untraded):
        order = work.state.orders.get(client_id)
        owner = None if order is None else (order.intent.strategy, order.intent.instrument)
        if owner == (strategy, instrument) and order is not but:
            return False
    return not any(
        order.intent.strategy == strategy
        and order.intent.instrument == instrument
        and order.intent.origin in (Origin.TARGET, Origin.FLATTEN)
        and order is not but
        for order in work.state.orders.live.values()
    )


def _step(work: Work, strategy: StrategyId, instrument: InstrumentId, target: TargetState) -> None:
    key = (strategy, instrument)
    if work.mono < _not_before(work, key):
        return
    resting = _resting(work, key)
    if resting is not None:
        _tend(work, key, resting, target)
        return
    wish = _wish(work, strategy, instrument, target)
    if wish is None:
        return
    work.views.not_before[key] = work.views.retry_from[key] = Mono(work.mono + RETRY_NS)
    result = submit(work, wish)
    if isinstance(result, Refused):
        if result.rule not in PASSING:
            del work.views.retry_from[key]
        work.note("info", "target.refused", strategy=strategy, rule=result.rule, why=result)
    elif wish.type is OrderType.IOC:  # one that rests is refused because the market moves
        about = (work.state.position(*key).qty,)
        attempts.note(work, key, Trying.TARGET, about, [result.client_id])


def _tend(work: Work, key: Owner, order: Order, target: TargetState) -> None:
    """Let a resting order follow the market: in its place where that can be, else its end is asked for."""
    fresh, too_much = work.now < order.changed_at + FOLLOW_NS, _too_much(work, order, target)
    answered = order.amending is None or order.in_doubt
    if order.cancel_asked or (fresh and not (too_much and answered)):
        return
    if not _stays(work, order, target) and not _moved(work, key, order, target):
        cancel(work, order, why="target")


def _moved(work: Work, key: Owner, order: Order, target: TargetState) -> bool:
    """Whether a resting order was given other terms, or may be soon; as large as is missing now. What is too
    much, and could not be made less so, ends."""
    seen, rules = work.quote(key[1]), work.settings.instruments[key[1]]
    hurries = target.urgency is Urgency.TAKE
    if seen is None or hurries or not movable(work, order) or not sure(work, *key, but=order):
        return False
    if order.kept and _too_much(work, order, target):
        return False
    intent = order.intent
    gap = money.subtract(target.by(work.now), work.state.position(*key).qty)
    missing = max(gap if intent.side is Side.BUY else money.minus(gap), ZERO)
    most = missing if target.slice_qty is None else min(missing, target.slice_qty)
    qty = sized(work, *key, money.add(order.filled, most))
    price = _price(work, rules, seen[0], intent.side, target.urgency)
    if qty <= order.filled or money.notional(price, qty) < rules.notional_min:
        return False
    work.views.not_before[key] = Mono(work.mono + RETRY_NS)
    result = amend(work, order, qty, price, why="target")
    if isinstance(result, Refused):
        work.note("info", "target.refused", strategy=key[0], rule=result.rule, why=result)
        return result.rule in PASSING and not _too_much(work, order, target)
    return True


def _wish(
    work: Work, strategy: StrategyId, instrument: InstrumentId, target: TargetState
) -> Wish | None:
    """The order that brings the position nearer; None where nothing is missing or anything is unsure."""
    assert strategy != OPERATOR
    rules = work.settings.instruments[instrument]
    position = work.state.position(strategy, instrument)
    gap = money.subtract(target.by(work.now), position.qty)
    if not gap:
        return None
    side = Side.BUY if gap > 0 else Side.SELL
    most = abs(gap) if target.slice_qty is None else min(abs(gap), target.slice_qty)
    qty = sized(work, strategy, instrument, most)
    if qty < rules.qty_min:
        return None
    seen = work.quote(instrument)
    if seen is None or not sure(work, strategy, instrument):
        return None
    held = money.magnitude(position.qty)
    closes = side.sign * position.qty < 0 and not rules.contract  # there, exits only reduce
    if closes and money.add(min(qty, held), work.state.guarded((strategy, instrument))) > held:
        return None  # what protects the position holds it: the protection makes room first
    price = _price(work, rules, seen[0], side, target.urgency)
    kind = OrderType.IOC if target.urgency is Urgency.TAKE else OrderType.POST_ONLY
    wish = Wish(strategy, instrument, side, kind, qty, price, Origin.TARGET)
    if money.notional(price, qty) < rules.notional_min and not _only_reduces(work, wish, seen):
        return None
    return wish


def _only_reduces(work: Work, wish: Wish, seen: tuple[Quote, int]) -> bool:
    """Whether the venue will see to it that an order makes a contract's position smaller: it may be worth less
    than the least notional then (USD-M error -4164, "unless you choose reduce only", read 2026-11-22)."""
    contract = work.settings.instruments[wish.instrument].contract
    return contract and reduces(wish.side, wish.qty, view(work, wish, seen))


def _resting(work: Work, owner: Owner) -> Order | None:
    """The order that rests for a target, where there is one."""
    for order in work.state.orders.live.values():
        intent = order.intent
        rests = intent.origin is Origin.TARGET and intent.type is OrderType.POST_ONLY
        if rests and (intent.strategy, intent.instrument) == owner:
            return order
    return None


def _too_much(work: Work, order: Order, target: TargetState) -> bool:
    """Whether a resting order would lead beyond the target, or the other way."""
    intent = order.intent
    held = work.state.position(intent.strategy, intent.instrument).qty
    gap = money.subtract(target.by(work.now), held)
    return gap * intent.side.sign < order.remaining or target.urgency is Urgency.TAKE


def _stays(work: Work, order: Order, target: TargetState) -> bool:
    """Whether a resting order is still wanted, as large as it may be, at a price that is still meant: the one
    that it is on its way to."""
    if _too_much(work, order, target):
        return False
    intent = order.intent
    seen = work.quote(intent.instrument)
    if seen is None:
        return True
    rules = work.settings.instruments[intent.instrument]
    wanted = _price(work, rules, seen[0], intent.side, target.urgency)
    price = intent.price if order.amending is None else order.amending.price
    behind = (wanted - price) * intent.side.sign
    return behind <= (0 if target.urgency is Urgency.PASSIVE else rules.tick)


def _price(work: Work, rules: Instrument, quote: Quote, side: Side, urgency: Urgency) -> Decimal:
    """At what price to be there."""
    match urgency:
        case Urgency.TAKE:
            return crossing(rules, quote, side, work.settings.slippage_bps)
        case Urgency.PASSIVE:
            return quote.bid if side is Side.BUY else quote.ask
        case Urgency.MID:
            mid = money.half_way(quote.bid, quote.ask)
            return rules.price_down(mid) if side is Side.BUY else rules.price_up(mid)
