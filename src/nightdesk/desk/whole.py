"""The whole desk as the caps in force look at it, with an order that is not there yet or as it is."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from nightdesk.desk.margin import equity, leverage, margin_balance
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.order import Side
from nightdesk.orders.traffic import cancels_of, fills_of, orders_of
from nightdesk.risk.caps import Binding, Look, Part, Whole

_BUY = Side.BUY  # a member is looked up slowly
_NONE: Mapping[Look, int] = {}


class Joins(Protocol):
    """What is looked at of an order that is not there yet."""

    side: Side
    qty: Decimal
    price: Decimal


def whole(
    work: Work,
    bound: Binding,
    strategy: StrategyId,
    instrument: InstrumentId,
    joins: Joins | None = None,
) -> Whole:
    """What the caps of `bound` look at for an order of `strategy` here; `joins` is that order."""
    every, alone = work.settings.instruments, (instrument,)
    desk = every if bound.everywhere else alone if bound.here else ()
    mine = every if bound.own_everywhere else alone if bound.own else ()
    parts, own = {}, {}
    for each in desk:
        parts[each] = _part(work, each, joins if each == instrument else None)
    for each in mine:
        own[each] = _own_part(work, strategy, each, joins if each == instrument else None)
    return Whole(
        caps=bound.caps,
        here=instrument,
        joins=0 if joins is None else 1,
        floor=bound.limits.concentration_floor,
        parts=parts,
        own=own,
        counts={look: _COUNTS[look](work, strategy, instrument) for look in bound.counts}
        if bound.counts
        else _NONE,
        margin=margin_balance(work, work.settings.instruments[instrument].paid_in)
        if bound.margin
        else None,
        equity=equity(work) if bound.equity else None,
    )


def asks(found: Whole) -> dict[InstrumentId, Decimal]:
    """At which prices the other exposed instruments were valued, for the journal."""
    return {
        each: money.canonical(part.ask)
        for parts in (found.parts, found.own)
        for each, part in parts.items()
        if each != found.here and part.ask is not None and part.worst != 0
    }


def _part(work: Work, instrument: InstrumentId, joins: Joins | None) -> Part:
    exposure = work.state.exposure(instrument)
    held = work.state.net(instrument)
    back, out = exposure.closing(held)
    buying, selling = money.add(exposure.buying, back), money.add(exposure.selling, out)
    return _valued(work, instrument, held, buying, selling, joins)


def _own_part(
    work: Work, strategy: StrategyId, instrument: InstrumentId, joins: Joins | None
) -> Part:
    held = work.state.position(strategy, instrument).qty
    buying, selling = work.state.exposure(instrument).of(strategy, held)
    return _valued(work, instrument, held, buying, selling, joins)


def _valued(
    work: Work,
    instrument: InstrumentId,
    held: Decimal,
    buying: Decimal,
    selling: Decimal,
    joins: Joins | None,
) -> Part:
    """With the order, where it joins here: then valued at its price or the market's, whichever is dearer."""
    rules = work.settings.instruments[instrument]
    wallet, times = (rules.paid_in, leverage(work, instrument)) if rules.contract else ("", 0)
    if joins is None:
        quote = work.views.quotes.get(instrument)
        ask = None if quote is None else quote.ask
        return Part(rules.base, ask, held, buying, selling, wallet, times)
    if joins.side is _BUY:
        buying = money.add(buying, joins.qty)
    else:
        selling = money.add(selling, joins.qty)
    seen = work.quote(instrument)
    ask = joins.price if seen is None else max(joins.price, seen[0].ask)
    return Part(rules.base, ask, held, buying, selling, wallet, times)


def _open_here(work: Work, _: StrategyId, instrument: InstrumentId) -> int:
    return sum(1 for o in work.state.orders.live.values() if o.intent.instrument == instrument)


def _open_own(work: Work, strategy: StrategyId, _: InstrumentId) -> int:
    return sum(1 for o in work.state.orders.live.values() if o.intent.strategy == strategy)


def _second(work: Work, key: str) -> int:
    return work.state.traffic.second.count(key, work.now)


def _minute(work: Work, key: str) -> int:
    return work.state.traffic.minute.count(key, work.now)


_COUNTS: dict[Look, Callable[[Work, StrategyId, InstrumentId], int]] = {
    Look.OPEN_HERE: _open_here,
    Look.OPEN_OWN: _open_own,
    Look.OWN_ORDERS_SECOND: lambda work, strategy, _: _second(work, orders_of(strategy)),
    Look.CANCELS_SECOND: lambda work, _, here: _second(work, cancels_of(here)),
    Look.CANCELS_MINUTE: lambda work, _, here: _minute(work, cancels_of(here)),
    Look.ORDERS_MINUTE: lambda work, _, here: _minute(work, orders_of(here)),
    Look.FILLS_MINUTE: lambda work, _, here: _minute(work, fills_of(here)),
    Look.DESK_ORDERS_MINUTE: lambda work, _, __: _minute(work, orders_of("")),
    Look.MESSAGES_SECOND: lambda work, _, __: (
        _second(work, orders_of("")) + _second(work, cancels_of(""))
    ),
    Look.MESSAGES_MINUTE: lambda work, _, __: (
        _minute(work, orders_of("")) + _minute(work, cancels_of(""))
    ),
}
