"""What `nightdesk simulate` does: worlds run, repeated, made small, compared."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import msgspec
from rich.progress import Progress

from nightdesk.cli.places import config_text
from nightdesk.cli.simulate_report import Ran, html_report, print_report
from nightdesk.cli.tables import ERR, OUT, print_json, say
from nightdesk.config.load import load
from nightdesk.control.messages import ExitCode
from nightdesk.lab.settings import KNOWN_SYMBOLS
from nightdesk.model.errors import BadInput
from nightdesk.node.practice import practice_text
from nightdesk.node.purity import reaches_of
from nightdesk.simulation.campaign import (
    WALL_S_MAX,
    Outcome,
    SeedOptions,
    nodes_of,
    parts_of,
    run_seed,
    seeds_of,
)
from nightdesk.simulation.faults import check_faults
from nightdesk.simulation.keeping import Keep
from nightdesk.simulation.scenario import Scenario, read_scenario, scenario_text
from nightdesk.simulation.shrink import shrink
from nightdesk.simulation.tally import Tally
from nightdesk.simulation.workers import outcomes

TRACE_LINES = 1_000_000
LAST_LINES = 15
LAB_URL = "http://lab"


def options_of(
    profile: str, minutes: float, config: Path | None, strategy: str, *, shuffle: bool = False
) -> SeedOptions:
    """What was typed; raises `BadInput` for a strategy that a world could not repeat."""
    if config is not None and strategy:
        raise BadInput(
            f"{strategy} would run alone on the practice desk, and {config} is another desk: name the strategy "
            "in that file, or leave one of the two out"
        )
    text, base = "", Path()
    if config is not None:
        text, base = config_text(config), config.parent
        for named in load(text, str(config)).strategy:
            _refuse_reaches(str(base / named.kind))
    if strategy:
        _refuse_reaches(strategy)
        text = _with_strategy(strategy)
    return SeedOptions(
        profile=profile, seconds=minutes * 60.0, config=text, base=str(base), shuffle=shuffle
    )


def scenario_options(
    path: Path, config: Path | None, strategy: str, **typed: Any
) -> tuple[str, SeedOptions]:
    """The seed in a scenario's file and what is in it; a desk or strategy that was typed takes the place of its
    own. Raises `BadInput` naming what does not fit."""
    given = _scenario(path)
    if config is None and not strategy:
        config = path.parent / given.config if given.config else None
        strategy = str(path.parent / given.strategy) if given.strategy else ""
    return str(given.seed), given.within(options_of(config=config, strategy=strategy, **typed))


def run_simulation(
    seeds: str,
    options: SeedOptions,
    *,
    jobs: int = 1,
    as_json: bool = False,
    report: Path | None = None,
    keep: Path | None = None,
    wall_s_max: float = WALL_S_MAX,
    all_sometimes: bool = False,
) -> int:
    """Every seed that is not kept already, as a table, or the one world of a scenario, as a line; exit 1 on a
    violation, 130 on Ctrl-C after telling what is done."""
    wanted = _seeds(seeds)
    if report is not None and not report.parent.is_dir():
        raise BadInput(f"--report {report}: there is no folder {report.parent}")
    tally = Tally(options.profile)

    def finished_one(outcome: Outcome) -> None:
        if kept is not None:
            kept.add(outcome)
        tally.add(outcome)
        if not outcome.clean or options.faults is not None:
            _say_outcome(outcome)

    with nullcontext() if keep is None else Keep(keep, options) as kept:
        known = {} if kept is None else kept.known
        if kept is not None:
            _say_kept(kept, wanted)
        for seed in wanted:
            if seed in known:
                tally.add(known[seed])
        left = [seed for seed in wanted if seed not in known]
        ran = Ran(wanted=len(wanted), known=len(wanted) - len(left), jobs=jobs)
        finished = _run(left, options, ran, wall_s_max, finished_one)
    summary = tally.summary()
    never = summary.never if all_sometimes and finished else []
    _tell(tally, options, ran, report=report, as_json=as_json)
    for name in never:
        say(f"never met in {summary.seeds} worlds: {name}")
    if not finished:
        say(_interrupted(summary.seeds, len(wanted), keep))
        return ExitCode.INTERRUPTED
    return ExitCode.OK if summary.clean and not never else ExitCode.FAILED


def run_repro(seed: int, options: SeedOptions, *, trace: bool) -> int:
    """One world again, with everything that was said in it where asked for."""
    outcome = run_seed(seed, options, keep=TRACE_LINES if trace else 0)
    if trace:
        for line in outcome.lines:
            sys.stdout.write(line + "\n")
    _say_outcome(outcome)
    return ExitCode.OK if outcome.clean else ExitCode.FAILED


def run_shrink(
    seed: int, to: Path | None, within_s: float, *, config: Path | None, strategy: str, **typed: Any
) -> int:
    """The smallest world that breaks the same law, as a scenario."""
    options = options_of(config=config, strategy=strategy, **typed)
    first = run_seed(seed, options)
    if first.clean:
        say(f"seed {seed} breaks no law: nothing to shrink")
        return ExitCode.OK
    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task(f"shrinking from {len(first.faults)} faults", total=None)
        small = shrink(
            seed,
            options,
            first.law,
            first.faults,
            progress=lambda runs: progress.update(task, completed=runs),
            within_s=within_s,
        )
    note = f"shrunk from {len(first.faults)} faults in {small.runs} runs"
    if not small.finished:
        note += f"; time was up after {within_s:g} s, a smaller one may exist"
    scenario = Scenario(
        seed=seed,
        faults=small.faults,
        seconds=small.seconds,
        symbols=small.symbols,
        shuffle=options.shuffle,
        parts=parts_of(seed, options),
        nodes=nodes_of(seed, options),
        config="" if config is None else _from(to, config),
        strategy=_from(to, strategy) if strategy else "",
        law=first.law,
        note=note,
    )
    if to is None:
        sys.stdout.write(scenario_text(scenario))
    else:
        to.write_text(scenario_text(scenario))
        say(f"{note}: {to}")
    return ExitCode.FAILED


def run_explain(seed: int, options: SeedOptions) -> int:
    """The last events before a violation, and the same world without faults."""
    outcome = run_seed(seed, options)
    _say_outcome(outcome)
    for fault in outcome.faults:
        OUT.print(fault.told(), markup=False, highlight=False)
    for line in outcome.lines[-LAST_LINES:]:
        marked = "red" if "VIOLATION" in line else None
        OUT.print(line, markup=False, highlight=False, style=marked)
    control = run_seed(seed, msgspec.structs.replace(options, faults=()))
    OUT.print(f"without any fault: {'clean' if control.clean else control.law}", highlight=False)
    return ExitCode.OK if outcome.clean else ExitCode.FAILED


def run_determinism(seeds: int, options: SeedOptions, *, as_json: bool) -> int:
    """The same seeds in two processes that differ in everything but the seed."""
    draw = Random(os.urandom(8))
    first = draw.randrange(1_000_000)
    wanted = f"{first}..{first + seeds - 1}"
    twins = [
        _twin(wanted, options, hash_seed="0", zone="UTC", perturb=0),
        _twin(wanted, options, hash_seed="4242", zone="Asia/Tokyo", perturb=draw.randrange(1, 99)),
    ]
    told = [[msgspec.json.decode(line) for line in twin.splitlines()] for twin in twins]
    different = [a["seed"] for a, b in zip(*told, strict=True) if a != b]
    if as_json:
        print_json({"seeds": wanted, "different": different})
    else:
        OUT.print(f"seeds {wanted}: {len(different)} differ between the twins", highlight=False)
    return ExitCode.OK if not different else ExitCode.FAILED


def _run(
    left: Sequence[int],
    options: SeedOptions,
    ran: Ran,
    wall_s_max: float,
    finished: Callable[[Outcome], None],
) -> bool:
    """Run what is left; False when Ctrl-C or SIGTERM interrupted it: neither leaves a worker behind."""
    started = perf_counter()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            Progress(console=ERR, transient=True) as progress,
            closing(outcomes(left, options, jobs=ran.jobs, wall_s_max=wall_s_max)) as worlds,
        ):
            task = progress.add_task("worlds", total=ran.wanted, completed=ran.known)
            for outcome in worlds:
                finished(outcome)
                ran.now += 1
                progress.advance(task)
    except KeyboardInterrupt:
        return False
    finally:
        signal.signal(signal.SIGTERM, before)
        ran.elapsed_s = perf_counter() - started
    return True


def _tell(
    tally: Tally, options: SeedOptions, ran: Ran, *, report: Path | None, as_json: bool
) -> None:
    summary = tally.summary()
    if report is not None:
        report.write_text(html_report(tally, options, ran))
        say(f"report: {report}")
    if as_json:
        run = {**msgspec.structs.asdict(ran), "a_minute": ran.a_minute}
        print_json({**msgspec.structs.asdict(summary), "run": run})
    elif options.faults is None:  # a table of everything says nothing about one world
        print_report(summary, options, ran)


def _say_kept(kept: Keep, wanted: Sequence[int]) -> None:
    if kept.torn:
        say(f"the last line was never finished: {kept.torn} bytes dropped")
    if kept.others:
        say(f"{kept.others} lines are of other options or another version: kept, not counted")
    again = sum(1 for seed in wanted if seed in kept.known)
    if again:
        say(f"going on: {again} of {len(wanted)} worlds are done already")
    for seed in wanted:
        if seed in kept.known and not kept.known[seed].clean:
            say(f"seed {seed}: {kept.known[seed].law}: {kept.known[seed].what}")


def _interrupted(done: int, wanted: int, keep: Path | None) -> str:
    told = f"interrupted after {done} of {wanted} worlds"
    return told if keep is None else f"{told}; the same command goes on from {keep}"


def _twin(seeds: str, options: SeedOptions, *, hash_seed: str, zone: str, perturb: int) -> str:
    command = [sys.executable, "-m", "nightdesk.simulation.twin", "--seeds", seeds]
    command += ["--options", msgspec.json.encode(options).decode(), "--perturb", str(perturb)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": zone}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadInput(f"a twin failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _seeds(text: str) -> list[int]:
    try:
        return seeds_of(text)
    except ValueError as error:
        raise BadInput(f"--seeds {text!r}: {error}; write 0..199, 7 or 1,5,9") from error


def _scenario(path: Path) -> Scenario:
    try:
        scenario = read_scenario(path)
        check_faults(scenario.faults)
    except (OSError, msgspec.MsgspecError, ValueError, BadInput) as error:
        raise BadInput(f"scenario {path}: {error}") from error
    return scenario


def _from(to: Path | None, path: Path | str) -> str:
    """The way to a file from where the scenario will be."""
    return os.path.relpath(path, Path() if to is None else to.parent)


def _refuse_reaches(strategy: str) -> None:
    file, _, name = strategy.partition(":")
    if not name:
        raise BadInput(f"--strategy {strategy}: which class of it? Write it as {strategy}:Class")
    if not file.endswith(".py"):
        return
    try:
        reaches = reaches_of(Path(file))
    except FileNotFoundError:
        return  # told by whoever loads it
    except (OSError, SyntaxError) as error:
        raise BadInput(f"strategy {file}: {error}") from error
    if reaches:
        listed = "\n  ".join(str(reach) for reach in reaches)
        raise BadInput(f"a world could not repeat this strategy:\n  {listed}")


def _with_strategy(strategy: str) -> str:
    symbols = list(KNOWN_SYMBOLS)
    head = practice_text(LAB_URL, symbols).partition("[[strategy]]")[0]
    listed = ", ".join(f'"binance:{symbol}"' for symbol in symbols)
    quoted = msgspec.json.encode(strategy).decode()
    return f'{head}[[strategy]]\nname = "mine"\nclass = {quoted}\ninstruments = [{listed}]\n'


def _say_outcome(outcome: Outcome) -> None:
    if not outcome.clean:
        say(f"seed {outcome.seed}: {outcome.law}: {outcome.what}")
        return
    flat = outcome.ended.flat_s
    when = "" if flat is None else f"; flat {flat:.1f} s after the faults ended"
    say(f"seed {outcome.seed}: clean{when}")
