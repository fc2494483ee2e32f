"""One benchmark in this process; its outcome as JSON on stdout. Started by `bench.run`."""

import gc
import importlib
import sys
from pathlib import Path

import msgspec

from bench.measure import Run, Skipped
from bench.run import Outcome
from nightdesk.wiring.node_main import SWITCH_INTERVAL_S


def main(name: str, folder: str, size: str) -> int:
    """Measure with the interpreter set up as a node's."""
    measure = importlib.import_module(f"bench.{name}").measure
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    try:
        figures = measure(Run(quick=size == "quick", folder=Path(folder)))
        outcome = Outcome(bench=name, figures=figures)
    except Skipped as reason:
        outcome = Outcome(bench=name, skipped=str(reason))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
