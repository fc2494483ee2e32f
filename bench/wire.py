"""From a tick at the socket to an order's bytes handed to the kernel, with and without the journal.

Two real nodes on real sockets take turns with the bare disk: one appends durably, the other's append is done
at once. `received` is stamped in the socket's callback, the end after the write returned.
"""

import asyncio

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
    async with venue() as first, venue() as second:
        async with (
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
                for _ in range(ticks):
                    await asyncio.sleep(GAP_US / 1e6)
                    spaced.append(raw.write())
                packed += [raw.write() for _ in range(ticks)]
            figures = _figures(durable, bare, spaced, packed)
    raw.close()
    return figures


def _figures(durable: Desk, bare: Desk, spaced: list[int], packed: list[int]) -> list[Figure]:
    disk = spread("raw write + fdatasync, one each 4 ms", spaced)
    tight = spread("raw write + fdatasync, back to back", packed)
    wire = spread("tick to wire, durable", durable.samples("tick_to_wire"))
    over = wire.value - disk.value
    aim = f"raw + {AIM_US:.0f} us = {disk.value + AIM_US:.0f}"
    figures = [
        disk,
        tight,
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
