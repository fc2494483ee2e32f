"""`nightdesk replay` and `nightdesk compare`: a run on recorded data, and two of them side by side."""

import csv
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from nightdesk.adapters.journal_file import history_of
from nightdesk.cli.places import load_config
from nightdesk.cli.replay_page import replay_page
from nightdesk.cli.tables import OUT, json_line, print_json, say, table
from nightdesk.cli.up import end, reading
from nightdesk.control.messages import ExitCode
from nightdesk.model.errors import BadInput
from nightdesk.results.curve import Point
from nightdesk.results.decisions import compare, decisions_of
from nightdesk.results.metrics import Metrics, metrics_of
from nightdesk.results.runs import OrderLine, Run, Trade
from nightdesk.results.standing import Holding, Standing
from nightdesk.simulation.replay import ReplayOptions, run_replay

JOURNAL, METRICS, REPORT = "journal/desk.journal", "metrics.json", "report.html"
SHOWN_MAX = 40  # differences in a table; all of them with --json
# Most runs have none of these: in tables they stand where there is one.
_RARE = {"insurance", "transfers", "other_flows", "liquidations", "adl", "settlements"}
_HOW = "nightdesk replay FILE … --config desk.toml --out DIR"


def run_to(
    files: list[str],
    perpetuals: list[str],
    *,
    config: Path | None,
    seed: int,
    duration_s: float | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Replay in virtual time; with `out`, write everything a person or a program may want to read of it."""
    if config is not None:
        load_config(config)  # every error of the file before anything is started
    standing = Standing()
    with _fresh(out) as journal:
        with reading(shown=bool(files or perpetuals) and not as_json) as told:
            options = ReplayOptions(
                replay=files,
                usdm=perpetuals,
                seed=seed,
                duration_s=duration_s,
                config=config,
                journal=journal,
                looks=standing.look,
                told=told,
                says=say,
            )
            result = run_replay(options)
        metrics = None if out is None else _write(out, standing)
    if out is not None and metrics is not None:
        say(f"written: {out}/ ({', '.join(sorted(path.name for path in out.iterdir()))})")
        if not as_json:
            OUT.print(table("results", _numbers({"value": metrics}), ("what", "value")))
    return end(ExitCode.OK, result, as_json=as_json)


def compare_runs(ours: Path, theirs: Path, *, as_json: bool) -> int:
    """Numbers and decisions of two runs; exit 1 when they decided differently."""
    compared = compare(*(decisions_of(history_of(_journal_of(place))) for place in (ours, theirs)))
    numbers = [_metrics_of(place) for place in (ours, theirs)]
    if as_json:
        told = {"metrics": {"A": numbers[0], "B": numbers[1]}}
        print_json({**told, **msgspec.structs.asdict(compared)})
        return ExitCode.FAILED if compared.differences else ExitCode.OK
    a, b = numbers
    if a is not None and b is not None:
        OUT.print(table("results", _numbers({"a": a, "b": b}), ("what", "a", "b")))
    if compared.differences:
        first = compared.differences[0].at_ns
        rows = [
            {"after_s": f"{(d.at_ns - first) / 1e9:.3f}", "only": d.only, "what": d.what}
            for d in compared.differences[:SHOWN_MAX]
        ]
        OUT.print(table("decisions of one run only", rows, ("after_s", "only", "what")))
    apart = f", at most {compared.shifted_ns / 1e6:.1f} ms apart" if compared.shifted_ns else ""
    alone = len(compared.differences)
    say(f"{compared.same} decisions are the same{apart}; {alone} are of one run only")
    if len(compared.differences) > SHOWN_MAX:
        say(f"the first {SHOWN_MAX} are shown; all of them with --json")
    return ExitCode.FAILED if compared.differences else ExitCode.OK


def _write(out: Path, standing: Standing) -> Metrics:
    run = Run(history_of(out / JOURNAL))
    metrics = metrics_of(run, standing.curve, standing.start_equity)
    _csv(out / "trades.csv", Trade, run.trades)
    _csv(out / "orders.csv", OrderLine, run.orders)
    _csv(out / "equity.csv", Point, standing.curve.points)
    _csv(out / "positions.csv", Holding, standing.holdings)
    _csv(out / "metrics.csv", Metrics, [metrics])
    (out / METRICS).write_bytes(json_line(metrics))
    (out / REPORT).write_text(replay_page(run, standing, metrics))
    return metrics


def _csv(path: Path, kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(kind.__struct_fields__)
        writer.writerows(_cells(row) for row in rows)


def _cells(row: msgspec.Struct) -> list[object]:
    return ["" if v is None else f"{v:f}" if isinstance(v, Decimal) else v for _, v in _fields(row)]


def _fields(row: msgspec.Struct) -> list[tuple[str, object]]:
    return [(name, getattr(row, name)) for name in row.__struct_fields__]


def _numbers(runs: Mapping[str, Metrics]) -> list[dict[str, object]]:
    """A row of each number, runs beside each other; without the rare ones that none of them has."""
    return [
        {
            "what": name.replace("_", " "),
            **{run: _told(getattr(m, name)) for run, m in runs.items()},
        }
        for name in Metrics.__struct_fields__
        if name not in _RARE or any(getattr(metrics, name) for metrics in runs.values())
    ]


def _told(value: object) -> str:
    match value:
        case None:
            return "-"
        case Decimal() | float():
            return f"{value:,.4f}".rstrip("0").rstrip(".")
        case _:
            return str(value)


@contextmanager
def _fresh(out: Path | None) -> Iterator[Path | None]:
    """A place for the journal in a folder that holds no other run. A replay that failed or was stopped leaves
    nothing in it: the same command is free to try again, and fails alike."""
    if out is None:
        yield None
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise BadInput(f"--out {out}: it is not empty; name a new folder, or remove it")
        (out / JOURNAL).parent.mkdir()
    except OSError as error:
        raise BadInput(f"--out {out}: {error.strerror}") from error
    done = False
    try:
        yield out / JOURNAL
        done = True
    finally:
        if not done:
            _empty(out)


def _empty(out: Path) -> None:
    """What is made here, and nothing else."""
    shutil.rmtree((out / JOURNAL).parent)
    for made in (*out.glob("*.csv"), out / METRICS, out / REPORT):
        made.unlink(missing_ok=True)


def _journal_of(place: Path) -> Path:
    """A run's journal: in the folder that `replay --out` wrote, or named itself."""
    journal = place / JOURNAL if place.is_dir() else place
    if not journal.is_file():
        lacks = f"has no {JOURNAL}" if place.is_dir() else "is not there"
        raise BadInput(
            f"{place}: no run, it {lacks}. A run is a folder that {_HOW} wrote, or a desk's journal file"
        )
    return journal


def _metrics_of(place: Path) -> Metrics | None:
    path = place / METRICS
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Metrics)
    except msgspec.MsgspecError as error:
        raise BadInput(
            f"{path}: {error}; it was written by another release: write it again with {_HOW}"
        ) from error
