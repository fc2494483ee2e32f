"""The verdict on one order. `Approved` is made here and nowhere else; the gateway takes nothing else.

An order that can only reduce the position (and cannot overshoot it, whatever else is open) passes everything
but what is physically impossible: the venue's filters and the balance. What reduces the desk's position and not
its strategy's own passes the desk's limits, and keeps those of the strategy; and the other way round.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin, Side
from nightdesk.risk.caps import Cap, Of, Whole
from nightdesk.risk.limits import Limits, View

# A member is looked up slowly.
_BUY, _SELL, _STRATEGY = Side.BUY, Side.SELL, Of.STRATEGY
_FLATTEN, _PROTECT = Origin.FLATTEN, Origin.PROTECT
_Numbers = tuple[
    bool, Any, Any
]  # whether the rule is kept, its limit, the value; as `_text` spells them


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """An intent that may leave once it is durable."""

    intent: Intent
    reduces: bool


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule said no, the limit, and the value that broke it."""

    rule: str
    limit: str
    value: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.value} against a limit of {self.limit}"


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's number beside its limit, as a verdict compared them."""

    rule: str
    limit: str
    value: str
    kept: bool


def check(intent: Intent, limits: Limits, view: View) -> Approved | Refused:
    """Judge `intent` as if everything that is open may still fill, or not, whichever is worse."""
    reducing = _reducing(intent, view)
    for name, rule in _rules(intent, view, reducing):
        kept, limit, value = rule(intent, limits, view)
        if not kept:
            return Refused(rule=name, limit=_limit_text(name, limit), value=_text(name, value))
    if view.whole is not None:
        for cap in _binding(intent, view.whole, reducing=reducing):
            number, most = cap.measure(view.whole), cap.most(limits)
            if number is None or number > most:  # type: ignore[operator]  # those in force have a limit
                return Refused(rule=cap.rule, limit=str(most), value=cap.text(number))
    return Approved(intent=intent, reduces=reducing)


def weigh(intent: Intent, limits: Limits, view: View) -> list[Weighed]:
    """Every number that `check` compares for `intent`, for people."""
    weighed, reducing = [], _reducing(intent, view)
    for name, rule in _rules(intent, view, reducing):
        kept, limit, value = rule(intent, limits, view)
        told = Weighed(
            rule=name, limit=_limit_text(name, limit), value=_text(name, value), kept=kept
        )
        weighed.append(told)
    if view.whole is None:
        return weighed
    for cap in _binding(intent, view.whole, reducing=reducing):
        most, number = cap.most(limits), cap.measure(view.whole)
        kept = number is not None and number <= most  # type: ignore[operator]  # those in force have a limit
        weighed.append(Weighed(rule=cap.rule, limit=str(most), value=cap.text(number), kept=kept))
    return weighed


def _rules(intent: Intent, view: View, reducing: bool) -> "tuple[tuple[str, _Rule], ...]":
    if reducing:
        return _PHYSICAL
    # It closes what its own strategy holds; where others hold the other side, the whole may still grow.
    protects = intent.origin is _PROTECT and view.may_reduce and view.may_add_risk
    return _PROTECTIVE if protects else _ALL


def _binding(intent: Intent, whole: Whole, *, reducing: bool) -> Sequence[Cap]:
    """The caps that this order has to keep; one that protects, only those that the whole may outgrow by it."""
    origin = intent.origin
    if origin is _PROTECT and not reducing:
        return [cap for cap in whole.caps if cap.rule in _EXPOSING]
    if not whole.own:
        return () if reducing else whole.caps
    # Whatever a strategy is held to, a flatten and a protection pass.
    free_own = origin is _FLATTEN or origin is _PROTECT or whole.reduces_own(intent.side)
    if not free_own and not reducing:
        return whole.caps
    return [cap for cap in whole.caps if not (free_own if cap.of is _STRATEGY else reducing)]


def _reducing(intent: Intent, view: View) -> bool:
    """Whether it can only reduce: by the numbers, or because the venue sees to it."""
    if intent.reduce_only and view.may_reduce:
        return True
    return reduces(intent.side, intent.qty, view)


def reduces(side: Side, qty: Decimal, view: View) -> bool:
    """Whether the order can only bring the position nearer to zero, all open orders considered."""
    if not view.may_reduce:
        return False
    if side is _SELL:
        return qty <= money.subtract(view.position, view.selling)
    return qty <= money.minus(money.add(view.position, view.buying))


def _mode(_: Intent, __: Limits, view: View) -> _Numbers:
    return view.may_add_risk, "new risk in NORMAL or CAUTIOUS", view.mode


def _filters(intent: Intent, _: Limits, view: View) -> _Numbers:
    fault = view.instrument.fault_of(
        intent.qty, intent.price, reduce_only=intent.reduce_only, waits=intent.type.conditional
    )
    return fault is None, "the venue's filters", fault or "fits"


def _balance(intent: Intent, _: Limits, view: View) -> _Numbers:
    if view.instrument.contract:
        have, asset = view.available_quote, f"{view.instrument.margin} of margin"
        needed = margin_of(intent, view)
        return needed <= have or needed == 0, (have, asset), (needed, asset)
    if intent.side is Side.BUY:
        needed, have = money.notional(intent.price, intent.qty), view.available_quote
        asset = view.instrument.quote
    else:
        needed, have, asset = intent.qty, view.available_base, view.instrument.base
    return needed <= have, (have, asset), (needed, asset)


def margin_of(intent: Intent, view: View) -> Decimal:
    """Initial margin of the contract's worst case once the order joined; 0 where it makes that no larger."""
    before, worst = _worst(view, ZERO, ZERO), worst_with(intent, view)
    if intent.reduce_only or worst <= before:
        return ZERO
    assert view.leverage > 0, f"{view.instrument.id} is held on terms that nobody gave"
    value = money.notional(max(intent.price, view.ask), worst)
    return money.shown(money.average(value, Decimal(view.leverage)))


def _order_qty(intent: Intent, limits: Limits, _: View) -> _Numbers:
    return intent.qty <= limits.order_qty_max, limits.order_qty_max, intent.qty


def _order_notional(intent: Intent, limits: Limits, _: View) -> _Numbers:
    value = money.notional(intent.price, intent.qty)
    return value <= limits.order_notional_max, limits.order_notional_max, value


def _position(intent: Intent, limits: Limits, view: View) -> _Numbers:
    worst = worst_with(intent, view)
    return worst <= limits.position_max, limits.position_max, worst


def _gross(intent: Intent, limits: Limits, view: View) -> _Numbers:
    if view.gross_elsewhere is None:
        return False, limits.gross_max, None
    here = money.notional(max(intent.price, view.ask), worst_with(intent, view))
    value = money.add(here, view.gross_elsewhere)
    return value <= limits.gross_max, limits.gross_max, value


def worst_with(intent: Intent, view: View) -> Decimal:
    """The largest distance from zero on either side if this order joins the others."""
    if intent.side is _BUY:
        return _worst(view, intent.qty, ZERO)
    return _worst(view, ZERO, intent.qty)


def _worst(view: View, buys: Decimal, sells: Decimal) -> Decimal:
    back, out = view.closing  # what only reduces may use up what others would close
    buying, selling = (
        money.total((view.buying, back, buys)),
        money.total((view.selling, out, sells)),
    )
    return max(
        money.magnitude(money.add(view.position, buying)),
        money.magnitude(money.subtract(view.position, selling)),
    )


def _open_orders(_: Intent, limits: Limits, view: View) -> _Numbers:
    return view.open_orders < limits.open_orders_max, limits.open_orders_max, view.open_orders + 1


def _rate(_: Intent, limits: Limits, view: View) -> _Numbers:
    most = limits.orders_per_second_max
    return view.orders_last_second < most, most, view.orders_last_second + 1


def _fresh(_: Intent, limits: Limits, view: View) -> _Numbers:
    age, most = view.quote_age_ns, limits.stale_after_ns
    return age is not None and age <= most, most, age


def _collar(intent: Intent, limits: Limits, view: View) -> _Numbers:
    reference = view.ask if intent.side is Side.BUY else view.bid
    away = money.away_bps(intent.price, reference)
    return away <= limits.collar_bps, (limits.collar_bps, reference), (away, intent.price)


def _duplicate(_: Intent, limits: Limits, view: View) -> _Numbers:
    age, window = view.same_order_age_ns, limits.duplicate_window_ns
    return age is None or age > window, window, age


def _limit_text(rule: str, limit: Any) -> str:
    match rule:
        case "balance":
            return f"{limit[0]} {limit[1]} free"
        case "collar":
            return f"{limit[0]} bps from {limit[1]}"
        case "order_rate":
            return f"{limit} a second"
        case "stale":
            return f"{limit / 1e6:.0f} ms"
        case "duplicate":
            return f"one such order in {limit / 1e6:.0f} ms"
        case _:
            return str(limit)


def _text(rule: str, value: Any) -> str:
    match rule:
        case "balance":
            return f"{value[0]} {value[1]}"
        case "collar":
            return f"{money.shown(value[0])} bps at {value[1]}"
        case "position":
            return f"{value} at worst"
        case "gross":
            none = "unknown: another market has no price"
            return none if value is None else f"{money.shown(value)} at worst"
        case "stale":
            return "no quote yet" if value is None else f"{value / 1e6:.0f} ms"
        case "duplicate":
            return "none" if value is None else f"the same order {value / 1e6:.0f} ms ago"
        case _:
            return str(value)


_EXPOSING = frozenset({"notional", "asset", "net"})
_Rule = Callable[[Intent, Limits, View], _Numbers]
_PHYSICAL: tuple[tuple[str, _Rule], ...] = (("filter", _filters), ("balance", _balance))
_PROTECTIVE: tuple[tuple[str, _Rule], ...] = (
    ("filter", _filters),
    ("position", _position),
    ("gross", _gross),
    ("balance", _balance),
)
_ALL: tuple[tuple[str, _Rule], ...] = (
    ("mode", _mode),
    ("stale", _fresh),
    ("filter", _filters),
    ("order_qty", _order_qty),
    ("order_notional", _order_notional),
    ("collar", _collar),
    ("position", _position),
    ("gross", _gross),
    ("open_orders", _open_orders),
    ("order_rate", _rate),
    ("duplicate", _duplicate),
    ("balance", _balance),
)
