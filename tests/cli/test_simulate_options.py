"""Every command about worlds takes the same options and means the same by them."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from nightdesk.cli.simulate import app
from nightdesk.cli.simulate_options import Worlds, about_worlds

COMMANDS = [[], ["repro"], ["shrink"], ["explain"], ["check-determinism"]]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command_offers_them(command: list[str]) -> None:
    told = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert told.exit_code == 0
    for name in Worlds._fields:
        assert told.stdout.count(f"--{name} ") == 1, name
    assert "--worlds" not in told.stdout


def test_a_command_hears_them_beside_its_own() -> None:
    heard: list[tuple[int, Worlds, bool]] = []
    one = typer.Typer()

    @one.command()
    @about_worlds
    def command(seed: int, worlds: Worlds, loud: bool = False) -> None:
        heard.append((seed, worlds, loud))

    typed = ["7", "--minutes", "2", "-c", "desk.toml", "--shuffle", "--loud"]
    for arguments in (["7"], typed):
        told = CliRunner().invoke(one, arguments)
        assert told.exit_code == 0, told.output
    assert heard[0] == (7, Worlds(), False)
    assert heard[1] == (7, Worlds(minutes=2.0, config=Path("desk.toml"), shuffle=True), True)
