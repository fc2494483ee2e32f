"""A real node in this process, composed as `wiring/node_main` does it, against the process of `bench.venue`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.measure import ROOT
from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.streams import PicowsStreams
from nightdesk.adapters.system import SystemClock, SystemEntropy, SystemProcesses
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.model.ids import Epoch, InstrumentId, Seq, VenueId
from nightdesk.node.compose import plan_of
from nightdesk.node.node import Node
from nightdesk.node.plan import ALONE, Outside, Role, World
from nightdesk.node.practice import practice_config
from nightdesk.runtime.telemetry import Histogram
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpRequest, HttpResult

START_WITHIN_S = 20.0
BTCUSDT = InstrumentId("binance:BTCUSDT")
# Limits as wide as they go: it is the path of an accepted order that is timed.
CONFIG = """
[desk]
name = "bench"
journal = "desk.journal"
[venue.binance]
kind = "binance-spot"
rest = "{rest}"
stream = "{stream}"
private = "{stream}"
[venue.binance.account]
key = "env:NONE"
secret = "env:NONE"
[limits]
order_qty_max = "1"
order_notional_max = "1000000"
position_max = "10"
gross_max = "10000000"
open_orders_max = 1000
orders_per_second_max = 1000
collar_bps = "50"
stale_after_ms = 600000
duplicate_window_ms = 0
[[instrument]]
id = "binance:BTCUSDT"
"""
STRATEGY = """
[[strategy]]
name = "one"
class = "{kind}"
instruments = ["binance:BTCUSDT"]
"""
ONE_PER_TICK = "bench.strategies:OnePerTick"
ONLY_ENTRIES = "bench.strategies:OnlyEntries"


class Samples(Histogram):
    """A stage that also keeps every value, for exact quantiles."""

    __slots__ = ("raw",)

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[int] = []

    def record(self, value: int) -> None:
        """Count and keep."""
        super().record(value)
        self.raw.append(value)


class Silent:
    """A log that keeps nothing."""

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        """Nothing."""


class CountingPool(HttpPool):
    """The production pool; keeps when each order was written."""

    def __init__(self, base_url: str, clock: SystemClock) -> None:
        super().__init__(base_url)
        self.orders_at: list[int] = []
        self._clock = clock

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        """Write, then note the time of an order."""
        future = super().exchange(request, timeout_ns=timeout_ns)
        if request.method == "POST":
            self.orders_at.append(self._clock.mono())
        return future


class ImmediateJournal(ThreadedJournal):
    """Everything as in production, but an append is durable at once: what the journal costs is the rest."""

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> "asyncio.Future[None]":
        """Done."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


class Venue:
    """The venue's process, told how many ticks to send."""

    def __init__(self, process: asyncio.subprocess.Process, rest: int, stream: int) -> None:
        self.rest = f"http://127.0.0.1:{rest}"
        self.stream = f"ws://127.0.0.1:{stream}"
        self._process = process

    async def ticks(self, count: int, gap_us: int) -> None:
        """Stream `count` quotes; returns a moment after the last."""
        assert self._process.stdin is not None, "started with pipes"
        assert self._process.stdout is not None, "started with pipes"
        self._process.stdin.write(f"ticks {count} {gap_us}\n".encode())
        await self._process.stdout.readline()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def venue() -> AsyncIterator[Venue]:
    """A venue process for as long as the block runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.venue", stdin=pipe, stdout=pipe, cwd=ROOT
    )
    try:
        assert process.stdout is not None, "started with a pipe"
        rest, stream = (await process.stdout.readline()).split()
        yield Venue(process, int(rest), int(stream))
    finally:
        assert process.stdin is not None, "started with a pipe"
        process.stdin.close()
        async with asyncio.timeout(5):
            await process.wait()


class Desk:
    """A running node and what is measured about it."""

    def __init__(self, node: Node, pool: CountingPool) -> None:
        self.node = node
        self.pool = pool

    def samples(self, stage: str) -> list[int]:
        """Every value of one stage so far."""
        found = self.node.telemetry.stages[stage]
        assert isinstance(found, Samples), "the stages were replaced before the node started"
        return found.raw

    def records(self) -> int:
        """How many are durable."""
        return self.node.shell.writer.durable

    def covered(self) -> bool:
        """Whether a node stands by that could lead."""
        return any(not other.unfit for other in self.node.commands._cover.standbys)

    def forget(self) -> None:
        """Drop what was measured so far: it was the warm-up."""
        for stage in self.node.telemetry.stages:
            self.samples(stage).clear()


@asynccontextmanager
async def desk(
    of: Venue,
    folder: Path,
    kind: str = ONE_PER_TICK,
    journal: type[ThreadedJournal] = ThreadedJournal,
) -> AsyncIterator[Desk]:
    """A node that trades against `of` for as long as the block runs."""
    text = CONFIG.format(rest=of.rest, stream=of.stream) + STRATEGY.format(kind=kind)
    config = load(text, "the bench's config")
    async with _running(config, folder, HmacSigner("key", "secret"), journal) as running:
        await _trading(running.node, of)
        yield running


@asynccontextmanager
async def standing_by(
    rest: str, stream: str, folder: Path, kind: str = ONE_PER_TICK
) -> AsyncIterator[None]:
    """A second node of the desk in `folder`, for as long as the block runs."""
    text = CONFIG.format(rest=rest, stream=stream) + STRATEGY.format(kind=kind)
    config, signer = load(text, "the bench's config"), HmacSigner("key", "secret")
    async with _running(config, folder, signer, ThreadedJournal, Role(stands_by=True)):
        yield


@asynccontextmanager
async def practice(recording: Path, speed: float, folder: Path) -> AsyncIterator[Desk]:
    """A node with both example strategies on a practice exchange that replays `recording`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nightdesk.lab", "--speed", str(speed), "--replay", str(recording)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None, "started with a pipe"
        url = json.loads(await process.stdout.readline())["url"]
        config = practice_config(url, ["BTCUSDT"])
        signer = HmacSigner("practice-key", "practice-secret")
        async with _running(config, folder, signer, ThreadedJournal) as running:
            yield running
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _running(
    config: Config,
    folder: Path,
    signer: HmacSigner,
    journal: type[ThreadedJournal],
    role: Role = ALONE,
) -> AsyncIterator[Desk]:
    folder.mkdir(parents=True, exist_ok=role.stands_by)
    ((_, venue_config),) = config.venue.items()
    engine = journal(str(folder / "desk.journal"))
    await engine.open()
    clock = SystemClock()
    pool = CountingPool(venue_config.addresses.rest, clock)
    world = World(
        clock=clock,
        entropy=SystemEntropy(1),
        processes=SystemProcesses(),
        log=Silent(),
        journal=engine,
        venues={
            VenueId("binance"): Outside(
                http=pool,
                market=PicowsStreams(venue_config.stream, clock),
                private=PicowsStreams(venue_config.private, clock),
                # It takes any number of orders: what is timed is their way, not the wait for room.
                codec=BinanceSpot(VenueId("binance"), signer, {"BTCUSDT": BTCUSDT}, limits=()),
            )
        },
        log_dropped=lambda: 0,
    )
    node = Node(plan_of(config, folder), world, role)
    node.telemetry.stages = {name: Samples() for name in node.telemetry.stages}
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(node.run(), name="node")
            yield Desk(node, pool)
            node.stop()
    finally:
        pool.close()
        await engine.close()


async def _trading(node: Node, of: Venue) -> None:
    """Wait until the node trades: the books compared and the feed fresh for its second."""
    async with asyncio.timeout(START_WITHIN_S):
        await node.ready.wait()
        while not node.shell.trading:
            await of.ticks(1, 1_000)
        while _causes(node):
            await of.ticks(5, 20_000)


def _causes(node: Node) -> list[Any]:
    return node.shell.desk.state.ladder.told()
