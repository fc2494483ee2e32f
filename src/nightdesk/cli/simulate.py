"""The commands under `nightdesk simulate`."""

from pathlib import Path
from typing import Annotated

import typer

from nightdesk.cli.simulate_options import Worlds, about_worlds

app = typer.Typer(
    help="Put a desk through worlds in which everything fails.", invoke_without_command=True
)

Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]
Seed = Annotated[int, typer.Argument(help="The world's seed.")]


@app.callback()
@about_worlds
def simulate(
    ctx: typer.Context,
    worlds: Worlds,
    seeds: Annotated[str, typer.Option(help="0..199, 7 or 1,5,9.")] = "0..99",
    jobs: Annotated[int, typer.Option(min=1, help="Processes at work.")] = 1,
    scenario: Annotated[Path | None, typer.Option(help="One world, as a file tells it.")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write one HTML file.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Append finished worlds to this file; what is in it is not run again."),
    ] = None,
    world_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds of wall time after which a world has failed.")
    ] = 120.0,
    all_sometimes: Annotated[
        bool, typer.Option(help="Exit 1 also when something that was to happen never did.")
    ] = False,
    json: Json = False,
) -> None:
    """Run worlds; exit 1 when a law is broken in one."""
    if ctx.invoked_subcommand is not None:
        return
    from nightdesk.cli.simulate_runs import options_of, run_simulation, scenario_options

    if scenario is None:
        options = options_of(**worlds._asdict())
    else:
        seeds, options = scenario_options(scenario, **worlds._asdict())
    raise typer.Exit(
        run_simulation(
            seeds,
            options,
            jobs=jobs,
            as_json=json,
            report=report,
            keep=keep,
            wall_s_max=world_timeout,
            all_sometimes=all_sometimes,
        )
    )


@app.command()
@about_worlds
def repro(
    seed: Seed,
    worlds: Worlds,
    trace: Annotated[bool, typer.Option(help="Print everything that was said.")] = False,
) -> None:
    """Run one world again."""
    from nightdesk.cli.simulate_runs import options_of, run_repro

    raise typer.Exit(run_repro(seed, options_of(**worlds._asdict()), trace=trace))


@app.command()
@about_worlds
def shrink(
    seed: Seed,
    worlds: Worlds,
    to: Annotated[Path | None, typer.Option(help="Where the scenario goes; else stdout.")] = None,
    within: Annotated[
        float, typer.Option(min=1.0, help="Seconds of wall time; then the smallest so far.")
    ] = 600.0,
) -> None:
    """Make a failing world small: a scenario to keep."""
    from nightdesk.cli.simulate_runs import run_shrink

    raise typer.Exit(run_shrink(seed, to, within, **worlds._asdict()))


@app.command()
@about_worlds
def explain(seed: Seed, worlds: Worlds) -> None:
    """The last events of a world, its faults, and the same world without them."""
    from nightdesk.cli.simulate_runs import options_of, run_explain

    raise typer.Exit(run_explain(seed, options_of(**worlds._asdict())))


@app.command()
def soak(
    days: Annotated[float, typer.Option(min=0.01, help="Simulated days.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Its market, kills and lost answers.")] = 1,
    slice_hours: Annotated[float, typer.Option(min=0.1, help="Simulated hours a line.")] = 6.0,
    keep: Annotated[Path | None, typer.Option(help="Append every line to this file.")] = None,
    json: Json = False,
) -> None:
    """One long, slow world; exit 1 when memory, the journal or the cost of an order grew."""
    from nightdesk.cli.simulate_soak import run_soak

    raise typer.Exit(run_soak(days, seed, slice_hours, keep=keep, as_json=json))


@app.command("check-determinism")
@about_worlds
def check_determinism(
    worlds: Worlds,
    seeds: Annotated[int, typer.Option(min=1, help="How many fresh seeds.")] = 20,
    json: Json = False,
) -> None:
    """Run the same seeds in two processes that differ in everything else."""
    from nightdesk.cli.simulate_runs import options_of, run_determinism

    raise typer.Exit(run_determinism(seeds, options_of(**worlds._asdict()), as_json=json))
