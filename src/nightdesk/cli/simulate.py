"""The commands under `nightdesk simulate`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Put a desk through worlds in which everything fails.", invoke_without_command=True
)

Profile = Annotated[
    str,
    typer.Option(help="swarm, outage, flash-crash, slow-disk, rate-limit, clock or quiet."),
]
Minutes = Annotated[float, typer.Option(min=0.1, help="How long faults may strike in each world.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="A desk.toml of your own.")]
Mine = Annotated[str, typer.Option("--strategy", help="your.py:Class, alone on the practice desk.")]
Shuffle = Annotated[bool, typer.Option(help="Run what is ready in a drawn order: a stress.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]
Seed = Annotated[int, typer.Argument(help="The world's seed.")]


@app.callback()
def simulate(
    ctx: typer.Context,
    seeds: Annotated[str, typer.Option(help="0..199, 7 or 1,5,9.")] = "0..99",
    minutes: Minutes = 5.0,
    profile: Profile = "swarm",
    strategy: Mine = "",
    config: Config = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at work.")] = 1,
    shuffle: Shuffle = False,
    scenario: Annotated[Path | None, typer.Option(help="One world from a scenario file.")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write one HTML file.")] = None,
    json: Json = False,
) -> None:
    """Run worlds; exit 1 when a law is broken in one."""
    if ctx.invoked_subcommand is not None:
        return
    from nightdesk.cli.simulate_runs import options_of, run_repro, run_simulation

    options = options_of(profile, minutes, config, strategy, shuffle=shuffle)
    if scenario is not None:
        raise typer.Exit(run_repro(0, options, scenario, trace=False))
    raise typer.Exit(run_simulation(seeds, options, jobs=jobs, as_json=json, report=report))


@app.command()
def repro(
    seed: Seed,
    minutes: Minutes = 5.0,
    profile: Profile = "swarm",
    strategy: Mine = "",
    config: Config = None,
    shuffle: Shuffle = False,
    trace: Annotated[bool, typer.Option(help="Print everything that was said.")] = False,
) -> None:
    """Run one world again."""
    from nightdesk.cli.simulate_runs import options_of, run_repro

    options = options_of(profile, minutes, config, strategy, shuffle=shuffle)
    raise typer.Exit(run_repro(seed, options, None, trace=trace))


@app.command()
def shrink(
    seed: Seed,
    minutes: Minutes = 5.0,
    profile: Profile = "swarm",
    strategy: Mine = "",
    config: Config = None,
    to: Annotated[Path | None, typer.Option(help="Where the scenario goes; else stdout.")] = None,
) -> None:
    """Make a failing world small: a scenario to keep."""
    from nightdesk.cli.simulate_runs import options_of, run_shrink

    raise typer.Exit(run_shrink(seed, options_of(profile, minutes, config, strategy), to))


@app.command()
def explain(
    seed: Seed,
    minutes: Minutes = 5.0,
    profile: Profile = "swarm",
    strategy: Mine = "",
    config: Config = None,
) -> None:
    """The last events of a world, its faults, and the same world without them."""
    from nightdesk.cli.simulate_runs import options_of, run_explain

    raise typer.Exit(run_explain(seed, options_of(profile, minutes, config, strategy)))


@app.command("check-determinism")
def check_determinism(
    seeds: Annotated[int, typer.Option(min=1, help="How many fresh seeds.")] = 20,
    minutes: Minutes = 2.0,
    profile: Profile = "swarm",
    json: Json = False,
) -> None:
    """Run the same seeds in two processes that differ in everything else."""
    from nightdesk.cli.simulate_runs import options_of, run_determinism

    raise typer.Exit(run_determinism(seeds, options_of(profile, minutes, None, ""), as_json=json))
