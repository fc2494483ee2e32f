"""Market frames per second through codec, desk and both example strategies, one after the other in one thread.

Recorded frames where NIGHTDESK_SHARED (or a folder `shared` beside the project) has them, generated ones
elsewhere. The venue behind it accepts orders and never fills them; orders are part of the work.
"""

import asyncio
import gzip
import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random

from bench.measure import ROOT, Figure, Run, at_least, rate, spread
from bench.still import StillDesk, practice_desk
from nightdesk.runtime.route import sent

RECORDING = "data/raw_ws/binance/spot_btcusdt_20240808.txt.gz"
CHUNK = 500  # frames before the loop gets a turn
AIM_PER_S = 100_000
FRAMES = 30_000


def shared() -> Path:
    """Where the recordings are, if they are."""
    return Path(os.environ.get("NIGHTDESK_SHARED", ROOT.parent / "shared"))


def recorded(path: Path) -> Iterator[bytes]:
    """Frames of the two streams a desk asks for."""
    with gzip.open(path, "rb") as file:
        for line in file:
            frame = line.partition(b" ")[2].rstrip()
            if b'@bookTicker"' in frame[:60] or b'@trade"' in frame[:60]:
                yield frame


def generated() -> Iterator[bytes]:
    """A random walk of the same two streams, for ever."""
    draw, price, number = Random(1), 6_170_010, 0
    while True:
        number += 1
        price += draw.randint(-5, 5)
        bid, ask = f"{price / 100:.2f}000000", f"{(price + 10) / 100:.2f}000000"
        if draw.random() < 0.75:
            yield (
                f'{{"stream":"btcusdt@bookTicker","data":{{"u":{number},"s":"BTCUSDT","b":"{bid}",'
                f'"B":"3.15000000","a":"{ask}","A":"2.04000000"}}}}'
            ).encode()
        else:
            yield (
                f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1723161257440,"s":"BTCUSDT","t":{number},'
                f'"p":"{ask}","q":"0.01000000","T":1723161257432,"m":false,"M":true}}}}'
            ).encode()


def measure(run: Run) -> list[Figure]:
    """Run it."""
    path = shared() / RECORDING
    kind, source = ("recorded", recorded(path)) if path.exists() else ("generated", generated())
    frames = list(islice(source, run.pick(FRAMES, FRAMES // 3)))
    return asyncio.run(_measure(kind, frames, run.pick(6, 3)))


async def _measure(kind: str, frames: Sequence[bytes], rounds: int) -> list[Figure]:
    each: dict[str, list[int]] = {"decode": [], "both": []}
    rates: dict[str, list[float]] = {"decode": [], "both": []}
    async with asyncio.TaskGroup() as group:
        desk = practice_desk(group)
        await _through(desk, frames[:5_000], [])  # warm
        for _ in range(rounds):
            spent = _decode_only(desk, frames, each["decode"])
            rates["decode"].append(rate(len(frames), spent))
            spent = await _through(desk, frames, each["both"])
            rates["both"].append(rate(len(frames), spent))
        orders = sent(desk.shell.routes.values())
    n = len(frames) * rounds
    return [
        at_least(
            Figure(
                name=f"{kind} frames through decode, desk, two strategies",
                unit="frames/s",
                value=sorted(rates["both"])[rounds // 2],
                n=n,
            ),
            AIM_PER_S,
        ),
        spread("... each frame", each["both"]),
        Figure(name="... orders sent on the way", unit="orders", value=orders),
        Figure(
            name="decode alone", unit="frames/s", value=sorted(rates["decode"])[rounds // 2], n=n
        ),
        spread("... each frame", each["decode"]),
    ]


def _decode_only(desk: StillDesk, frames: Sequence[bytes], each: list[int]) -> int:
    market, mono, now = desk.codec.market, desk.clock.mono, time.perf_counter_ns
    began = now()
    for frame in frames:
        started = now()
        market(frame, mono())
        each.append(now() - started)
    return now() - began


async def _through(desk: StillDesk, frames: Sequence[bytes], each: list[int]) -> int:
    """As `VenueLink.feed` does it, with the loop's turns in between."""
    market, shell, mono, now = desk.codec.market, desk.shell, desk.clock.mono, time.perf_counter_ns
    decode = shell.telemetry.stages["decode"]
    began = now()
    for start in range(0, len(frames), CHUNK):
        for frame in frames[start : start + CHUNK]:
            started = now()
            received = mono()
            event = market(frame, received)
            if event is not None:
                decode.record(mono() - received)
                shell.market(event)
            each.append(now() - started)
        await asyncio.sleep(0)
    return now() - began
