"""The printed script, in the shell that it is for."""

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.test_main import run

pytestmark = pytest.mark.process


@pytest.fixture
def found(tmp_path: Path) -> dict[str, str]:
    """An environment in which `nightdesk` is found."""
    command = tmp_path / "nightdesk"
    command.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m nightdesk.cli.main "$@"\n'
    )
    command.chmod(stat.S_IRWXU)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("nightdesk sim", {"simulate"}),
        ("nightdesk new s", {"strategy"}),
        ("nightdesk simulate --profile fl", {"flash-crash"}),
        ("nightdesk simulate shrink --profile sl", {"slow-disk"}),
        ("nightdesk up --speed m", {"max"}),
        ("nightdesk init --venue b", {"binance-spot", "binance-usdm"}),
        ("nightdesk limits set gross", {"gross_max"}),
        ("nightdesk completion f", {"fish"}),
        ("nightdesk ven", {"venues"}),
        ("nightdesk doctor --venue binance-u", {"binance-usdm"}),
        ("nightdesk doctor --preset t", {"testnet"}),
    ],
)
def test_bash_completes_commands_and_values(
    line: str, offered: set[str], found: dict[str, str]
) -> None:
    script = run("completion", "bash")
    assert script.returncode == 0
    assert script.stderr == ""
    words = line.split()
    typed = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
    asked = f'{script.stdout}\n{typed}_nightdesk_completion nightdesk\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", asked], capture_output=True, text=True, check=False, env=found
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_reads_its_script(shell: str) -> None:
    script = run("completion", shell).stdout
    assert "_NIGHTDESK_COMPLETE=complete_" + shell in script
    assert script.startswith("#compdef nightdesk\n") == (shell == "zsh")
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_a_shell_without_a_script_is_told_with_those_that_have_one() -> None:
    done = run("completion", "csh")
    assert done.returncode == 2
    assert all(shell in done.stderr for shell in ("bash", "zsh", "fish"))
