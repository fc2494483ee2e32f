"""Completion in a shell: typer's, for the command by its name, whatever started this process."""

import os
import sys
from contextlib import redirect_stdout, suppress
from enum import StrEnum
from io import StringIO

import typer

NAME = "nightdesk"
COMPLETE_VAR = "_NIGHTDESK_COMPLETE"  # the shell asks through it; typer and click fix its spelling


class Shell(StrEnum):
    """Whose script can be printed."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def speak_shell() -> None:
    """Have typer answer in its own scripts' way: it learns to only while it makes the options we leave out."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()


def print_script(app: typer.Typer, shell: Shell) -> None:
    """The script on stdout, asked of typer the way a shell would."""
    speak_shell()
    os.environ[COMPLETE_VAR] = f"source_{shell}"
    with redirect_stdout(StringIO()) as said, suppress(SystemExit):
        app(args=[], prog_name=NAME)
    sys.stdout.write(said.getvalue().strip() + "\n")  # zsh wants #compdef on the first line
