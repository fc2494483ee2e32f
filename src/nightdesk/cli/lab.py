"""`nightdesk lab`: the practice exchange by itself, for any bot."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

app = typer.Typer(no_args_is_help=True, help="The practice exchange.")


@app.callback()
def lab() -> None:
    """Keeps `serve` a command of its own: an app with one command would be that command."""


@app.command(name="serve")
def lab_serve(
    port: Annotated[int, typer.Option(help="0 takes a free one; it is printed.")] = 8085,
    replay: Annotated[list[str] | None, typer.Option(help="Recorded market data.")] = None,
    speed: Annotated[float, typer.Option(help="How fast a recording plays.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Draws of the generated market.")] = 1,
    accounts: Annotated[
        Path | None, typer.Option(help=escape("TOML with [[account]] tables."))
    ] = None,
    usdm: Annotated[bool, typer.Option("--usdm", help="USD-M perpetuals beside spot.")] = False,
    usdm_replay: Annotated[list[str] | None, typer.Option(help="Recorded perpetuals.")] = None,
) -> None:
    """Serve the practice exchange: Binance spot and USD-M futures on this machine."""
    from nightdesk.lab.__main__ import main as lab_main

    arguments = ["--port", str(port), "--speed", str(speed), "--seed", str(seed)]
    for path in replay or []:
        arguments += ["--replay", path]
    if accounts is not None:
        arguments += ["--accounts", str(accounts)]
    if usdm:
        arguments.append("--usdm")
    for path in usdm_replay or []:
        arguments += ["--usdm-replay", path]
    raise typer.Exit(lab_main(arguments))
