"""What is used of each limit: now, and the worst that was ever allowed."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from nightdesk.desk import losses
from nightdesk.desk.limiting import loss_limits
from nightdesk.desk.placing import gross, worst
from nightdesk.desk.settings import OPERATOR
from nightdesk.desk.views import Views
from nightdesk.desk.whole import whole
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import StrategyId
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent
from nightdesk.risk.caps import Cap, Of
from nightdesk.risk.gate import worst_with
from nightdesk.risk.limits import View
from nightdesk.risk.losses import LossLimits

# Limits of a strategy that it has one of each: of what.
_EACH: dict[str, Callable[[Instrument], str]] = {
    "position_max": lambda instrument: instrument.id,
    "asset_max": lambda instrument: instrument.base,
    "margin_use_max": lambda instrument: instrument.paid_in,
}


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: its maximum, what is used of it now (None where only an order can tell, or a price is
    missing), and the worst that was allowed in this life."""

    limit: str
    now: Decimal | None
    worst: Decimal
    maximum: Decimal


def weigh(views: Views, intent: Intent, view: View) -> None:
    """Keep the worst that was ever allowed of each limit, for its report; off the way to the wire."""
    of, worst_here = intent.instrument, worst_with(intent, view)
    here = money.notional(max(intent.price, view.ask), worst_here)
    measured = {
        f"position {of}": worst_here,
        f"order_qty {of}": intent.qty,
        f"order_notional {of}": money.notional(intent.price, intent.qty),
        "gross": money.add(here, view.gross_elsewhere or ZERO),
        "open_orders": Decimal(view.open_orders + 1),
        "orders_per_second": Decimal(view.orders_last_second + 1),
    }
    if view.whole is not None:
        for cap in view.whole.caps:
            number = cap.measure(view.whole)
            if number is not None:
                measured[_name(cap, intent.strategy, view.instrument)] = Decimal(number)
    for limit, value in measured.items():
        views.worst[limit] = max(views.worst.get(limit, ZERO), value)


def uses(work: Work) -> Iterator[Use]:
    """Every limit that is set, as its mode has it now."""
    rows: dict[str, tuple[Decimal | None, Decimal]] = {}
    desk = work.limits(OPERATOR, next(iter(work.settings.instruments)))
    for instrument in work.settings.instruments:
        limits = work.limits(OPERATOR, instrument)
        rows |= {
            f"position {instrument}": (worst(work, instrument), limits.position_max),
            f"order_qty {instrument}": (None, limits.order_qty_max),
            f"order_notional {instrument}": (None, limits.order_notional_max),
        }
    second = Decimal(work.state.orders_last_second(work.now))
    rows |= {
        "gross": (gross(work), desk.gross_max),
        "open_orders": (Decimal(len(work.state.orders.live)), Decimal(desk.open_orders_max)),
        "orders_per_second": (second, Decimal(desk.orders_per_second_max)),
    }
    rows |= _optional(work)
    worst_of = work.views.worst
    for name, (now, maximum) in rows.items():
        told = None if now is None else money.shown(now)
        allowed = money.shown(worst_of.get(name, ZERO))
        yield Use(limit=name, now=told, worst=allowed, maximum=maximum)
    for scope, most in loss_limits(work.settings, work.state.limits_set):
        yield from _lost(work, scope, most)


def _optional(work: Work) -> dict[str, tuple[Decimal | None, Decimal]]:
    """Those that may be set or not, each once."""
    rows: dict[str, tuple[Decimal | None, Decimal]] = {}
    pairs = [(OPERATOR, instrument) for instrument in work.settings.instruments]
    pairs += [(s.name, i) for s in work.settings.strategies.values() for i in s.instruments]
    for strategy, instrument in pairs:
        bound = work.binding(strategy, instrument)
        if not bound.caps:
            continue
        found = whole(work, bound, strategy, instrument)
        for cap in bound.caps:
            name = _name(cap, strategy, work.settings.instruments[instrument])
            number, most = cap.measure(found), cap.most(bound.limits)
            assert most is not None, f"{name} is in force"
            used = None if number is None else Decimal(number)
            before, most = rows.get(name, (used, Decimal(most)))
            # A desk's is measured once an instrument: the one that uses most of it is told.
            unknown = used is None or before is None
            rows[name] = (None if unknown else max(used, before), most)  # type: ignore[type-var]  # neither is None
    return rows


def _lost(work: Work, scope: str, limits: LossLimits) -> Iterator[Use]:
    """What a scope has lost; the worst is what is lost now, since nothing is allowed beyond it."""
    lost = losses.told(work, scope)
    rows: list[tuple[str, Decimal | None, Decimal | int | None]] = [
        ("loss_day", None if lost is None else lost.day, limits.day_max),
        ("drawdown", None if lost is None else lost.drawdown, limits.drawdown_max),
        ("losing_exits", Decimal(work.state.losing_exits(scope)), limits.losing_exits_max),
    ]
    for name, used, maximum in rows:
        if maximum is not None:
            now = None if used is None else money.shown(used)
            most = Decimal(maximum)
            yield Use(limit=f"{name} {scope}", now=now, worst=now or ZERO, maximum=most)


def _name(cap: Cap, strategy: StrategyId, instrument: Instrument) -> str:
    """The rule, and whose it is."""
    match cap.of:
        case Of.INSTRUMENT:
            return f"{cap.rule} {instrument.id}"
        case Of.ASSET:
            return f"{cap.rule} {instrument.base}"
        case Of.STRATEGY if cap.limit in _EACH:
            return f"{cap.rule} {strategy} {_EACH[cap.limit](instrument)}"
        case Of.STRATEGY:
            return f"{cap.rule} {strategy}"
        case Of.WALLET:
            return f"{cap.rule} {instrument.paid_in}"
        case Of.DESK | Of.CONTRACTS:
            return cap.rule
