"""The commands about a desk's nodes: one of them in this process, all of them seen, leadership moved, and who
watches over them.
"""

from pathlib import Path
from typing import Annotated

import typer

from nightdesk.cli.options import ConfigOption, FolderOption, JsonOption


def node(
    config: Annotated[Path, typer.Option("--config", "-c")],
    seed: int = 1,
    with_parent: bool = False,
    result: bool = False,
    json_logs: bool = False,
    log_level: str = "info",
    lab: str = "",
    folder: Path | None = None,
    live: str = "",
    stand_by: bool = False,
    rank: int = 0,
    lead: bool = False,
    existing: bool = False,
) -> None:
    """One desk node in this process, as `up` and service managers start it."""
    from nightdesk.cli.places import load_config
    from nightdesk.cli.up import refuse_unnamed
    from nightdesk.node.practice import against_lab
    from nightdesk.node.refused import NodeAlone
    from nightdesk.wiring.node_main import NodeOptions, run_node

    loaded = load_config(config)
    if lab and folder is not None:
        loaded = against_lab(loaded, lab, folder.resolve())
    if loaded.practises:
        raise NodeAlone(next(iter(loaded.venue)))
    refuse_unnamed(loaded, config, live)
    options = NodeOptions(
        base=config.resolve().parent,
        seed=seed,
        json_logs=json_logs,
        log_level=log_level,
        with_parent=with_parent,
        live=live,
        tell_result=result,
        stands_by=stand_by,
        rank=rank,
        leads_first=lead,
        existing=existing,
    )
    raise typer.Exit(run_node(loaded, options))


def cluster(
    config: ConfigOption = None, folder: FolderOption = None, json: JsonOption = False
) -> None:
    """Who leads, who stands by, lease, epoch, lag, why it was taken over; exit 1 where nobody leads."""
    from nightdesk.cli.cluster import show_cluster

    raise typer.Exit(show_cluster(config, folder, as_json=json))


def switchover(
    wait: Annotated[
        float, typer.Option(help="Wait so many seconds until another leads; 0 returns at once.")
    ] = 10.0,
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Let the node that stands by lead: nothing is cancelled, and the one that led stands by."""
    from nightdesk.cli.cluster import switch_over

    raise typer.Exit(switch_over(config, folder, wait_s=wait, as_json=json))


def guardian(
    config: ConfigOption = None,
    folder: FolderOption = None,
    json_logs: Annotated[bool, typer.Option(help="Its log as JSON.")] = False,
    debug: Annotated[bool, typer.Option(help="Log how things stand every minute, too.")] = False,
) -> None:
    """Watch who leads; where nobody does for too long, tell, and cancel or flatten as the config says."""
    from nightdesk.cli.places import config_file, journal_file, load_config
    from nightdesk.guardian.run import GuardianOptions, run_guardian

    path = config_file(config, folder)
    options = GuardianOptions(
        config=path,
        journal=journal_file(config, folder),
        json_logs=json_logs,
        debug=debug,
    )
    raise typer.Exit(run_guardian(load_config(path), options))
