"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

from nightdesk.wiring.roles import LEADER, PAIR, STANDBY

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="desk.toml; without it: the practice desk.")
]
UsdmReplayOption = Annotated[
    list[str] | None,
    typer.Option("--usdm-replay", help="Recorded perpetuals, for a config that trades them."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]
FolderOption = Annotated[Path | None, typer.Option(help="Where the practice desk keeps its files.")]
RoleOption = Annotated[
    str,
    typer.Option(
        help="pair: a node that leads and one that stands by; leader: one alone; standby: one more that "
        "stands by a desk that runs.",
        autocompletion=lambda: [PAIR, LEADER, STANDBY],
    ),
]
RankOption = Annotated[
    int,
    typer.Option(min=1, help="Of several nodes that stand by, those of a lesser rank lead first."),
]
OutOption = Annotated[
    Path | None, typer.Option(help="A new folder for trades, orders, equity, metrics, a report.")
]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; it is journaled.")]
VenueLogOption = Annotated[
    list[str],
    typer.Option(
        metavar="[VENUE=]FILE",
        help="What the venue did: JSON lines, as the lab's GET /lab/log has them; "
        "VENUE=FILE for each, where a desk's venues have logs of their own.",
    ),
]
