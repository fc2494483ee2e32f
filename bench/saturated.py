"""A pair on a machine with no core to spare: nobody takes over from a leader that is merely slow.

`python -m bench.saturated --minutes 60`. As many processes as there are cores compute and do nothing else
while a pair trades on a lab. Any epoch but the first is a takeover for nothing. At the end the pair is stopped
in order and audited. Prints one line of JSON; exit 1 where somebody took over, or the audit found anything.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.drill.pair import Pair

LOOK_EVERY_S = 1.0
BURNS = "while True: pass"


@contextmanager
def saturated(cores: int) -> Iterator[None]:
    """Every core computes meanwhile."""
    burning = [subprocess.Popen([sys.executable, "-c", BURNS]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def hold(minutes: float, cores: int) -> dict[str, object]:
    """What came of so many minutes, with so many processes that compute beside the pair."""
    with ExitStack() as undo:
        pair = Pair(Path(undo.enter_context(TemporaryDirectory(prefix="nd"))), 1)
        undo.callback(pair.close)
        pair.begin_both()
        first = pair.runs()
        modes: dict[str, int] = {}
        busy: list[float] = []
        with saturated(cores):
            until = time.monotonic() + minutes * 60
            while time.monotonic() < until:
                time.sleep(LOOK_EVERY_S)
                busy.append(os.getloadavg()[0])
                told = pair.heard()
                mode = "silent" if told is None else told.mode
                modes[mode] = modes.get(mode, 0) + 1
        sample, result = pair.stopped()
    return {
        "minutes": minutes,
        "computing": cores,
        "load": round(sum(busy) / len(busy), 1),
        "takeovers": sample.epoch - first.epoch,
        "seconds_in_mode": modes,
        "orders": result.orders,
        "fills": result.fills,
        "duplicates": result.duplicates,
        "findings": [f"{found.law}: {found.order} {found.what}" for found in result.findings],
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    every = os.cpu_count() or 1
    parser.add_argument("--computing", type=int, default=every, help="0 where all cores are busy")
    given = parser.parse_args()
    told = hold(given.minutes, given.computing)
    print(json.dumps(told))
    return 1 if told["takeovers"] or told["findings"] or told["duplicates"] else 0


if __name__ == "__main__":
    sys.exit(main())
