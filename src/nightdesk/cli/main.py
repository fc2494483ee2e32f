"""`nightdesk`: the commands of a desk."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nightdesk.cli.checks import doctor, venues
from nightdesk.cli.completion import COMPLETE_VAR, NAME, Shell
from nightdesk.cli.lab import app as lab_app
from nightdesk.cli.limits import app as limits_app
from nightdesk.cli.node import cluster, guardian, node, switchover
from nightdesk.cli.options import (
    ConfigOption,
    FolderOption,
    JsonOption,
    OutOption,
    RankOption,
    ReasonOption,
    RoleOption,
    UsdmReplayOption,
    VenueLogOption,
)
from nightdesk.cli.simulate import app as simulate_app
from nightdesk.wiring.roles import PAIR

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,  # typer's two options want a terminal to look at; `completion` does not
    pretty_exceptions_enable=False,
    help="A trading desk that does not sleep. Start with: nightdesk up; a desk of your own: nightdesk init",
    context_settings={"help_option_names": ["-h", "--help"]},
)
journal_app = typer.Typer(no_args_is_help=True, help="Read a journal: also while its desk runs.")
new_app = typer.Typer(no_args_is_help=True, help="Write a commented file to begin with.")
app.add_typer(new_app, name="new")
app.add_typer(limits_app, name="limits")
app.add_typer(lab_app, name="lab")
app.add_typer(journal_app, name="journal")
app.add_typer(simulate_app, name="simulate")

VENUES = ["practice", "practice-usdm", "binance-spot", "binance-usdm"]
VenuesOption = Annotated[
    list[str],
    typer.Option(
        help=f"{', '.join(VENUES[:-1])} or {VENUES[-1]}; spot and perpetuals with two of them.",
        autocompletion=lambda: VENUES,
    ),
]
SymbolsOption = Annotated[list[str], typer.Option(help="To trade; repeat it for several.")]


@app.command()
def up(
    config: ConfigOption = None,
    replay: Annotated[
        list[str] | None,
        typer.Option(help="Recorded market data for the lab: a raw capture or a CSV; repeatable."),
    ] = None,
    usdm_replay: UsdmReplayOption = None,
    speed: Annotated[
        str,
        typer.Option(
            help="1, 10 or max: how fast the lab's market runs.",
            autocompletion=lambda: ["1", "10", "max"],
        ),
    ] = "1",
    seed: Annotated[int, typer.Option(help="Draws of the lab's market and of the strategies.")] = 1,
    duration: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    headless: Annotated[bool, typer.Option(help="Draw nothing.")] = False,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="The venue's live market, play money: orders go to a lab."),
    ] = False,
    live: Annotated[
        str,
        typer.Option(help="Real money: the desk's fingerprint, as nightdesk doctor tells it."),
    ] = "",
    json: JsonOption = False,
    json_logs: Annotated[bool, typer.Option(help="The node's log as JSON.")] = False,
    folder: FolderOption = None,
    role: RoleOption = PAIR,
    rank: RankOption = 1,
) -> None:
    """Start a desk: the practice desk, or the one a config file describes."""
    from nightdesk.cli.up import run_up

    raise typer.Exit(
        run_up(
            config=config,
            replay=replay or [],
            usdm_replay=usdm_replay or [],
            speed=speed,
            seed=seed,
            duration_s=duration,
            headless=headless or json,
            as_json=json,
            json_logs=json_logs,
            folder=folder,
            paper=paper,
            live=live,
            role=role,
            rank=rank,
        )
    )


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is not there.")] = Path(),
    venue: VenuesOption = ["practice"],  # noqa: B006 typer copies it
    symbol: SymbolsOption = ["BTCUSDT"],  # noqa: B006 typer copies it
    size: Annotated[str, typer.Option(help="One order, in the base asset.")] = "0.01",
    order_max: Annotated[str, typer.Option(help="One order at most, in the quote asset.")] = "5000",
    gross_max: Annotated[
        str, typer.Option(help="Everything at most, in the quote asset.")
    ] = "10000",
    strategy: Annotated[str, typer.Option(help="The name of its strategy.")] = "dip",
    interactive: Annotated[bool, typer.Option("--interactive", help="Ask for each.")] = False,
) -> None:
    """Write a desk.toml, a strategy and its test: a desk that runs. Overwrites nothing."""
    from nightdesk.cli.starter.write import new_desk

    raise typer.Exit(
        new_desk(
            folder,
            venues=venue,
            symbols=symbol,
            size=size,
            order_max=order_max,
            gross_max=gross_max,
            strategy=strategy,
            interactive=interactive,
        )
    )


@new_app.command(name="strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(help="A Python name: my_idea makes my_idea.py:MyIdea.")],
    folder: Annotated[Path, typer.Option(help="Where; made if it is not there.")] = Path(),
) -> None:
    """Write a strategy with every handler, and its test. Overwrites nothing."""
    from nightdesk.cli.starter.write import new_strategy

    raise typer.Exit(new_strategy(name, folder))


@app.command()
def completion(shell: Annotated[Shell, typer.Argument(help="Whose script.")]) -> None:
    """Print the script that completes `nightdesk` in a shell: eval "$(nightdesk completion bash)"."""
    from nightdesk.cli.completion import print_script

    print_script(app, shell)


@app.command()
def status(
    config: ConfigOption = None, folder: FolderOption = None, json: JsonOption = False
) -> None:
    """Mode and why, markets, exposure, orders, money, journal."""
    from nightdesk.cli.commands import show_status

    raise typer.Exit(show_status(config, folder, as_json=json))


@app.command()
def orders(
    config: ConfigOption = None, folder: FolderOption = None, json: JsonOption = False
) -> None:
    """The live orders."""
    from nightdesk.cli.commands import show_rows

    raise typer.Exit(show_rows("orders", config, folder, as_json=json))


@app.command()
def positions(
    config: ConfigOption = None, folder: FolderOption = None, json: JsonOption = False
) -> None:
    """What every strategy holds and earned."""
    from nightdesk.cli.commands import show_rows

    raise typer.Exit(show_rows("positions", config, folder, as_json=json))


@app.command()
def replay(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Recorded market data, of one or more markets; else a generated one."),
    ] = None,
    usdm_replay: UsdmReplayOption = None,
    config: ConfigOption = None,
    seed: Annotated[int, typer.Option(help="Draws of the lab and of the strategies.")] = 1,
    duration: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """A desk on recorded data as fast as this machine can, with results worth reading."""
    from nightdesk.cli.replay import run_to

    raise typer.Exit(
        run_to(
            files or [],
            usdm_replay or [],
            config=config,
            seed=seed,
            duration_s=duration,
            out=out,
            as_json=json,
        )
    )


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="What replay --out wrote, or a journal.")],
    b: Annotated[Path, typer.Argument(help="Another.")],
    json: JsonOption = False,
) -> None:
    """Two runs, decision by decision; exit 1 when they differ."""
    from nightdesk.cli.replay import compare_runs

    raise typer.Exit(compare_runs(a, b, as_json=json))


@app.command()
def pause(
    reason: ReasonOption = "",
    keep: Annotated[bool, typer.Option(help="Keep resting entries.")] = False,
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """No new risk from now on; resting entries are cancelled. Survives a crash."""
    from nightdesk.cli.commands import command

    raise typer.Exit(command("pause", config, folder, reason=reason, keep=keep, as_json=json))


@app.command()
def resume(
    reason: ReasonOption,
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Lift what needs a person: a pause, a flatten, a crash, a difference you have looked at."""
    from nightdesk.cli.commands import command

    raise typer.Exit(command("resume", config, folder, reason=reason, as_json=json))


@app.command(name="cancel-all")
def cancel_all(
    protective: Annotated[bool, typer.Option(help="Also what protects positions.")] = False,
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Cancel every open order of the desk; what protects positions stays, unless told otherwise."""
    from nightdesk.cli.commands import command

    raise typer.Exit(command("cancel-all", config, folder, protective=protective, as_json=json))


@app.command()
def flatten(
    reason: ReasonOption = "",
    wait: Annotated[
        float, typer.Option(help="Watch for so many seconds; 0 returns at once.")
    ] = 60.0,
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Cancel all, close what lies above the baseline, verify at the venue. Latches no new risk."""
    from nightdesk.cli.commands import flatten_and_wait

    raise typer.Exit(flatten_and_wait(config, folder, reason=reason, wait_s=wait, as_json=json))


@app.command()
def explain(
    id: Annotated[str, typer.Argument(help="A client order id, a trade id, or epoch.slot.")],
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """The chain of one order, from the market it was decided on to its last fill."""
    from nightdesk.cli.explain import explain_id

    raise typer.Exit(explain_id(id, config, folder, as_json=json))


app.command(hidden=True)(node)
app.command()(doctor)
app.command()(cluster)
app.command()(switchover)
app.command()(guardian)
app.command()(venues)


@app.command()
def audit(
    journal: Annotated[Path, typer.Option(help="The journal of a desk that has stopped.")],
    venue_log: VenueLogOption,
    account: Annotated[
        str, typer.Option(help="The desk's account, where the venue's log has several.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Hold a journal and the venue's log against the laws; exit 1 when one is violated."""
    from nightdesk.cli.audit import audit_files

    raise typer.Exit(audit_files(journal, venue_log, account=account, as_json=json))


@journal_app.command()
def verify(path: Path, json: JsonOption = False) -> None:
    """Check every checksum, every link and every snapshot."""
    from nightdesk.cli.journal import verify_journal

    raise typer.Exit(verify_journal(path, as_json=json))


@journal_app.command()
def show(
    path: Path,
    last: Annotated[int, typer.Option(help="How many records from the end.")] = 20,
    json: JsonOption = False,
) -> None:
    """The last records, one a line."""
    from nightdesk.cli.journal import show_journal

    raise typer.Exit(show_journal(path, last=last, as_json=json))


@journal_app.command()
def export(path: Path) -> None:
    """Every record as a line of JSON on stdout."""
    from nightdesk.cli.journal import export_journal

    raise typer.Exit(export_journal(path))


@journal_app.command()
def size(path: Path, json: JsonOption = False) -> None:
    """Bytes on disk: journal, WAL, reserve."""
    from nightdesk.cli.journal import journal_size

    raise typer.Exit(journal_size(path, as_json=json))


def main() -> None:
    """The entry point; every error a person can mend is one sentence, not a traceback."""
    from nightdesk.cli.errors import told

    if COMPLETE_VAR in os.environ:
        from nightdesk.cli.completion import speak_shell

        speak_shell()
    sys.exit(told(lambda: app(prog_name=NAME)))


if __name__ == "__main__":
    main()
