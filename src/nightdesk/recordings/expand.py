"""Bars as a market: the points a bar is played by, and the quote that stands after it.

Owns the assumptions, and makes none that helps whoever trades. A bar becomes known whole, at its end; its
points carry the moments of its minute at which they count as made, so that an order is never filled by a
point older than itself. What stands until the next end is the next bar's open, with a spread and a quantity
that only bars already ended decide. Where no bar follows at once, or the last one traded nothing, nothing
stands.
"""

from collections.abc import Iterable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from nightdesk.recordings.rows import MINUTE_NS, BarRow

HALF_SPREAD_MIN = Decimal(
    "0.0001"
)  # of the price: more than liquid books show, to pay for what bars hide
RANGE_SHARE = Decimal("0.1")  # of the last bar's range: spreads widen when prices run
VOLUME_SHARE = Decimal("0.1")  # of the last bar's volume: more than a tenth of a market moves it
_POINTS = 4
_LAST_NS = (
    MINUTE_NS - 1_000_000
)  # the venue's last millisecond of a minute: its end is the next one
_UNIT = Decimal("0.00000001")  # quantities of the venue have so many decimals


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A price that traded, and when in its minute it counts as made."""

    made_ns: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A best bid and ask, each with the same quantity."""

    bid: Decimal
    ask: Decimal
    quantity: Decimal


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a bar: the bar, and the open of the one that follows at once."""

    at_ns: int
    bar: BarRow
    next_open: Decimal | None


def closings(bars: Iterable[BarRow]) -> Iterator[Closing]:
    """The ends of `bars`, in order."""
    before: BarRow | None = None
    for bar in bars:
        if before is not None:
            follows = bar.opened_ns == before.at_ns
            yield Closing(at_ns=before.at_ns, bar=before, next_open=bar.open if follows else None)
        before = bar
    if before is not None:
        yield Closing(at_ns=before.at_ns, bar=before, next_open=None)


def path(bar: BarRow) -> tuple[Point, ...]:
    """Open, the extreme against the bar's direction, the other one, close; none where nothing traded.

    Whoever is on the right side of a bar is tested before being paid: a rising bar goes open, low, high,
    close, a falling one open, high, low, close. Each takes a quarter of the volume.
    """
    part = (bar.volume / _POINTS).quantize(_UNIT, ROUND_FLOOR)
    if not part:
        return ()
    rises = bar.close >= bar.open
    extremes = (bar.low, bar.high) if rises else (bar.high, bar.low)
    prices = (bar.open, *extremes, bar.close)
    points: list[Point] = []
    for number, price in enumerate(prices):
        last = number == _POINTS - 1
        points.append(
            Point(
                made_ns=bar.opened_ns + min(MINUTE_NS * number // (_POINTS - 1), _LAST_NS),
                price=price,
                quantity=bar.volume - part * number if last else part,
                buyer_is_maker=price < points[-1].price if points else not rises,
            )
        )
    return tuple(points)


def after_bar(bar: BarRow, next_open: Decimal, *, tick: Decimal, step: Decimal) -> Standing | None:
    """What stands while the bar behind `bar` lasts; None where nothing can be traded."""
    half = max(next_open * HALF_SPREAD_MIN, (bar.high - bar.low) * RANGE_SHARE)
    return _standing(next_open, half, bar.volume * VOLUME_SHARE, tick, step)


def at_point(bar: BarRow, point: Point, *, tick: Decimal, step: Decimal) -> Standing | None:
    """What stood at a point of `bar`, for whoever waited for its price; None where nothing can be traded."""
    half = point.price * HALF_SPREAD_MIN
    return _standing(point.price, half, bar.volume * VOLUME_SHARE, tick, step)


def after_trade(
    price: Decimal, quantity: Decimal, *, tick: Decimal, step: Decimal
) -> Standing | None:
    """What stands after a trade where no quotes were recorded: no more than what just traded."""
    return _standing(price, price * HALF_SPREAD_MIN, quantity, tick, step)


def _standing(
    price: Decimal, half: Decimal, quantity: Decimal, tick: Decimal, step: Decimal
) -> Standing | None:
    half = max(half, tick)
    bid = ((price - half) / tick).to_integral_value(ROUND_FLOOR) * tick
    ask = ((price + half) / tick).to_integral_value(ROUND_CEILING) * tick
    offered = (quantity / step).to_integral_value(ROUND_FLOOR) * step
    return Standing(bid=bid, ask=ask, quantity=offered) if bid > 0 and offered else None
