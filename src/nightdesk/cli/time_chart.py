"""A line over time as SVG: a value axis, a time axis in UTC, and marks where something happened."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 960, 240  # in the chart's own units; a page scales it
LEFT, RIGHT, TOP, BOTTOM = 84, 8, 10, 24  # room for what is written beside the line
TICKS = 5  # about so many on the value axis; more in a small chart only crowd it
MOMENTS_MAX = 8
_S = 1_000_000_000
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200)
_DAYS = (1, 2, 5, 10, 20, 50, 100, 200, 365, 730)
_DAY_S = 86_400

Points = Sequence[tuple[int, float]]


def time_chart(
    points: Points,
    *,
    name: str,
    from_zero: bool = False,
    level: float | None = None,
    marks: Sequence[tuple[int, str]] = (),
) -> str:
    """`points` are UTC ns, rising, and values; "" for none. `from_zero` takes zero in and fills up to it;
    `level` is a value drawn across, `marks` are moments with what happened then."""
    if not points:
        return ""
    values = [value for _, value in points]
    within = [*values, *([0.0] if from_zero else []), *([] if level is None else [level])]
    low, high = _apart(min(within), max(within))
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1)

    def x(at_ns: int) -> float:
        return LEFT + (at_ns - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    line = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
    drawn = [*_value_axis(low, high, y), *_time_axis(first, last, x)]
    if from_zero:
        ground = f"{x(last):.1f},{y(0):.1f} {x(first):.1f},{y(0):.1f}"
        drawn.append(f"<polygon points='{line} {ground}' />")
    if level is not None:
        drawn.append(_line(LEFT, WIDTH - RIGHT, y(level), y(level), "level"))
    drawn += [
        f"<g class=mark>{_line(x(at), x(at), TOP, HEIGHT - BOTTOM, 'mark')}"
        f"<title>{escape(_moment(at))} {escape(what)}</title></g>"
        for at, what in marks
        if first <= at <= last
    ]
    label = f"{name}, from {min(values):,.2f} to {max(values):,.2f}"
    return (
        f"<figure><svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{escape(label)}'>"
        f"{''.join(drawn)}<polyline points='{line}' /></svg>"
        f"<figcaption>{escape(name)}: lowest {min(values):,.2f}, highest {max(values):,.2f}, at the end "
        f"{values[-1]:,.2f}</figcaption></figure>"
    )


def _apart(low: float, high: float) -> tuple[float, float]:
    """Some room above and below; a flat line gets a scale of its size."""
    room = (high - low) * 0.04 or max(abs(high) * 0.01, 1.0)
    return low - room, high + room


def _value_axis(low: float, high: float, y: Callable[[float], float]) -> Iterator[str]:
    rough = (high - low) / TICKS
    tens = 10.0 ** floor(log10(rough))
    step = next(tens * each for each in (1, 2, 5, 10) if tens * each >= rough)
    places = max(0, -floor(log10(step)))
    for tick in range(ceil(low / step), floor(high / step) + 1):
        at = y(tick * step)
        yield _line(LEFT, WIDTH - RIGHT, at, at, "zero" if tick == 0 else "grid")
        yield f"<text x={LEFT - 8} y={at + 4:.1f} class=value>{tick * step:,.{places}f}</text>"


def _time_axis(first: int, last: int, x: Callable[[int], float]) -> Iterator[str]:
    steps_s = (*_STEPS, *(days * _DAY_S for days in _DAYS))
    fits = (each for each in steps_s if (last - first) / _S / each <= MOMENTS_MAX)
    step = next(fits, steps_s[-1]) * _S
    for at in range(ceil(first / step) * step, last + 1, step):
        foot = HEIGHT - BOTTOM
        yield _line(x(at), x(at), foot, foot + 4, "grid")
        side = "end" if x(at) > WIDTH - 40 else "middle"
        yield f"<text x={x(at):.1f} y={HEIGHT - 6} text-anchor={side}>{_tick(at, step)}</text>"


def _tick(at_ns: int, step_ns: int) -> str:
    """As much of a moment as tells it from its neighbours; midnight is told by its date."""
    at = datetime.fromtimestamp(at_ns // _S, UTC)
    if at_ns % (_DAY_S * _S) == 0:
        return f"{at:%Y-%m-%d}"
    return f"{at:%H:%M}" if step_ns >= 60 * _S else f"{at:%H:%M:%S}"


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // _S, UTC):%Y-%m-%d %H:%M:%S}"


def _line(x1: float, x2: float, y1: float, y2: float, kind: str) -> str:
    return f"<line x1={x1:.1f} x2={x2:.1f} y1={y1:.1f} y2={y2:.1f} class={kind} />"
