"""`nightdesk doctor` and `nightdesk venues`, as they are typed."""

from typing import Annotated

import typer

from nightdesk.cli.options import ConfigOption, FolderOption, JsonOption


def venues(json: JsonOption = False) -> None:
    """What a desk can do at each kind of venue; nothing is asked of anybody."""
    from nightdesk.cli.venues import show_venues

    raise typer.Exit(show_venues(as_json=json))


def doctor(
    config: ConfigOption = None,
    folder: FolderOption = None,
    venue: Annotated[
        str,
        typer.Option(
            help="Look at this one alone: its name in the config; without a config, its kind.",
            autocompletion=lambda: ["binance-spot", "binance-usdm"],
        ),
    ] = "",
    preset: Annotated[
        str,
        typer.Option(
            help="Without a config: whose addresses.",
            autocompletion=lambda: ["production", "testnet", "demo"],
        ),
    ] = "",
    symbol: Annotated[str, typer.Option(help="Whose market and fees are looked at.")] = "",
    fees: Annotated[bool, typer.Option("--fees", help="Ask what the account pays.")] = False,
    json: JsonOption = False,
) -> None:
    """Check everything a desk needs, or one venue of it; says how to mend what is not well."""
    if not venue:
        if preset or symbol or fees:
            raise typer.BadParameter("--preset, --symbol and --fees are of one venue: add --venue")
        from nightdesk.cli.doctor import examine

        raise typer.Exit(examine(config, folder, as_json=json))
    from nightdesk.cli.venue_check import Asked, examine_venue

    asked = Asked(venue=venue, preset=preset, symbol=symbol, fees=fees)
    raise typer.Exit(examine_venue(asked, config, as_json=json))
