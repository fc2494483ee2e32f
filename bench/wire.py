"""From a tick at the socket to an order's bytes handed to the kernel, with and without the journal.

Two real nodes on real sockets take turns with the bare disk: one appends durably, the other's append is done
at once. `received` is stamped in the socket's callback, the end after the write returned.
"""

import asyncio
import threading
import time
from queue import SimpleQueue
from typing import NamedTuple

from bench.measure import Figure, RawDisk, Run, held_to, spread
from bench.node import Desk, ImmediateJournal, desk, venue

GAP_US = 4_000
AIM_US = 110.0  # over the disk's own price
STAGES = (
    ("decode", "decode"),
    ("decide: views, strategy, gate", "tick_to_decided"),
    ("journal: encode, hop, commit, hop", "decided_to_durable"),
    ("last step: checks, sign, write", "durable_to_wire"),
)


def measure(run: Run) -> list[Figure]:
    """Run it."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> list[Figure]:
    rounds, ticks = run.pick(20, 6), run.pick(150, 80)
    raw = RawDisk(run.folder)
    spaced: list[int] = []
    packed: list[int] = []
    floor = _Floor(raw)
    async with (
        venue() as first,
        venue() as second,
        desk(first, run.folder / "durable") as durable,
        desk(second, run.folder / "bare", journal=ImmediateJournal) as bare,
    ):
        await first.ticks(300, 2_000)
        await second.ticks(300, 2_000)
        durable.forget()
        bare.forget()
        for _ in range(rounds):
            await first.ticks(ticks, GAP_US)
            await second.ticks(ticks, GAP_US)
            for _ in range(ticks // 2):
                await asyncio.sleep(GAP_US / 1e6)
                spaced.append(raw.write())
                await asyncio.sleep(GAP_US / 1e6)
                await floor.hop()
            packed += [raw.write() for _ in range(ticks)]
        figures = _figures(durable, bare, _Raw(spaced, packed, floor.samples))
    floor.close()
    raw.close()
    return figures


class _Raw(NamedTuple):
    """The machine's own prices, taken in turns with the nodes'."""

    spaced: list[int]
    packed: list[int]
    hops: list[int]


class _Floor:
    """The least that a journal behind a thread can cost: queue, thread, raw write, loop; nothing else."""

    def __init__(self, raw: RawDisk) -> None:
        self.samples: list[int] = []
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[asyncio.Event | None] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    async def hop(self) -> None:
        """There and back once."""
        done, started = asyncio.Event(), time.perf_counter_ns()
        self._jobs.put(done)
        await done.wait()
        self.samples.append(time.perf_counter_ns() - started)

    def close(self) -> None:
        """End the thread."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (done := self._jobs.get()) is not None:
            self._raw.write()
            self._loop.call_soon_threadsafe(done.set)


def _figures(durable: Desk, bare: Desk, raw: _Raw) -> list[Figure]:
    disk = spread("raw write + fdatasync, one each 4 ms", raw.spaced)
    tight = spread("raw write + fdatasync, back to back", raw.packed)
    wire = spread("tick to wire, durable", durable.samples("tick_to_wire"))
    over = wire.value - disk.value
    aim = f"raw + {AIM_US:.0f} us = {disk.value + AIM_US:.0f}"
    figures = [
        disk,
        tight,
        spread("raw write + fdatasync through a thread and back", raw.hops),
        held_to(wire, aim, over <= AIM_US),
        Figure(name="... over raw at the same pace", unit="us", value=over),
        Figure(name="... over raw back to back", unit="us", value=wire.value - tight.value),
        spread("tick to wire, append replaced", bare.samples("tick_to_wire")),
    ]
    for name, stage in STAGES:
        figures.append(spread(f"durable: {name}", _only(durable, stage)))
    for name, stage in STAGES:
        figures.append(spread(f"replaced: {name}", _only(bare, stage)))
    figures.append(spread("wire to answer (this venue)", durable.samples("wire_to_answer")))
    return figures


def _only(of: Desk, stage: str) -> list[int]:
    """`tick_to_decided` is told from the socket's stamp: the decode before it is its own stage."""
    values = of.samples(stage)
    if stage != "tick_to_decided":
        return values
    decode = of.samples("decode")
    return [whole - part for whole, part in zip(values, decode[-len(values) :], strict=True)]
