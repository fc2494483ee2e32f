"""What a person notices: how long `--help` and an import take, and how much memory a whole replay needs."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.frames import RECORDING, shared
from bench.measure import Figure, Run, at_most

HELP_S = 0.3
RSS_MIB = 120.0
TIMES = 7


def measure(run: Run) -> list[Figure]:
    """Run it; the commands take turns."""
    commands = {
        "nightdesk --help": [sys.executable, "-m", "nightdesk.cli.main", "--help"],
        "import of a node": [sys.executable, "-c", "import nightdesk.wiring.node_main"],
        "python itself": [sys.executable, "-c", "pass"],
    }
    walls: dict[str, list[float]] = {name: [] for name in commands}
    peaks: dict[str, float] = {}
    for _ in range(run.pick(TIMES, 3)):
        for name, command in commands.items():
            wall, peaks[name] = _timed(command)
            walls[name].append(wall)
    figures = []
    for name, values in walls.items():
        middle = sorted(values)[len(values) // 2]
        figures.append(Figure(name=name, unit="s", value=middle, n=len(values)))
    figures[0] = at_most(figures[0], HELP_S)
    peak = peaks["import of a node"]
    figures.append(Figure(name="peak memory after importing a node", unit="MiB", value=peak))
    return figures + _replay(run)


def _replay(run: Run) -> list[Figure]:
    recording = shared() / RECORDING
    command = [sys.executable, "-m", "nightdesk.cli.main", "up", "--headless", "--json"]
    command += ["--speed", "max", "--folder", str(run.folder / "replay-max")]
    name = "the whole 2024-08-08 recording at max"
    if recording.exists():
        command += ["--replay", str(recording)]
    else:
        name = "two virtual minutes of the generated market at max"
        command += ["--duration", "120"]
    wall, peak = _timed(command)
    rss = Figure(name=f"peak memory: {name}", unit="MiB", value=peak)
    return [
        at_most(rss, RSS_MIB),
        Figure(name="... wall time, desk and exchange", unit="s", value=wall),
    ]


def _timed(command: Sequence[str]) -> tuple[float, float]:
    """Wall seconds and the peak of the process's memory in MiB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    spent = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    assert code == 0, f"{' '.join(command)}: exit {code}"
    return spent, usage.ru_maxrss / 1024
