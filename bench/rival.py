"""From a quote in memory to the order at the execution client, beside NautilusTrader doing the same.

Ours includes the journal's record, its frame and one turn of the loop, with an append that is done at once;
neither side signs or writes. The two take turns. NautilusTrader is not among our dependencies: set
NIGHTDESK_BENCH_NAUTILUS to a Python that has 1.221 installed.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

from bench.measure import Figure, Run, Skipped, spread
from bench.node import BTCUSDT
from bench.still import StillDesk, one_per_tick_desk
from nightdesk.model.market import Quote

VARIABLE = "NIGHTDESK_BENCH_NAUTILUS"
SIDE = Path(__file__).with_name("rival_nautilus.py")
GAP_S = 0.0005


def measure(run: Run) -> list[Figure]:
    """Run it; ours alone where the other is not installed."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> list[Figure]:
    rounds, ticks = run.pick(12, 4), 300
    other = _Nautilus.found()
    ours, theirs = list[int](), list[int]()
    async with asyncio.TaskGroup() as group:
        desk = one_per_tick_desk(group)
        await _round(desk, ticks, [])
        if other is not None:
            other.round(ticks)
        for _ in range(rounds):
            await _round(desk, ticks, ours)
            if other is not None:
                theirs += other.round(ticks)
    mine = spread("Nightdesk: quote to order at the gateway", ours)
    if other is None:
        none = f"NautilusTrader 1.221: not installed; set {VARIABLE} to a Python that has it"
        return [mine, Figure(name=none, unit="", value=0, n=0)]
    other.close()
    rival = spread(f"NautilusTrader {other.version}: quote to order at the client", theirs)
    ratio = Figure(
        name="... ours over theirs", unit="x", value=mine.value / rival.value, n=len(ours)
    )
    return [mine, rival, ratio]


async def _round(desk: StillDesk, ticks: int, samples: list[int]) -> None:
    for number in range(ticks):
        move = Decimal(number % 50) / 10
        quote = Quote(
            instrument=BTCUSDT,
            bid=Decimal("61700.10") + move,
            bid_qty=Decimal(3),
            ask=Decimal("61700.20") + move,
            ask_qty=Decimal(2),
            update_id=number,
            received=desk.clock.mono(),
        )
        desk.gateway.arrived = 0
        started = time.perf_counter_ns()
        desk.shell.market(quote)
        await asyncio.sleep(GAP_S)
        if desk.gateway.arrived:
            samples.append(desk.gateway.arrived - started)


class _Nautilus:
    """The other side's process."""

    def __init__(self, python: str, version: str) -> None:
        self.version = version
        self._process = subprocess.Popen(
            [python, str(SIDE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    @classmethod
    def found(cls) -> "_Nautilus | None":
        """The process, where there is an interpreter for it."""
        python = os.environ.get(VARIABLE, sys.executable)
        ask = "import nautilus_trader; print(nautilus_trader.__version__)"
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        try:
            told = subprocess.run(
                [python, "-c", ask], capture_output=True, check=False, env=environment
            )
        except OSError as error:
            raise Skipped(f"{VARIABLE}={python}: {error}") from error
        return None if told.returncode else cls(python, told.stdout.decode().strip())

    def round(self, ticks: int) -> list[int]:
        """So many samples, in ns."""
        assert self._process.stdin is not None, "started with pipes"
        assert self._process.stdout is not None, "started with pipes"
        self._process.stdin.write(f"{ticks}\n".encode())
        self._process.stdin.flush()
        return [int(value) for value in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None, "started with pipes"
        self._process.stdin.close()
        self._process.wait(10)
