"""What `nightdesk simulate` does: worlds run, repeated, made small, compared."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import msgspec
from rich.progress import Progress

from nightdesk.cli.simulate_report import html_report, print_report
from nightdesk.cli.tables import ERR, OUT, print_json, say
from nightdesk.control.messages import ExitCode
from nightdesk.lab.settings import KNOWN_SYMBOLS
from nightdesk.model.errors import BadInput
from nightdesk.node.practice import practice_text
from nightdesk.simulation.campaign import (
    Outcome,
    Scenario,
    SeedOptions,
    read_scenario,
    run_seed,
    scenario_text,
    seeds_of,
    summed,
)
from nightdesk.simulation.faults import check_faults
from nightdesk.simulation.purity import reaches_of
from nightdesk.simulation.shrink import shrink

TRACE_LINES = 1_000_000
LAST_LINES = 15
LAB_URL = "http://lab"


def options_of(
    profile: str, minutes: float, config: Path | None, strategy: str, *, shuffle: bool = False
) -> SeedOptions:
    """What was typed; raises `BadInput` for a strategy that a world could not repeat."""
    text, base = "", Path()
    if config is not None:
        try:
            text, base = config.read_text(), config.parent
        except OSError as error:
            raise BadInput(f"{config}: {error.strerror}") from error
    if strategy:
        _refuse_reaches(strategy)
        text = _with_strategy(strategy)
    return SeedOptions(
        profile=profile, seconds=minutes * 60.0, config=text, base=str(base), shuffle=shuffle
    )


def run_simulation(
    seeds: str, options: SeedOptions, *, jobs: int, as_json: bool, report: Path | None
) -> int:
    """Every seed; exit 1 on a violation."""
    wanted = _seeds(seeds)
    if report is not None and not report.parent.is_dir():
        raise BadInput(f"--report {report}: there is no folder {report.parent}")
    outcomes: list[Outcome] = []
    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task("worlds", total=len(wanted))
        for outcome in _all(wanted, options, jobs):
            outcomes.append(outcome)
            progress.advance(task)
            if not outcome.clean:
                say(f"seed {outcome.seed}: {outcome.law}: {outcome.what}")
    summary = summed(outcomes)
    if report is not None:
        report.write_text(html_report(summary, outcomes, options))
        say(f"report: {report}")
    if as_json:
        print_json(summary)
    else:
        print_report(summary, options)
    return ExitCode.OK if summary.clean else ExitCode.FAILED


def run_repro(seed: int, options: SeedOptions, scenario: Path | None, *, trace: bool) -> int:
    """One world again, with everything that was said in it where asked for."""
    faults = None
    if scenario is not None:
        given = _scenario(scenario)
        seed, faults = given.seed, given.faults
        options = msgspec.structs.replace(options, seconds=given.seconds)
    outcome = run_seed(seed, options, faults, keep=TRACE_LINES if trace else 0)
    if trace:
        for line in outcome.lines:
            sys.stdout.write(line + "\n")
    _say_outcome(outcome)
    return ExitCode.OK if outcome.clean else ExitCode.FAILED


def run_shrink(seed: int, options: SeedOptions, to: Path | None) -> int:
    """The smallest world that breaks the same law, as a scenario."""
    first = run_seed(seed, options)
    if first.clean:
        say(f"seed {seed} breaks no law: nothing to shrink")
        return ExitCode.OK
    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task(f"shrinking from {len(first.faults)} faults", total=None)
        small = shrink(seed, options, first.law, lambda runs: progress.update(task, completed=runs))
    note = f"shrunk from {len(first.faults)} faults in {small.runs} runs"
    scenario = Scenario(
        seed=seed, faults=small.faults, seconds=small.seconds, law=first.law, note=note
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
    control = run_seed(seed, options, [])
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


def _all(seeds: Sequence[int], options: SeedOptions, jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from (run_seed(seed, options) for seed in seeds)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(partial(_one, options), seeds, chunksize=2)


def _one(options: SeedOptions, seed: int) -> Outcome:
    return run_seed(seed, options)


def _twin(seeds: str, options: SeedOptions, *, hash_seed: str, zone: str, perturb: int) -> str:
    command = [sys.executable, "-m", "nightdesk.simulation.twin", "--seeds", seeds]
    command += ["--profile", options.profile, "--seconds", str(options.seconds)]
    command += ["--perturb", str(perturb)]
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


def _refuse_reaches(strategy: str) -> None:
    file = strategy.partition(":")[0]
    if not file.endswith(".py"):
        return
    try:
        reaches = reaches_of(Path(file))
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
