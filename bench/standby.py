"""A node that stands by in a process of its own, and how far behind the leader's stamps it folds.

`python -m bench.standby FOLDER REST STREAM`; the end of its input ends it, and it prints every lag in ns as
JSON.
"""

import asyncio
import json
import sys
from pathlib import Path

from bench.node import standing_by
from nightdesk.adapters.system import SystemClock
from nightdesk.desk.state import DeskState
from nightdesk.model.ids import Seq
from nightdesk.model.records import Record
from nightdesk.model.time import Wall


def _lags() -> list[int]:
    """Filled from now on, once for each record that is folded here."""
    found: list[int] = []
    clock, fold = SystemClock(), DeskState.apply
    folded = Seq(0)

    def apply(self: DeskState, record: Record, seq: Seq, at: Wall) -> None:
        nonlocal folded
        fold(self, record, seq, at)
        if seq > folded:  # a snapshot is folded again to be compared
            folded = seq
            found.append(clock.wall() - at)

    DeskState.apply = apply  # type: ignore[method-assign]  # measured from outside
    return found


async def _stand(folder: Path, rest: str, stream: str) -> None:
    lags = _lags()
    async with standing_by(rest, stream, folder):
        await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(lags))


if __name__ == "__main__":
    asyncio.run(_stand(Path(sys.argv[1]), *sys.argv[2:4]))
