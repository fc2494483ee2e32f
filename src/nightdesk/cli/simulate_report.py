"""The report of many worlds: tables for people, and one HTML file that needs nothing else."""

from collections.abc import Sequence
from html import escape

import msgspec

from nightdesk.cli.page import bars, html_table, page_head
from nightdesk.cli.tables import OUT, table
from nightdesk.simulation.campaign import SeedOptions
from nightdesk.simulation.tally import LawRow, Summary, Tally

SECONDS = (0.01, 0.1, 0.3, 1, 3, 10, 30, 100)  # bounds of the bars of how long something took


class Ran(msgspec.Struct, kw_only=True):
    """Of the worlds that were wanted, those known from before and those run now, by how many processes."""

    wanted: int
    known: int
    jobs: int
    now: int = 0
    elapsed_s: float = 0.0

    @property
    def a_minute(self) -> float:
        """Worlds a minute of wall time, over all processes."""
        return self.now / max(self.elapsed_s, 1e-9) * 60


def print_report(summary: Summary, options: SeedOptions, ran: Ran) -> None:
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
    for line in _lines(summary, options, ran):
        OUT.print(line, markup=False, highlight=False)


def html_report(tally: Tally, options: SeedOptions, ran: Ran) -> str:
    """One page; no script, no address of anything else."""
    summary = tally.summary()
    verdict = "clean" if summary.clean else f"{len(summary.violations)} worlds broke a law"
    parts = [
        page_head("Nightdesk worlds"),
        f"<h1{'' if summary.clean else ' class=bad'}>{escape(verdict)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in _lines(summary, options, ran)),
    ]
    if summary.violations:
        rows: list[dict[str, object]] = [
            {"seed": seed, "law": law, "what": what} for seed, law, what in summary.violations
        ]
        parts += ["<h2>Violations</h2>", html_table(("seed", "law", "what"), rows)]
    laws = [_law(row) for row in summary.laws]
    parts += ["<h2>Laws</h2>", html_table(("law", "worlds_checked", "violated"), laws)]
    parts += _charts(summary, tally)
    if summary.never:
        never: list[dict[str, object]] = [{"never met": name} for name in summary.never]
        parts += ["<h2>Never met</h2>", html_table(("never met",), never)]
    return "\n".join(parts) + "</html>\n"


def _charts(summary: Summary, tally: Tally) -> list[str]:
    shares = [
        (limit, f"{share:.1%}", round(share * 1_000), 1_000)
        for limit, share in summary.worst.items()
    ]
    faults = [
        (r.kind, f"{r.with_order_in_flight:,} of {r.struck:,}", r.with_order_in_flight, r.struck)
        for r in summary.faults
    ]
    met = [(name, f"{count:,}", count, count) for name, count in summary.sometimes.items()]
    return [
        "<h2>Worlds, by how long after the faults they were flat</h2>",
        bars(_by_length(tally.flat_s)),
        "<h2>Unknown orders, by how long until they were resolved</h2>",
        bars(_by_length(tally.resolved_s)),
        "<h2>Limits: the largest share that was reached in any world</h2>",
        bars(shares),
        "<h2>Faults: struck with an order in flight, of all</h2>",
        bars(faults),
        "<h2>Sometimes</h2>",
        bars(met),
    ]


def _law(row: LawRow) -> dict[str, object]:
    told = f"{row.violated}, first seed {row.first_seed}" if row.violated else "none"
    return {"law": row.law, "worlds_checked": row.checked, "violated": told}


def _lines(summary: Summary, options: SeedOptions, ran: Ran) -> list[str]:
    wall_s = max(summary.wall_s, 1e-9)
    shuffled = ", in a drawn order" if options.shuffle else ""
    lines = [
        f"{summary.seeds} worlds of {options.seconds / 60:g} minutes and a rest, profile {options.profile}"
        f"{shuffled}: {summary.orders:,} orders, {summary.fills:,} fills",
        f"flat after the faults ended: {_spread(summary.flat_s)}",
        f"{summary.resolved:,} orders were unknown, until resolved: {_spread(summary.resolved_s)}",
    ]
    if summary.worst:
        shares = ", ".join(f"{limit} {share:.1%}" for limit, share in summary.worst.items())
        lines.append(f"largest share of a limit reached: {shares}")
    lines.append(
        f"{summary.seeds / wall_s * 60:.0f} worlds a minute and core, "
        f"{summary.simulated_s / wall_s:.0f} x real time"
    )
    if ran.now:
        lines[-1] += f"; {ran.a_minute:.0f} a minute of wall over {ran.jobs} jobs"
    return lines + _proof(summary)


def _proof(summary: Summary) -> list[str]:
    if not summary.clean:
        return [
            *(f"seed {seed}: {law}: {what}" for seed, law, what in summary.violations[:10]),
            "look closer: nightdesk simulate explain SEED, nightdesk simulate shrink SEED",
        ]
    return [
        f"no violation in {summary.seeds} worlds: at 95 % confidence fewer than {summary.bound:.2%} of "
        "such worlds break a law; it proves nothing about faults that were not drawn"
    ]


def _spread(seconds: dict[str, float]) -> str:
    return ", ".join(
        f"{name} {value:.1f} s" if value >= 1 or not value else f"{name} {value * 1_000:.0f} ms"
        for name, value in seconds.items()
    )


def _by_length(seconds: Sequence[float]) -> list[tuple[str, str, int, int]]:
    rows = []
    for low, high in zip((0.0, *SECONDS), (*SECONDS, float("inf")), strict=True):
        count = sum(low < value <= high or value == low == 0.0 for value in seconds)
        name = f"up to {high:g} s" if high < float("inf") else "longer"
        rows.append((name, f"{count:,}", count, count))
    return rows
