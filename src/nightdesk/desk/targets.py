"""Getting to a declared target, level-triggered: look at where we are, do one thing, look again.

Nothing is sent while anything about the instrument is unsure (an unknown order, a cancel that may still
fill, fills without known trades), so a repeated signal or a restart cannot double a position.
"""

from decimal import Decimal

from nightdesk.desk.placing import Wish, submit
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
from nightdesk.risk.gate import Refused

RETRY_NS = 500 * MS_NS  # after a refusal or an order that found nobody


def converge(work: Work, instrument: InstrumentId) -> None:
    """One step for every strategy that has a target here."""
    if not work.state.targets or not work.views.trading:
        return
    for (strategy, of), target in list(work.state.targets.items()):
        if of == instrument and not target.suspended and strategy in work.settings.strategies:
            _step(work, strategy, instrument, target)


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
    assert strategy != OPERATOR
    key = (strategy, instrument)
    if work.now < work.views.not_before.get(key, 0):
        return
    rules = work.settings.instruments[instrument]
    position = work.state.position(strategy, instrument)
    gap = money.subtract(target.qty, position.qty)
    if not gap:
        return
    side = Side.BUY if gap > 0 else Side.SELL
    qty = rules.qty_down(min(abs(gap), work.limits(strategy, instrument).order_qty_max))
    if qty < rules.qty_min:
        return
    seen = work.quote(instrument)
    if seen is None or not sure(work, strategy, instrument):
        return
    held = money.magnitude(position.qty)
    if side.sign * position.qty < 0 and money.add(min(qty, held), work.state.guarded(key)) > held:
        return  # what protects the position holds it: the protection makes room first
    price = crossing(rules, seen[0], side, work.settings.slippage_bps)
    if money.notional(price, qty) < rules.notional_min:
        return
    work.views.not_before[key] = Wall(work.now + RETRY_NS)
    wish = Wish(strategy, instrument, side, OrderType.IOC, qty, price, Origin.TARGET)
    result = submit(work, wish)
    if isinstance(result, Refused):
        work.note("info", "target.refused", strategy=strategy, rule=result.rule, why=result)
