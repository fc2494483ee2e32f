"""`nightdesk up`: sockets and processes at speed 1 and 10, one process in virtual time at max."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from nightdesk.cli.places import load_config, practice_folder
from nightdesk.cli.screen import Screen
from nightdesk.cli.tables import ERR, OUT, print_json, say, table
from nightdesk.control.messages import ExitCode, Sample
from nightdesk.model.errors import BadInput
from nightdesk.node.result import Result

SPEEDS = ("1", "10", "max")


def run_up(
    *,
    config: Path | None,
    replay: list[str],
    speed: str,
    seed: int,
    duration_s: float | None,
    headless: bool,
    as_json: bool,
    json_logs: bool,
    folder: Path | None,
) -> int:
    """Start, watch, stop; returns the exit code."""
    if speed not in SPEEDS:
        raise BadInput(f"--speed {speed}: it is 1, 10 or max")
    for path in replay:
        if not Path(path).exists():
            raise BadInput(f"--replay {path}: no such file")
    if config is not None:
        load_config(config)  # every error of the file before anything is started
    place = practice_folder(folder)
    if speed == "max":
        from nightdesk.simulation.replay import ReplayOptions, run_replay

        with reading(shown=bool(replay) and not headless) as told:
            replayed = run_replay(
                ReplayOptions(
                    replay=replay, seed=seed, duration_s=duration_s, config=config, told=told
                )
            )
        return end(ExitCode.OK, replayed, as_json=as_json)
    from nightdesk.wiring.up import Up, UpOptions

    options = UpOptions(
        config=config,
        replay=replay,
        speed=speed,
        seed=seed,
        duration_s=duration_s,
        folder=place,
        json_logs=json_logs,
    )
    with nullcontext() if headless else Screen() as screen:

        def show(sample: Sample | None, state: str) -> None:
            if screen is not None:
                screen.show(sample, state)

        said: list[str] = []
        code, result = Up(options, show, say if screen is None else said.append).run()
    for line in said:
        say(line)
    return end(code, result, as_json=as_json)


@contextmanager
def reading(*, shown: bool) -> Iterator[Callable[[float], None]]:
    """A bar of how much of the recording was read, on stderr and only for a person."""
    if not shown or not ERR.is_terminal:
        yield lambda _share: None
        return
    from rich.progress import Progress

    # Refreshed by hand: a thread that draws would take time from the run it shows.
    with Progress(console=ERR, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("replaying", total=1.0)

        def told(share: float) -> None:
            progress.update(task, completed=share, refresh=True)

        yield told


def end(code: int, result: Result | Sample | None, *, as_json: bool) -> int:
    """Tell what a run came to; exit 1 when anything is doubled, unknown, different or against a law."""
    if as_json and result is not None:
        print_json(result)
    if not isinstance(result, Result):
        return code
    if not as_json:
        _table(result)
    return code if result.clean else ExitCode.FAILED


def _table(result: Result) -> None:
    rows = [
        {"what": "orders", "value": ", ".join(f"{n} {k}" for k, n in result.orders.items() if n)},
        {"what": "fills", "value": f"{result.fills} ({result.partial_fills} partial)"},
        {"what": "volume", "value": f"{result.volume:,.2f}"},
        {
            "what": "fees",
            "value": ", ".join(f"{v:f} {a}" for a, v in result.fees.items()) or "none",
        },
        {"what": "profit realised", "value": f"{result.pnl_realised:,.2f}"},
        {"what": "profit unrealised", "value": f"{result.pnl_unrealised:,.2f}"},
        {
            "what": "positions",
            "value": ", ".join(f"{v:f} {i}" for i, v in result.positions.items()),
        },
        {"what": "doubled", "value": str(result.duplicates)},
        {"what": "unknown", "value": str(result.unknown)},
        {
            "what": "desk minus venue",
            "value": ", ".join(f"{v:f} {i}" for i, v in result.position_diff.items()),
        },
        {"what": "against a law", "value": str(len(result.findings))},
    ]
    OUT.print(table("this run", rows, ("what", "value")))
