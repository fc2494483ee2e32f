"""Run the benchmarks, each in a process of its own; print a table or JSON, keep it in var/bench.json."""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.measure import ROOT, Figure

# Order matters: what is short and what others build on comes first.
NAMES = (
    "wire",
    "rival",
    "bars",
    "crowd",
    "limits",
    "budget",
    "calls",
    "lanes",
    "intents",
    "frames",
    "growth",
    "pause",
    "restart",
    "stalls",
    "cover",
    "failover",
    "cold",
    "footprint",
    "worlds",
    "replay",
)
TIMEOUT_S = 900


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one benchmark came to: figures, or why there are none."""

    bench: str
    figures: list[Figure] = []
    skipped: str = ""
    failed: str = ""
    took_s: float = 0.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run."""

    machine: dict[str, str]
    quick: bool
    took_s: float
    outcomes: list[Outcome]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a benchmark failed to measure (a missed aim is a finding, no failure)."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute; fewer samples")
    parser.add_argument("--only", choices=NAMES, action="append", help="may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(arguments)
    var = ROOT / "var"
    var.mkdir(exist_ok=True)
    folder = Path(mkdtemp(prefix="bench-", dir=var))
    started = time.monotonic()
    try:
        outcomes = _run_all(options.only or NAMES, folder, quick=options.quick)
    finally:
        rmtree(folder, ignore_errors=True)
    report = Report(
        machine=_machine(),
        quick=options.quick,
        took_s=round(time.monotonic() - started, 1),
        outcomes=outcomes,
    )
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=1)
    (var / "bench.json").write_bytes(encoded)
    if options.json:
        sys.stdout.write(encoded.decode() + "\n")
    else:
        _print(report)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _run_all(names: Sequence[str], folder: Path, *, quick: bool) -> list[Outcome]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    outcomes = []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("bench", total=len(names))
        for name in names:
            progress.update(bar, description=f"bench: {name}")
            outcomes.append(_run_one(name, folder, quick=quick))
            progress.advance(bar)
    return outcomes


def _run_one(name: str, folder: Path, *, quick: bool) -> Outcome:
    """One benchmark in its own process: its heap, its switches and its threads die with it."""
    command = [
        sys.executable,
        "-m",
        "bench.child",
        name,
        str(folder),
        "quick" if quick else "whole",
    ]
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(bench=name, failed=f"took longer than {TIMEOUT_S} s")
    took_s = round(time.monotonic() - started, 1)
    if done.returncode != 0:
        tail = done.stderr.decode(errors="replace").strip()[-2000:]
        return Outcome(bench=name, failed=tail or f"exit {done.returncode}", took_s=took_s)
    told = msgspec.json.decode(done.stdout, type=Outcome)
    return msgspec.structs.replace(told, took_s=took_s)


def _machine() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": str(os.cpu_count()),
        "load_1m": f"{os.getloadavg()[0]:.2f}",
    }


def _print(report: Report) -> None:
    machine = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    table = Table(title=f"Nightdesk bench ({machine}; {report.took_s:.0f} s)")
    for column in ("bench", "figure", "p50 / value", "p99", "n", "unit", "aim", "met"):
        right = column in ("p50 / value", "p99", "n")
        table.add_column(column, justify="right" if right else "left", no_wrap=column == "bench")
    for outcome in report.outcomes:
        for index, figure in enumerate(outcome.figures):
            name = outcome.bench if not index else ""
            table.add_row(name, *_row(figure), end_section=figure is outcome.figures[-1])
        if outcome.skipped or outcome.failed:
            word = "skipped" if outcome.skipped else "[red]failed[/]"
            why = (outcome.skipped or outcome.failed).splitlines()[-1]
            table.add_row(outcome.bench, f"{word}: {why}", end_section=True)
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def _row(figure: Figure) -> tuple[str, ...]:
    met = {None: "", True: "[green]yes[/]", False: "[red]NO[/]"}[figure.met]
    p99 = "" if figure.p99 is None else _number(figure.p99)
    return (
        figure.name, _number(figure.value), p99, f"{figure.n:,}", figure.unit, figure.aim, met
    )  # fmt: skip


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.3f}"


if __name__ == "__main__":
    sys.exit(main())
