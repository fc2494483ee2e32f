"""`nightdesk up`: sockets and processes at speed 1 and 10, one process in virtual time at max."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nightdesk.cli.places import lab_folder, load_config, practice_folder
from nightdesk.cli.screen import Screen
from nightdesk.cli.tables import ERR, OUT, print_json, say, table
from nightdesk.config.schema import Config
from nightdesk.control.messages import ExitCode, Sample
from nightdesk.model.errors import BadInput
from nightdesk.node.compose import codecs_of, plan_of
from nightdesk.node.practice import refuse_unplayed
from nightdesk.node.refused import NobodyToAsk, parts_of, written
from nightdesk.node.result import Result
from nightdesk.wiring.roles import LEADER, PAIR, STANDBY

if TYPE_CHECKING:
    from nightdesk.simulation.replay import ReplayOptions  # loaded only where it is run
    from nightdesk.wiring.up import UpOptions

SPEEDS = ("1", "10", "max")


def run_up(
    *,
    config: Path | None,
    replay: list[str],
    usdm_replay: list[str],
    speed: str,
    seed: int,
    duration_s: float | None,
    headless: bool,
    as_json: bool,
    json_logs: bool,
    folder: Path | None,
    paper: bool = False,
    live: str = "",
    role: str = PAIR,
    rank: int = 1,
) -> int:
    """Start, watch, stop; returns the exit code."""
    replays = bool(replay or usdm_replay)
    _refuse_mixed(paper=paper, live=live, replays=replays, speed=speed)
    _refuse_role(role, replays=replays, paper=paper)
    if speed not in SPEEDS:
        raise BadInput(f"--speed {speed}: it is 1, 10 or max")
    _refuse_absent("--replay", replay)
    _refuse_absent("--usdm-replay", usdm_replay)
    if speed == "max":
        from nightdesk.simulation.replay import ReplayOptions

        options_at_max = ReplayOptions(
            replay=replay, usdm=usdm_replay, seed=seed, duration_s=duration_s, config=config
        )
        replayed = _at_max(options_at_max, shown=replays and not headless)
        return end(ExitCode.OK, replayed, as_json=as_json)
    from nightdesk.wiring.up import UpOptions

    refuse_unplayed(usdm_replay, None if config is None else load_config(config))
    on_lab, place = _checked(config, folder, replays=replays, paper=paper, live=live)
    options = UpOptions(
        config=config,
        on_lab=on_lab,
        paper=paper,
        live=live,
        replay=replay,
        usdm_replay=usdm_replay,
        speed=speed,
        seed=seed,
        duration_s=duration_s,
        folder=place,
        json_logs=json_logs,
        role=LEADER if replays and role == PAIR else role,
        rank=rank,
    )
    code, result = _watched(options, headless=headless, bar=replays and not as_json)
    return end(code, result, as_json=as_json)


def _watched(
    options: "UpOptions", *, headless: bool, bar: bool
) -> tuple[int, Result | Sample | None]:
    """Run it on the screen, which shows how far a recording is, or without one, with a `bar` of its own."""
    from nightdesk.wiring.up import Up

    if headless:
        with reading(shown=bar) as told:
            return Up(options, lambda _sample, _state: None, say, told).run()
    said: list[str] = []
    with Screen() as screen:
        ended = Up(options, screen.show, said.append, screen.played).run()
    for line in said:
        say(line)
    return ended


def _at_max(options: "ReplayOptions", *, shown: bool) -> Result:
    """All of it in this process, in virtual time."""
    from nightdesk.simulation.replay import run_replay

    if options.config is not None:
        load_config(options.config)  # told by its own name, before a world is made
    with reading(shown=shown) as told:
        return run_replay(msgspec.structs.replace(options, told=told, says=say))


def _refuse_absent(option: str, paths: Iterable[str]) -> None:
    for path in paths:
        if not Path(path).exists():
            raise BadInput(
                f"{option} {path}: no such file; without it the lab makes a market of its own"
            )


def _refuse_role(role: str, *, replays: bool, paper: bool) -> None:
    """A recording is played once, to one desk, and a market of its own belongs to who started it."""
    if role not in (PAIR, LEADER, STANDBY):
        raise BadInput(f"--role {role}: it is {PAIR}, {LEADER} or {STANDBY}")
    if role == STANDBY and (replays or paper):
        raise BadInput("--role standby joins a desk that runs: leave out --replay and --paper")


def _refuse_mixed(*, paper: bool, live: str, replays: bool, speed: str) -> None:
    """One market, one venue: options that name two are a mistake about what is at stake."""
    if paper and live:
        raise BadInput("--paper risks nothing and --live risks money: type one of them")
    if paper and (replays or speed != "1"):
        raise BadInput("--paper takes its market as it comes: leave out --replay and --speed")
    if live and (replays or speed == "max"):
        raise BadInput("--live names a desk that trades for money: leave out --replay and --speed")


def _checked(
    config: Path | None, folder: Path | None, *, replays: bool, paper: bool, live: str
) -> tuple[bool, Path]:
    """Every error of the config and what it names, before anything is started; whether the desk trades on a lab
    of its own, and where its processes write."""
    if config is None:
        return True, practice_folder(folder)
    loaded = load_config(config)
    if paper and loaded.practises:
        raise BadInput(
            f'--paper: {config} has kind = "practice", which is no venue with a market of its own; write '
            'kind = "binance-spot" or "binance-usdm", or leave out --paper'
        )
    on_lab = replays or paper or loaded.practises
    place = lab_folder(config, folder) if on_lab else practice_folder(folder)
    plan_of(loaded, config.parent)
    if not on_lab:
        codecs_of(loaded, config.parent)
        refuse_unnamed(loaded, config, live)
    return on_lab, place


def refuse_unnamed(loaded: Config, config: Path, live: str) -> None:
    """Real money needs a person who named the desk; whether it is this one, the node finds out."""
    typed = shlex.quote(str(config))
    if not live and any(venue.real for venue in loaded.venue.values()):
        raise BadInput(
            f"{config}: this desk trades real money. See what it is with: nightdesk doctor --config {typed}; "
            f"then start it with the fingerprint that is told there: nightdesk up --config {typed} --live "
            f"FINGERPRINT; without risk: nightdesk up --config {typed} --paper"
        )
    real = [name for name, venue in loaded.venue.items() if venue.real]
    for name in real:
        if not loaded.venue[name].rights_at:
            raise NobodyToAsk(name)
    if live and real and len(parts_of(live)) != len(parts_of(written(len(real)))):
        raise BadInput(
            f"--live {live}: a fingerprint of this desk is written {written(len(real))}; it is told by: "
            f"nightdesk doctor --config {typed}"
        )
    if live and not any(venue.real for venue in loaded.venue.values()):
        raise BadInput(f"--live {live}: no order of {config} costs real money; leave it out")


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
        {"what": "realised", "value": f"{result.pnl_realised:,.2f} before fees and funding"},
        {"what": "unrealised", "value": f"{result.pnl_unrealised:,.2f}"},
        *({"what": name, "value": f"{moved:,.2f}"} for name, moved in _moved(result) if moved),
        {"what": "profit", "value": f"{result.pnl:,.2f} after fees and funding"},
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


def _moved(result: Result) -> list[tuple[str, Decimal]]:
    """What moved wallets besides trades; a transfer is no profit."""
    return [("funding", result.funding), *result.flows.items()]
