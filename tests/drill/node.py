"""A desk node of a pair whose event loop computes for as long as the file `block_s` says, on SIGUSR1, and
which can be of a later release.

Both are made here, from outside: the product has no switch for them. Run by the drills as a process of its own.
"""

import argparse
import asyncio
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from nightdesk.cli.places import load_config
from nightdesk.config import presets
from nightdesk.model import records
from nightdesk.model.errors import Fenced
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.node import node, opening, standby
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.runtime.lease import Lease
from nightdesk.wiring.node_main import NodeOptions, run_node

BLOCK_S = "block_s"


def _deaf_to_the_fence() -> None:
    """A bug: a leader takes a refusal by the fence for a commit, and never hears that its lease is gone."""
    committed, renew = JournalWriter._committed, Lease.renew

    def deaf(self: Any, future: "asyncio.Future[None]") -> None:
        if isinstance(future.exception(), Fenced):
            future = asyncio.get_running_loop().create_future()
            future.set_result(None)
        committed(self, future)

    async def renewed(self: Any) -> None:
        with suppress(Fenced):
            await renew(self)
        self.until = Mono(self._clock.mono() + SECOND_NS)

    JournalWriter._committed = deaf  # type: ignore[method-assign]
    Lease.renew = renewed  # type: ignore[method-assign]


PLANTS = {"deaf to the fence": _deaf_to_the_fence}


def main() -> int:
    """Be a node that stands by, and may lead at its start."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--here", default="127.0.0.1", help="a lab's address, where no money is")
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--lead", action="store_true")
    parser.add_argument("--releases", type=int, default=0, help="how many later than this one")
    parser.add_argument("--plant", choices=list(PLANTS))
    given = parser.parse_args()
    if given.plant:
        PLANTS[given.plant]()
    for reads in (records, node, opening, standby):
        reads.GENERATION += given.releases  # type: ignore[attr-defined]
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
