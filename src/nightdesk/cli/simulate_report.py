"""The report of many worlds: tables for people, and one HTML file that needs nothing else."""

from collections.abc import Sequence
from html import escape

from nightdesk.cli.tables import OUT, table
from nightdesk.simulation.campaign import LawRow, Outcome, SeedOptions, Summary

BAR_PX = 260
STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#1b1f24}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #d8dee4}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.bad{color:#b42318;font-weight:600}
.bar{background:#3b6fb6;height:.8rem;display:inline-block}
"""


def print_report(summary: Summary, options: SeedOptions) -> None:
    """Tables."""
    laws = [_law(row) for row in summary.laws]
    OUT.print(table("laws", laws, ("law", "worlds_checked", "violated")))
    faults = [
        {
            "fault": row.kind,
            "worlds": row.worlds,
            "struck": row.struck,
            "with_an_order_in_flight": row.with_order_in_flight,
        }
        for row in summary.faults
    ]
    if faults:
        columns = ("fault", "worlds", "struck", "with_an_order_in_flight")
        OUT.print(table("faults", faults, columns))
    if summary.sometimes:
        sometimes = [{"what": name, "times": n} for name, n in summary.sometimes.items()]
        OUT.print(table("sometimes", sometimes, ("what", "times")))
    for line in _lines(summary, options):
        OUT.print(line, markup=False, highlight=False)


def html_report(summary: Summary, outcomes: Sequence[Outcome], options: SeedOptions) -> str:
    """One page; no script, no address of anything else."""
    verdict = "clean" if summary.clean else f"{len(summary.violations)} worlds broke a law"
    laws = [_law(row) for row in summary.laws]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Nightdesk worlds</title>",
        f"<style>{STYLE}</style><h1>{escape(verdict)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in _lines(summary, options)),
        "<h2>Laws</h2>",
        _html_table(("law", "worlds_checked", "violated"), laws),
        "<h2>From the end of the faults to flat</h2>",
        _histogram([o.ended.flat_s for o in outcomes if o.ended.flat_s is not None]),
        "<h2>Faults: struck with an order in flight, of all</h2>",
        _bars([(row.kind, row.with_order_in_flight, row.struck) for row in summary.faults]),
        "<h2>Sometimes</h2>",
        _bars([(name, count, count) for name, count in summary.sometimes.items()]),
    ]
    if summary.violations:
        rows: list[dict[str, object]] = [
            {"seed": seed, "law": law, "what": what} for seed, law, what in summary.violations
        ]
        parts += ["<h2>Violations</h2>", _html_table(("seed", "law", "what"), rows)]
    return "\n".join(parts) + "</html>\n"


def _law(row: LawRow) -> dict[str, object]:
    told = f"{row.violated}, first seed {row.first_seed}" if row.violated else "none"
    return {"law": row.law, "worlds_checked": row.checked, "violated": told}


def _lines(summary: Summary, options: SeedOptions) -> list[str]:
    wall_s = max(summary.wall_s, 1e-9)
    flat = summary.flat_s
    lines = [
        f"{summary.seeds} worlds of {options.seconds / 60:g} minutes and a rest, profile {options.profile}: "
        f"{summary.orders:,} orders, {summary.fills:,} fills",
        f"flat after the faults ended: p50 {flat['p50']:.1f} s, p95 {flat['p95']:.1f} s, "
        f"max {flat['max']:.1f} s",
        f"{summary.seeds / wall_s * 60:.0f} worlds a minute and core, "
        f"{summary.simulated_s / wall_s:.0f} x real time",
    ]
    if summary.clean:
        lines.append(
            f"no violation in {summary.seeds} worlds: at 95 % confidence fewer than {summary.bound:.2%} of "
            "such worlds break a law; it proves nothing about faults that were not drawn"
        )
    else:
        lines += [f"seed {seed}: {law}: {what}" for seed, law, what in summary.violations[:10]]
        lines.append("look closer: nightdesk simulate explain SEED, nightdesk simulate shrink SEED")
    return lines


def _html_table(columns: Sequence[str], rows: Sequence[dict[str, object]]) -> str:
    head = "".join(f"<th>{escape(c.replace('_', ' '))}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(_html_cell(row.get(column)) for column in columns) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _html_cell(value: object) -> str:
    number = " class=n" if isinstance(value, int) else ""
    bad = isinstance(value, str) and "first seed" in value
    return f"<td{' class=bad' if bad else number}>{escape(str(value))}</td>"


def _bars(rows: Sequence[tuple[str, int, int]]) -> str:
    most = max((count for _, count, _ in rows), default=0) or 1
    body = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{count}</td><td class=n>{of}</td>"
        f"<td><span class=bar style='width:{BAR_PX * count // most}px'></span></td></tr>"
        for name, count, of in rows
    )
    return f"<table>{body}</table>"


def _histogram(values: Sequence[float]) -> str:
    buckets: dict[int, int] = {}
    for value in values:
        buckets[int(value)] = buckets.get(int(value), 0) + 1
    return _bars([(f"{second} s", count, count) for second, count in sorted(buckets.items())])
