"""The live view of a desk: one sample a second, drawn in the terminal of whoever started it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nightdesk.cli.tables import OUT, Rows, cell, digits, duration, names_of, plain, table
from nightdesk.control.messages import InstrumentRow, Sample

_MODE_STYLE = {"NORMAL": "green", "CAUTIOUS": "yellow"}
_LEVEL_STYLE = {"info": "dim", "warning": "yellow", "error": "bold red"}
BAR = 10
APART = 4  # blanks between parts that stand side by side
WIDEST = 1_000  # no part is: what a part would take if it could


class Screen:
    """Draws samples; use as a context manager."""

    def __init__(self) -> None:
        self._share: float | None = None  # of a recording, that was read
        self._live = Live(Text("starting…"), console=OUT, refresh_per_second=4, screen=False)

    def __enter__(self) -> "Screen":
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, sample: Sample | None, state: str) -> None:
        """Draw one sample, or what is being waited for."""
        if sample is None:
            self._live.update(Text(f"waiting for the desk: {state}", style="dim"))
        else:
            self._live.update(render(sample, self._share))

    def played(self, share: float) -> None:
        """How much of the recordings was read; it shows with the next sample."""
        self._share = share


def render(sample: Sample, share: float | None = None) -> RenderableType:
    """The whole view; `share` is how much was read of what is replayed, None where nothing is."""
    middle = Beside(_funnel(sample), _money(sample), _machine(sample))
    head = [_head(sample)] if share is None else [_head(sample), _played(share)]
    return Group(*head, _markets(sample), _positions(sample), middle, _events(sample))


class Beside:
    """Parts side by side, as many as fit whole; the others under them."""

    def __init__(self, *parts: Table) -> None:
        self._parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        row: list[Table] = []
        taken = 0
        for part in self._parts:
            width = console.measure(part, options=options.update(max_width=WIDEST)).maximum + APART
            if row and taken + width > options.max_width:
                yield _in_a_row(row)
                row, taken = [], 0
            row.append(part)
            taken += width
        yield _in_a_row(row)


def _in_a_row(parts: Sequence[Table]) -> Table:
    grid = Table.grid(padding=(0, APART))
    grid.add_row(*parts)
    return grid


def _played(share: float) -> RenderableType:
    line = Table.grid(padding=(0, 0, 0, 2))
    line.add_row("replaying", ProgressBar(total=1.0, completed=share, width=40), f"{share:.0%}")
    return line


def _head(sample: Sample) -> RenderableType:
    style = _MODE_STYLE.get(sample.mode, "bold red")
    line = Text.assemble(
        (f" {sample.mode} ", f"reverse {style}"),
        f"  {sample.desk}  epoch {sample.epoch}  up {duration(sample.uptime_ns)}",
        f"  lease {duration(sample.lease_left_ns)}",
        "" if sample.trading else "  strategies wait for recovery",
    )
    rows = [line]
    if sample.led_because or sample.standbys:
        rows.append(_cluster(sample))
    for cause in sample.causes:
        rows.append(
            Text(f"  {cause.mode} {cause.scope}: {cause.cause} ({cause.why})", style="yellow")
        )
    for row in sample.breakers:
        if row.why:
            lasts = "" if row.left_ns is None else f", {duration(row.left_ns)} left"
            what = (
                f"{row.operation} at {row.venue}: {row.state.replace('_', ' ')} ({row.why}{lasts})"
            )
            rows.append(Text(f"  breaker of {what}", style="yellow"))
    for lane in sample.lanes:
        if lane.use != "in_use":
            why = f" ({lane.why})" if lane.why else ""
            what = f"{lane.lane} of {lane.venue}: {lane.use.replace('_', ' ')}{why}"
            rows.append(Text(f"  lane {what}", style="yellow"))
    if told := _switches(sample):
        rows.append(Text(f"  dead man's switch: {told}", style="dim"))
    if unmapped := _unmapped(sample):
        rows.append(Text(f"  codes that no table has: {unmapped}", style="bold yellow"))
    if sample.flatten:
        rows.append(Text(f"  flatten: {sample.flatten}", style="bold yellow"))
    return Group(*rows)


def _cluster(sample: Sample) -> Text:
    """Who leads and why, and who would lead next."""
    fit = [row for row in sample.standbys if not row.unfit]
    next_up = ", ".join(f"pid {row.pid} (lag {duration(row.lag_ns)})" for row in fit) or "; ".join(
        f"pid {row.pid}: {row.unfit}" for row in sample.standbys
    )
    because = f", because {sample.led_because}" if sample.led_because else ""
    return Text.assemble(
        f"  leads: pid {sample.pid} for {duration(sample.uptime_ns)}{because}; "
        f"lease: {duration(sample.lease_left_ns)} left; ",
        (f"stands by: {next_up}", "" if fit else "yellow")
        if next_up
        else ("no node stands by", "yellow"),
    )


def _switches(sample: Sample) -> str:
    """In how long the venue would cancel which entries, and where it would not."""
    return ", ".join(
        f"{switch.instrument} off ({switch.off})"
        if switch.off
        else f"{switch.instrument} {duration(switch.left_ns)}"
        for switch in sample.switches
        if switch.off or switch.left_ns is not None
    )


def _unmapped(sample: Sample) -> str:
    """Which venue answered with what we cannot read, and how often."""
    start = "unmapped."
    return ", ".join(
        f"{name.removeprefix(start).replace('.', ' ')} ({times}x)"
        for name, times in sorted(sample.counters.items())
        if name.startswith(start)
    )


def _bar(used: Decimal, maximum: Decimal) -> str:
    filled = min(BAR, round(BAR * used / maximum)) if maximum else 0
    return "█" * filled + "░" * (BAR - filled)


def _markets(sample: Sample) -> Rows:
    names = names_of(market.instrument for market in sample.instruments)

    def row(market: InstrumentRow) -> dict[str, object]:
        return {
            "instrument": names[market.instrument],
            "mode": market.mode,
            "bid": market.bid and plain(market.bid),
            "ask": market.ask and plain(market.ask),
            "feed_age": duration(market.feed_age_ns),
            "position": plain(market.position),
            "worst_case": plain(market.worst),
            "limit": market.position_max,
            "used": _bar(market.worst, market.position_max),
        }

    columns = (
        "instrument",
        "mode",
        "bid",
        "ask",
        "feed_age",
        "position",
        "worst_case",
        "limit",
        "used",
    )
    return table("markets and exposure", [row(m) for m in sample.instruments], columns)


def _positions(sample: Sample) -> Rows:
    names = names_of(market.instrument for market in sample.instruments)
    rows = [
        {
            "strategy": p.strategy,
            "instrument": names.get(p.instrument, p.instrument),
            "position": plain(p.qty),
            "target": p.target,
            "average": p.average_price and digits(p.average_price),
            "realised": round(p.realised, 2),
            "unrealised": round(p.unrealised, 2),
            "fees": round(p.fees, 2),
            "trades": p.trades,
        }
        for p in sample.positions
    ]
    columns = (
        "strategy",
        "instrument",
        "position",
        "target",
        "average",
        "realised",
        "unrealised",
        "fees",
        "trades",
    )
    return table("positions", rows, columns)


def _pairs(title: str, pairs: Sequence[tuple[str, object]]) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None)
    made.add_column(no_wrap=True)
    made.add_column(justify="right", no_wrap=True)
    for name, value in pairs:
        made.add_row(name.replace("_", " "), cell(value))
    return made


def _funnel(sample: Sample) -> Table:
    rows: list[tuple[str, object]] = list(sample.funnel.items())
    rows.append(("open now", sample.orders_live))
    rows.append(("unknown now", sample.orders_unknown))
    rows.append(("refused by the gate", sum(sample.refusals.values())))
    return _pairs("orders", rows)


def _money(sample: Sample) -> Table:
    rows: list[tuple[str, object]] = [
        ("realised", round(sample.realised, 2)),
        ("unrealised", round(sample.unrealised, 2)),
        ("fees", round(sample.fees_quote, 2)),
        *([("funding", round(sample.funding, 2))] if sample.funding else []),
        *((name, round(moved, 2)) for name, moved in sample.flows.items() if moved),
        ("net", round(sample.profit, 2)),
        ("volume", round(sample.volume, 2)),
        ("fills", sample.fills),
    ]
    names = names_of(market.instrument for market in sample.instruments)
    rows += [
        (
            names.get(row.limit.rpartition(" ")[2], row.limit),
            f"{row.worst:,.4f} of {row.maximum:,f}",
        )
        for row in sample.limits
        if row.limit.startswith(("position", "gross"))
    ]
    return _pairs("money, worst of limits", rows)


def _machine(sample: Sample) -> Table:
    commit = sample.latency.get("commit", {})
    wire = sample.latency.get("tick_to_wire", {})
    answer = sample.latency.get("wire_to_answer", {})
    lag = sample.latency.get("loop_lag", {})
    uptime_s = max(sample.uptime_ns / 1e9, 1.0)
    rows: list[tuple[str, object]] = [
        ("records", sample.journal["durable"]),
        ("a second", sample.journal["durable"] / uptime_s),
        ("commit p50", duration(commit.get("p50_ns"))),
        ("commit p99", duration(commit.get("p99_ns"))),
        ("tick to wire p50", duration(wire.get("p50_ns"))),
        ("venue answers p50", duration(answer.get("p50_ns"))),
        ("loop lag p99", duration(lag.get("p99_ns"))),
    ]
    return _pairs("journal and latency", rows)


def _events(sample: Sample) -> RenderableType:
    lines = Text()
    for event in sample.events[-8:]:
        at = datetime.fromtimestamp(event.at_ns / 1e9, UTC).strftime("%H:%M:%S")
        fields = " ".join(f"{name}={value}" for name, value in event.fields.items() if value)
        style = _LEVEL_STYLE.get(event.level, "")
        lines.append(f"{at} {event.event} {fields}\n", style=style)
    lines.rstrip()
    return Panel(lines, title="last events", title_align="left", border_style="dim", expand=False)
