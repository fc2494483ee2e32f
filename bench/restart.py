"""From an existing journal to a state that may trade: open, lease, newest snapshot, replay of the rest.

The last snapshot is as old as a node lets it get (19,999 records). Beside it the whole journal without any
snapshot: what a damaged snapshot table would cost.
"""

import asyncio
import time
from pathlib import Path

from bench.core import settings
from bench.journals import built
from bench.measure import Figure, Run, at_most
from nightdesk.adapters.system import SystemClock
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.desk.desk import Desk
from nightdesk.node.recovery import recover
from nightdesk.ports.journal import Holder

AIM_S = 1.0


def measure(run: Run) -> list[Figure]:
    """Run it."""
    sizes = (10_000, 100_000) if run.quick else (10_000, 100_000, 1_000_000)
    figures = []
    for size in sizes:
        path = built(run.folder, size)
        size_mb = path.stat().st_size / 1e6
        spent = sorted(asyncio.run(_restart(path)) for _ in range(5))
        figure = Figure(name=f"restart at {size:,} records", unit="s", value=spent[2], n=5)
        figures.append(at_most(figure, AIM_S))
        whole = asyncio.run(_restart(path, use_snapshots=False))
        figures.append(Figure(name="... replaying all of it", unit="s", value=whole))
        figures.append(Figure(name="... its file", unit="MB", value=size_mb))
    return figures


async def _restart(path: Path, *, use_snapshots: bool = True) -> float:
    began = time.perf_counter()
    engine = ThreadedJournal(str(path))
    await engine.open()
    granted = await engine.acquire(await engine.lease(), Holder(name="bench"), 1)
    recovered = await recover(engine, SystemClock().wall(), use_snapshots=use_snapshots)
    desk = Desk(recovered.state, settings())
    spent = time.perf_counter() - began
    assert recovered.torn is None, "a journal of ours is whole"
    assert desk.state.counts["fills"] > 0, "the journal held a desk at work"
    await engine.release(granted.epoch)
    await engine.close()
    return spent
