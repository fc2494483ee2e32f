"""`nightdesk limits`: what is used of each, and another one while the desk runs."""

from typing import Annotated

import typer

from nightdesk.cli.options import ConfigOption, FolderOption, JsonOption, ReasonOption

app = typer.Typer(invoke_without_command=True)


def _names() -> list[str]:
    """What can be set; read where a shell asks for it, since every start of the command would pay for it."""
    from nightdesk.desk.set_limits import LOSSES, OF_ASSET, OF_DESK, OF_INSTRUMENT, OF_STRATEGY

    return sorted({*OF_DESK, *OF_INSTRUMENT, *OF_ASSET, *OF_STRATEGY, *LOSSES})


@app.callback()
def limits(
    context: typer.Context,
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Every limit, what is used of it now, and the worst that was ever allowed; `set` changes one."""
    if context.invoked_subcommand is not None:
        if config or folder or json:
            raise typer.BadParameter("write options behind set")
    else:
        from nightdesk.cli.commands import show_limits

        raise typer.Exit(show_limits(config, folder, as_json=json))


@app.command(name="set")
def set_limit(
    name: Annotated[
        str, typer.Argument(help="As in the config: position_max.", autocompletion=_names)
    ],
    value: Annotated[str, typer.Argument(help="A number, off, or file: what the config says.")],
    instrument: Annotated[str, typer.Option(help="Of this one alone.")] = "",
    strategy: Annotated[str, typer.Option(help="Of this one's own.")] = "",
    asset: Annotated[str, typer.Option(help="Of this base asset, in all its instruments.")] = "",
    reason: ReasonOption = "",
    config: ConfigOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Another limit, at once and journaled; a looser one needs a reason."""
    from nightdesk.cli.commands import change_limit

    whose = {"instrument": instrument, "strategy": strategy, "asset": asset}
    raise typer.Exit(change_limit(name, value, whose, config, folder, reason=reason, as_json=json))
