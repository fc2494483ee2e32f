"""Pages that need nothing else: no script, no address of anything, light and dark."""

from collections.abc import Collection, Mapping, Sequence
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
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.wide{white-space:normal}
.bad{color:var(--bad);font-weight:600}
.bar{width:17rem;height:.75rem;background:none;padding:0}
.bar i{display:block;height:100%;background:var(--soft);border-radius:2px}
.bar i i{background:var(--bar)}
.scroll{overflow-x:auto}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem;
margin:1rem 0;padding:0}
.cards div{border:1px solid var(--line);border-radius:6px;padding:.5rem .8rem}
.cards dt{font-size:.85em;opacity:.75}
.cards dd{margin:0;font-size:1.2em;font-variant-numeric:tabular-nums}
.alarm{border-left:4px solid var(--bad);margin:1rem 0;padding:.5rem 1rem .5rem 2rem}
figure{margin:.5rem 0 1.5rem}
figcaption{font-size:.85em;opacity:.75}
svg{width:100%;height:auto;display:block}
svg text{font-size:11px;fill:var(--fg);opacity:.75;font-variant-numeric:tabular-nums}
svg .value{text-anchor:end}
polyline{fill:none;stroke:var(--bar);stroke-width:1.5;stroke-linejoin:round}
polygon{fill:var(--soft);opacity:.5}
.grid{stroke:var(--line);stroke-width:.6}
.zero{stroke:var(--fg);opacity:.5;stroke-width:.8}
.level{stroke:var(--fg);opacity:.5;stroke-dasharray:4 4}
.mark{stroke:var(--bad);stroke-width:1.5}
"""


def page_head(title: str) -> str:
    """Everything before the first heading."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>"
    )


def html_table(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    *,
    figures: Collection[str] = (),
) -> str:
    """Rows under named columns; numbers to the right, and columns of `figures`, which are numbers as text."""
    head = "".join(
        f"<th{' class=n' if c in figures else ''}>{escape(c.replace('_', ' '))}</th>"
        for c in columns
    )
    body = "".join(
        "<tr>" + "".join(_html_cell(row.get(c), figure=c in figures) for c in columns) + "</tr>"
        for row in rows
    )
    return f"<div class=scroll><table><tr>{head}</tr>{body}</table></div>"


def _html_cell(value: object, *, figure: bool) -> str:
    number = figure or isinstance(value, int | float | Decimal)
    kind = " class=n" if number else " class=wide"
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


def cards(figures: Sequence[tuple[str, str]]) -> str:
    """The few figures that are looked at first, each with its name."""
    body = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in figures)
    return f"<dl class=cards>{body}</dl>"
