"""A desk node of a pair whose event loop computes for as long as the file `block_s` says, on SIGUSR1.

The interruption is made here, from outside: the product has no switch for it. Run by the drills as a process
of its own.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from nightdesk.cli.places import load_config
from nightdesk.config import presets
from nightdesk.wiring.node_main import NodeOptions, run_node

BLOCK_S = "block_s"


def main() -> int:
    """Be a node that stands by, and may lead at its start."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--here", default="127.0.0.1", help="a lab's address, where no money is")
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--lead", action="store_true")
    given = parser.parse_args()
    presets._here = lambda host: host == given.here
    base = given.config.resolve().parent

    def block(_number: int, _frame: object) -> None:
        over = time.monotonic() + float((base / BLOCK_S).read_text())
        while time.monotonic() < over:
            pass

    signal.signal(signal.SIGUSR1, block)
    options = NodeOptions(
        base=base, tell_result=True, stands_by=True, rank=given.rank, leads_first=given.lead
    )
    return run_node(load_config(given.config), options)


if __name__ == "__main__":
    sys.exit(main())
