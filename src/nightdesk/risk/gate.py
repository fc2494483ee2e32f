"""The verdict on one order. `Approved` is made here and nowhere else; the gateway takes nothing else.

An order that can only reduce the position (and cannot overshoot it, whatever else is open) passes everything
but what is physically impossible: the venue's filters and the balance.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Side
from nightdesk.risk.limits import Limits, View


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


def check(intent: Intent, limits: Limits, view: View) -> Approved | Refused:
    """Judge `intent` as if everything that is open may still fill, or not, whichever is worse."""
    reducing = reduces(intent.side, intent.qty, view)
    for rule in _PHYSICAL if reducing else _ALL:
        refused = rule(intent, limits, view)
        if refused is not None:
            return refused
    return Approved(intent=intent, reduces=reducing)


def reduces(side: Side, qty: Decimal, view: View) -> bool:
    """Whether the order can only bring the position nearer to zero, all open orders considered."""
    if not view.may_reduce:
        return False
    if side is Side.SELL:
        return qty <= money.subtract(view.position, view.selling)
    return qty <= money.minus(money.add(view.position, view.buying))


def _mode(_: Intent, __: Limits, view: View) -> Refused | None:
    if view.may_add_risk:
        return None
    return Refused(rule="mode", limit="new risk in NORMAL or CAUTIOUS", value=view.mode)


def _filters(intent: Intent, _: Limits, view: View) -> Refused | None:
    fault = view.instrument.fault_of(intent.qty, intent.price)
    return (
        None if fault is None else Refused(rule="filter", limit="the venue's filters", value=fault)
    )


def _balance(intent: Intent, _: Limits, view: View) -> Refused | None:
    if intent.side is Side.BUY:
        needed, have = money.notional(intent.price, intent.qty), view.available_quote
        asset = view.instrument.quote
    else:
        needed, have, asset = intent.qty, view.available_base, view.instrument.base
    if needed <= have:
        return None
    return Refused(rule="balance", limit=f"{have} {asset} free", value=f"{needed} {asset}")


def _order_qty(intent: Intent, limits: Limits, _: View) -> Refused | None:
    if intent.qty <= limits.order_qty_max:
        return None
    return Refused(rule="order_qty", limit=str(limits.order_qty_max), value=str(intent.qty))


def _order_notional(intent: Intent, limits: Limits, _: View) -> Refused | None:
    value = money.notional(intent.price, intent.qty)
    if value <= limits.order_notional_max:
        return None
    return Refused(rule="order_notional", limit=str(limits.order_notional_max), value=str(value))


def _position(intent: Intent, limits: Limits, view: View) -> Refused | None:
    worst = _worst(intent, view)
    if worst <= limits.position_max:
        return None
    return Refused(rule="position", limit=str(limits.position_max), value=f"{worst} at worst")


def _gross(intent: Intent, limits: Limits, view: View) -> Refused | None:
    if view.gross_elsewhere is None:
        return Refused(
            rule="gross", limit=str(limits.gross_max), value="unknown: another market has no price"
        )
    here = money.notional(max(intent.price, view.ask), _worst(intent, view))
    value = money.add(here, view.gross_elsewhere)
    if value <= limits.gross_max:
        return None
    return Refused(
        rule="gross", limit=str(limits.gross_max), value=f"{money.shown(value)} at worst"
    )


def _worst(intent: Intent, view: View) -> Decimal:
    """The largest distance from zero on either side if this order joins the others."""
    buying = money.add(view.buying, intent.qty if intent.side is Side.BUY else ZERO)
    selling = money.add(view.selling, intent.qty if intent.side is Side.SELL else ZERO)
    return max(
        money.magnitude(money.add(view.position, buying)),
        money.magnitude(money.subtract(view.position, selling)),
    )


def _open_orders(_: Intent, limits: Limits, view: View) -> Refused | None:
    if view.open_orders < limits.open_orders_max:
        return None
    return Refused(
        rule="open_orders", limit=str(limits.open_orders_max), value=str(view.open_orders + 1)
    )


def _rate(_: Intent, limits: Limits, view: View) -> Refused | None:
    if view.orders_last_second < limits.orders_per_second_max:
        return None
    return Refused(
        rule="order_rate",
        limit=f"{limits.orders_per_second_max} a second",
        value=str(view.orders_last_second + 1),
    )


def _fresh(_: Intent, limits: Limits, view: View) -> Refused | None:
    if view.quote_age_ns is not None and view.quote_age_ns <= limits.stale_after_ns:
        return None
    age = "no quote yet" if view.quote_age_ns is None else f"{view.quote_age_ns / 1e6:.0f} ms"
    return Refused(rule="stale", limit=f"{limits.stale_after_ns / 1e6:.0f} ms", value=age)


def _collar(intent: Intent, limits: Limits, view: View) -> Refused | None:
    reference = view.ask if intent.side is Side.BUY else view.bid
    away = money.away_bps(intent.price, reference)
    if away <= limits.collar_bps:
        return None
    return Refused(
        rule="collar",
        limit=f"{limits.collar_bps} bps from {reference}",
        value=f"{money.shown(away)} bps at {intent.price}",
    )


def _duplicate(_: Intent, limits: Limits, view: View) -> Refused | None:
    age = view.same_order_age_ns
    if age is None or age > limits.duplicate_window_ns:
        return None
    return Refused(
        rule="duplicate",
        limit=f"one such order in {limits.duplicate_window_ns / 1e6:.0f} ms",
        value=f"the same order {age / 1e6:.0f} ms ago",
    )


_Rule = Callable[[Intent, Limits, View], Refused | None]
_PHYSICAL: tuple[_Rule, ...] = (_filters, _balance)
_ALL: tuple[_Rule, ...] = (
    _mode,
    _fresh,
    _filters,
    _order_qty,
    _order_notional,
    _collar,
    _position,
    _gross,
    _open_orders,
    _rate,
    _duplicate,
    _balance,
)
