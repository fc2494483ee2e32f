"""What every command about worlds is told, written once."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer


def _profiles() -> list[str]:
    from nightdesk.simulation.faults import PROFILES

    return list(PROFILES)


class Worlds(NamedTuple):
    """Options of every command about worlds, as they are typed."""

    minutes: Annotated[
        float, typer.Option(min=0.1, help="How long faults may strike in each world.")
    ] = 5.0
    profile: Annotated[
        str,
        typer.Option(
            help="swarm, outage, flash-crash, slow-disk, rate-limit, clock, stops, leaders or quiet.",
            autocompletion=_profiles,
        ),
    ] = "swarm"
    strategy: Annotated[str, typer.Option(help="your.py:Class, alone on the practice desk.")] = ""
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A desk.toml of your own.")
    ] = None
    shuffle: Annotated[bool, typer.Option(help="Run what is ready in a drawn order: a stress.")] = (
        False
    )


def about_worlds(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Worlds`, which it hears as its parameter `worlds`."""
    hints = get_type_hints(Worlds, include_extras=True)
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=Worlds._field_defaults[name],
            annotation=hints[name],
        )
        for name in Worlds._fields
    ]
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "worlds"
    ]

    @wraps(command)
    def told(**given: Any) -> None:
        worlds = Worlds(**{name: given.pop(name) for name in Worlds._fields})
        command(worlds=worlds, **given)

    told.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]  # what typer reads
    told.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
    return told
