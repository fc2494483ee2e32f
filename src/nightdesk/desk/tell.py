"""What strategies hear of their orders and positions."""

from nightdesk.desk.events import Effect, Tell
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.state import DeskState
from nightdesk.desk.views import Views
from nightdesk.model.bars import Bar
from nightdesk.model.ids import StrategyId
from nightdesk.model.mode import Mode
from nightdesk.model.order import Execution
from nightdesk.model.time import Wall
from nightdesk.modes.ladder import scopes
from nightdesk.orders.book import Change, Order
from nightdesk.portfolio.position import Position
from nightdesk.strategy.messages import (
    Fill,
    Filled,
    Holding,
    ModeChanged,
    OrderChanged,
    OrderView,
    Started,
)


def view_of(order: Order, views: Views) -> OrderView:
    """An order the way its strategy sees it."""
    intent = order.intent
    return OrderView(
        ref=views.ref(intent.client_id),
        client_id=intent.client_id,
        instrument=intent.instrument,
        side=intent.side,
        type=intent.type,
        price=intent.price,
        qty=intent.qty,
        filled=order.filled,
        state=order.state,
        live=order.live,
        reason=order.reason,
    )


def order_changed(
    state: DeskState, views: Views, settings: DeskSettings, change: Change, now: Wall
) -> list[Effect]:
    """Tell the owner; an ended order's names are forgotten afterwards."""
    intent = change.order.intent
    position = state.position(intent.strategy, intent.instrument).qty
    message = OrderChanged(at=now, order=view_of(change.order, views), position=position)
    if not change.order.live:
        views.forget(intent.strategy, intent.client_id)
    if intent.strategy not in settings.strategies:
        return []
    return [Tell(strategy=intent.strategy, message=message)]


def executed(
    state: DeskState, settings: DeskSettings, execution: Execution, ref: str, now: Wall
) -> list[Effect]:
    """Tell the owner of one trade; `ref` as it was before the trade may have ended the order."""
    order = state.orders.get(execution.client_id)
    if order is None or order.intent.strategy not in settings.strategies:
        return []
    strategy = order.intent.strategy
    fill = Fill(
        ref=ref,
        instrument=execution.instrument,
        side=execution.side,
        price=execution.price,
        qty=execution.qty,
        fee=execution.fee,
        fee_asset=execution.fee_asset,
        maker=execution.maker,
    )
    held = state.position(strategy, execution.instrument)
    message = Filled(at=now, fill=fill, position=held.qty, holding=holding_of(held))
    return [Tell(strategy=strategy, message=message)]


def holding_of(position: Position) -> Holding:
    """What its strategy needs to know to value a position."""
    return Holding(priced=position.priced, cost=position.cost, earned=position.earned)


def modes(state: DeskState, views: Views, settings: DeskSettings, now: Wall) -> list[Effect]:
    """Tell each strategy which of its instruments are in another mode than it was told last."""
    told: list[Effect] = []
    for strategy in settings.strategies.values():
        for instrument in strategy.instruments:
            key = (strategy.name, instrument)
            mode = state.ladder.mode(*scopes(*key))
            if mode is not views.mode_told.get(key, Mode.NORMAL):
                views.mode_told[key] = mode
                message = ModeChanged(at=now, instrument=instrument, mode=mode)
                told.append(Tell(strategy=strategy.name, message=message))
    return told


def started(
    state: DeskState,
    views: Views,
    settings: DeskSettings,
    strategy: StrategyId,
    now: Wall,
    history: tuple[Bar, ...] = (),
) -> Started:
    """What a strategy is told first; `history` is of the bars it declared."""
    of = settings.strategies[strategy].instruments
    modes = {instrument: state.ladder.mode(*scopes(strategy, instrument)) for instrument in of}
    views.mode_told.update({(strategy, instrument): mode for instrument, mode in modes.items()})
    return Started(
        modes=modes,
        history=history,
        at=now,
        positions={i: p.qty for (s, i), p in state.positions.items() if s == strategy},
        holdings={i: holding_of(p) for (s, i), p in state.positions.items() if s == strategy},
        orders=tuple(
            view_of(order, views)
            for order in state.orders.live.values()
            if order.intent.strategy == strategy
        ),
    )
