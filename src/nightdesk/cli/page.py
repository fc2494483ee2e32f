"""Pages that need nothing else: no script, no address of anything, light and dark."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape

STYLE = """
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--line:#d8dee4;--soft:#c9d7ea;--bar:#3b6fb6;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--fg:#e2e6ea;--bg:#14171b;--line:#343b43;--soft:#2c4463;--bar:#6ea0e0;
--bad:#ff8a7a}}
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:var(--fg);
background:var(--bg)}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
td,th{padding:.15rem .8rem .15rem 0;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
td.n{text-align:right;font-variant-numeric:tabular-nums}
td.wide{white-space:normal}
.bad{color:var(--bad);font-weight:600}
.bar{width:17rem;height:.75rem;background:none;padding:0}
.bar i{display:block;height:100%;background:var(--soft);border-radius:2px}
.bar i i{background:var(--bar)}
figure{margin:.5rem 0 1.5rem}
figcaption{font-size:.85em;opacity:.75}
svg{width:100%;border:solid var(--line);border-width:1px 0}
polyline{fill:none;stroke:var(--bar);stroke-width:1.5;vector-effect:non-scaling-stroke}
.zero{stroke:var(--line)}
"""
WIDTH, HEIGHT = 900, 220  # of a chart, in its own units


def page_head(title: str) -> str:
    """Everything before the first heading."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>"
    )


def html_table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    """Rows under named columns; numbers to the right."""
    head = "".join(f"<th>{escape(c.replace('_', ' '))}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(_html_cell(row.get(column)) for column in columns) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _html_cell(value: object) -> str:
    kind = " class=n" if isinstance(value, int | float | Decimal) else " class=wide"
    bad = isinstance(value, str) and "first seed" in value
    return f"<td{' class=bad' if bad else kind}>{escape(str(value))}</td>"


def bars(rows: Sequence[tuple[str, str, int, int]]) -> str:
    """Name, what stands beside it, and a bar of the one number within a fainter one of the other."""
    most = max((whole for *_, whole in rows), default=0) or 1
    body = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{escape(told)}</td><td class=bar>"
        f"<i style='width:{100 * max(whole, part) / most:.1f}%'>"
        f"<i style='width:{100 * part / max(whole, part, 1):.1f}%'></i></i></td></tr>"
        for name, told, part, whole in rows
    )
    return f"<table>{body}</table>"


def line_chart(points: Sequence[tuple[float, float]], unit: str) -> str:
    """One line over time (x rising), with its lowest and highest value written beside it; "" for no points."""
    if not points:
        return ""
    lows, highs = min(y for _, y in points), max(y for _, y in points)
    first, last = points[0][0], points[-1][0]
    wide, high = max(last - first, 1e-9), max(highs - lows, 1e-9)
    drawn = " ".join(
        f"{(x - first) / wide * WIDTH:.1f},{HEIGHT - (y - lows) / high * HEIGHT:.1f}"
        for x, y in points
    )
    zero = ""
    if lows < 0 < highs:
        y = HEIGHT + lows / high * HEIGHT
        zero = f"<line x1=0 x2={WIDTH} y1={y:.1f} y2={y:.1f} class=zero />"
    return (
        f"<figure><figcaption>highest {highs:,.2f} {escape(unit)}</figcaption>"
        f"<svg viewBox='0 -4 {WIDTH} {HEIGHT + 8}' role=img aria-label='from {lows:,.2f} to {highs:,.2f}'>"
        f"{zero}<polyline points='{drawn}' /></svg>"
        f"<figcaption>lowest {lows:,.2f} {escape(unit)}</figcaption></figure>"
    )
