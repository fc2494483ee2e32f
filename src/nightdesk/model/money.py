"""Money: exact or raise. All arithmetic on prices, quantities and amounts lives here.

Every operation goes through one context that traps inexact results and floats, because a context set in
one thread does not reach another and a silently rounded cent is a difference nobody can explain later.
"""

from collections.abc import Iterable
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
)
from typing import NewType

Price = NewType("Price", Decimal)  # quote per one base
Qty = NewType("Qty", Decimal)  # base; never negative where a side says the sign
Amount = NewType("Amount", Decimal)  # of any asset; signed

ZERO = Decimal(0)
EXACT = Context(prec=34, traps=[FloatOperation, Inexact, InvalidOperation, DivisionByZero])
_ROUNDED = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero])
_BPS = Decimal(10_000)
DIGITS_MAX = 15  # on either side of the point; a venue has at most 12 and 8
_ONE, _TWO = Decimal(1), Decimal(2)
_PERCENT = Decimal("0.01")
_EIGHT = Decimal("1E-8")

add = EXACT.add
subtract = EXACT.subtract
multiply = EXACT.multiply
minus = EXACT.minus
magnitude = EXACT.abs


def notional(price: Decimal, qty: Decimal) -> Decimal:
    """Quote value of `qty` base at `price`; raises `Inexact` past 34 digits."""
    return EXACT.multiply(price, qty)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Sum without rounding."""
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `value`."""
    inside = EXACT.multiply(EXACT.divide_int(value, step), step)  # towards zero
    return EXACT.subtract(inside, step) if inside > value else inside


def affordable(amount: Decimal, price: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that costs at most `amount` at `price`; neither may be negative."""
    return EXACT.multiply(EXACT.divide_int(amount, EXACT.multiply(price, step)), step)


def ceil_part(amount: Decimal, count: int, step: Decimal) -> Decimal:
    """The smallest multiple of `step` of which `count` are at least `amount`."""
    together = EXACT.multiply(step, Decimal(count))
    parts = EXACT.divide_int(amount, together)
    whole = EXACT.multiply(parts, step)
    return whole if EXACT.multiply(parts, together) == amount else EXACT.add(whole, step)


def percent(amount: Decimal, pct: Decimal) -> Decimal:
    """`pct` per cent of `amount`; raises `Inexact` past 34 digits."""
    return EXACT.multiply(EXACT.multiply(amount, pct), _PERCENT)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not below `value`."""
    inside = EXACT.multiply(EXACT.divide_int(value, step), step)  # towards zero
    return EXACT.add(inside, step) if inside < value else inside


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` lies on the grid of `step`."""
    return EXACT.remainder(value, step) == 0


def average(value: Decimal, qty: Decimal) -> Decimal:
    """`value / qty` to 34 digits: for shown averages, the one place where rounding is meant."""
    return _ROUNDED.divide(value, qty)


def half_way(low: Decimal, high: Decimal) -> Decimal:
    """The middle of two prices."""
    return EXACT.divide(EXACT.add(low, high), _TWO)


def shown(value: Decimal) -> Decimal:
    """`value` to eight decimals, for people and for results; never fed back into accounts."""
    return canonical(value.quantize(_EIGHT, ROUND_HALF_EVEN, _ROUNDED))


def away_bps(price: Decimal, reference: Decimal) -> Decimal:
    """Distance of `price` from `reference` in basis points of `reference`, never negative."""
    return _ROUNDED.abs(
        _ROUNDED.divide(_ROUNDED.multiply(EXACT.subtract(price, reference), _BPS), reference)
    )


def shifted_bps(price: Decimal, bps: Decimal) -> Decimal:
    """`price` moved by `bps` basis points, up when positive."""
    return _ROUNDED.divide(_ROUNDED.multiply(price, _ROUNDED.add(_BPS, bps)), _BPS)


def is_amount(value: object) -> bool:
    """Whether `value` is an exact number of a size that any market has."""
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > DIGITS_MAX:
        return False
    if len(str(value)) <= DIGITS_MAX and "E" not in str(value):
        return True  # too short for too many decimals
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DIGITS_MAX


def canonical(value: Decimal) -> Decimal:
    """One spelling per number: equal values must encode to equal journal bytes."""
    if value == 0:
        return ZERO
    short = value.normalize(EXACT)
    assert short.is_finite(), f"not a finite amount: {value}"
    # Only a positive exponent is spelled "E+"; asking for the exponent itself costs five times as much.
    return short.quantize(_ONE, context=EXACT) if "E+" in str(short) else short


def plain(value: Decimal) -> str:
    """Digits without exponent, the way venues read them."""
    return format(canonical(value), "f")
