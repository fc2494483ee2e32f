"""Getting to a declared target, level-triggered: look at where we are, do one thing, look again.

Nothing is sent while anything about the instrument is unsure (an unknown order, a cancel that may still
fill, fills without known trades), so a repeated signal or a restart cannot double a position.
"""

from collections.abc import Iterator
from decimal import Decimal

from nightdesk.desk.placing import Wish, sized, submit
from nightdesk.desk.settings import OPERATOR
from nightdesk.desk.state import TargetState
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.model.records import TargetSet
from nightdesk.model.time import MS_NS, Wall
from nightdesk.risk import caps
from nightdesk.risk.gate import Refused

RETRY_NS = 500 * MS_NS  # after a refusal or an order that found nobody
# Refusals that time alone ends; the others last until something happens, which is when a target is tried again.
PASSING = caps.PASSING | {"order_rate", "duplicate", "lease"}


def converge(work: Work, instrument: InstrumentId) -> None:
    """One step for every strategy that has a target here."""
    if not work.state.targets or not work.views.trading:
        return
    for strategy, of in list(work.state.targets):
        target = _followed(work, strategy, of)
        if of == instrument and target is not None:
            _step(work, strategy, instrument, target)


def tick(work: Work) -> None:
    """Go on where the market has not moved since a target was declared, or found less than it wanted."""
    for key in list(work.views.retry_from):
        target = _followed(work, *key)
        if target is not None and _retry_at(work, key) <= work.now:
            _step(work, *key, target)


def dues(work: Work) -> Iterator[Wall]:
    """When `tick` has something to do next, as long as nothing happens."""
    for key in work.views.retry_from:
        target = _followed(work, *key)
        if target is not None and _wish(work, *key, target) is not None:
            yield _retry_at(work, key)


def _followed(work: Work, strategy: StrategyId, instrument: InstrumentId) -> TargetState | None:
    """The target, where the desk goes after it now."""
    target = work.state.targets.get((strategy, instrument))
    followed = work.views.trading and strategy in work.settings.strategies
    return target if target is not None and followed and not target.suspended else None


def _retry_at(work: Work, key: tuple[StrategyId, InstrumentId]) -> Wall:
    """A market that moves is answered when it does; one that stands, this long after it stood still."""
    stands_ns = work.moment.mono - work.views.moved.get(key[1], work.moment.mono)
    return max(work.views.retry_from[key], Wall(work.now - stands_ns + RETRY_NS))


def suspend(work: Work, instrument: InstrumentId, why: str) -> None:
    """Stop converging until each strategy declares a newer target: it did not order this change."""
    for (strategy, of), target in list(work.state.targets.items()):
        if of == instrument and not target.suspended:
            work.record(TargetSet(strategy=strategy, instrument=of, qty=target.qty, suspended=why))
            work.suspended(strategy, of, why)


def crossing(instrument: Instrument, quote: Quote, side: Side, slippage_bps: Decimal) -> Decimal:
    """A limit price that trades now, and not much worse than the touch."""
    if side is Side.BUY:
        return instrument.price_up(money.shifted_bps(quote.ask, slippage_bps))
    return instrument.price_down(money.shifted_bps(quote.bid, -slippage_bps))


def sure(work: Work, strategy: StrategyId, instrument: InstrumentId) -> bool:
    """Whether everything about the strategy's orders here is final or resting and known."""
    if any(order.intent.instrument == instrument for order in work.state.orders.unknown()):
        return False
    for client_id in (*work.state.settling, *work.state.untraded):
        order = work.state.orders.get(client_id)
        owner = None if order is None else (order.intent.strategy, order.intent.instrument)
        if owner == (strategy, instrument):
            return False
    return not any(
        order.intent.strategy == strategy
        and order.intent.instrument == instrument
        and order.intent.origin in (Origin.TARGET, Origin.FLATTEN)
        for order in work.state.orders.live.values()
    )


def _step(work: Work, strategy: StrategyId, instrument: InstrumentId, target: TargetState) -> None:
    key = (strategy, instrument)
    if work.now < work.views.not_before.get(key, 0):
        return
    wish = _wish(work, strategy, instrument, target)
    if wish is None:
        return
    work.views.not_before[key] = work.views.retry_from[key] = Wall(work.now + RETRY_NS)
    result = submit(work, wish)
    if isinstance(result, Refused):
        if result.rule not in PASSING:
            del work.views.retry_from[key]
        work.note("info", "target.refused", strategy=strategy, rule=result.rule, why=result)


def _wish(
    work: Work, strategy: StrategyId, instrument: InstrumentId, target: TargetState
) -> Wish | None:
    """The order that brings the position nearer; None where nothing is missing or anything is unsure."""
    assert strategy != OPERATOR
    rules = work.settings.instruments[instrument]
    position = work.state.position(strategy, instrument)
    gap = money.subtract(target.qty, position.qty)
    if not gap:
        return None
    side = Side.BUY if gap > 0 else Side.SELL
    qty = sized(work, strategy, instrument, abs(gap))
    if qty < rules.qty_min:
        return None
    seen = work.quote(instrument)
    if seen is None or not sure(work, strategy, instrument):
        return None
    held = money.magnitude(position.qty)
    closes = side.sign * position.qty < 0 and not rules.contract  # there, exits only reduce
    if closes and money.add(min(qty, held), work.state.guarded((strategy, instrument))) > held:
        return None  # what protects the position holds it: the protection makes room first
    price = crossing(rules, seen[0], side, work.settings.slippage_bps)
    if money.notional(price, qty) < rules.notional_min:
        return None
    return Wish(strategy, instrument, side, OrderType.IOC, qty, price, Origin.TARGET)
