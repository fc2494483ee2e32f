"""What a node that stands by costs the one that leads, and how far behind it is.

Two real nodes on real sockets take turns. Beside one of them a process stands by as in production: on its
journal, with the same feeds and connections held. How far behind is from the stamp of the leader's decision to
the same record folded over there: its commit is in it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.measure import ROOT, Figure, Run, held_to, spread
from bench.node import Desk, Venue, desk, venue

GAP_US = 4_000
LAG_MS = 5.0
COST_PERCENT = 5.0
JOINS_WITHIN_S = 20.0


def measure(run: Run) -> list[Figure]:
    """Run it."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> list[Figure]:
    rounds, ticks = run.pick(20, 6), run.pick(150, 80)
    async with (
        venue() as first,
        venue() as second,
        desk(first, run.folder / "covered") as covered,
        desk(second, run.folder / "alone") as alone,
    ):
        lags: list[int] = []
        async with _standing_by(first, covered, run.folder / "covered", lags):
            await first.ticks(300, 2_000)
            await second.ticks(300, 2_000)
            covered.forget()
            alone.forget()
            for turn in range(rounds):
                for each in (first, second) if turn % 2 else (second, first):
                    await each.ticks(ticks, GAP_US)
    return _figures(covered, alone, lags)


def _figures(covered: Desk, alone: Desk, lags: list[int]) -> list[Figure]:
    beside = spread("tick to wire, a node stands by", covered.samples("tick_to_wire"))
    by_itself = spread("tick to wire, alone", alone.samples("tick_to_wire"))
    more = 100.0 * (beside.value / by_itself.value - 1.0)
    cost = Figure(name="... costs", unit="%", value=more)
    lag = spread("decided to folded by the standby", lags, unit="ms", scale=1e6)
    return [
        by_itself,
        beside,
        held_to(cost, f"<= {COST_PERCENT:g} %", more <= COST_PERCENT),
        held_to(lag, f"p99 <= {LAG_MS:g} ms", (lag.p99 or 0.0) <= LAG_MS),
    ]


@asynccontextmanager
async def _standing_by(
    of: Venue, leader: Desk, folder: Path, lags: list[int]
) -> AsyncIterator[None]:
    """While the block runs; `lags` is filled at its end, with what was folded since it began."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "bench.standby", str(folder), of.rest, of.stream)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT)
    try:
        async with asyncio.timeout(JOINS_WITHIN_S):
            while not leader.covered():
                await asyncio.sleep(0.1)
        before = leader.records()
        yield
        told, _ = await process.communicate(b"")
        lags += json.loads(told)[-(leader.records() - before) :]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
