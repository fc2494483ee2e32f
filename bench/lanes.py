"""Reads of a venue with three endpoints: all well, and then one a black hole, one two seconds late, one dead.

The pool, its hedges and probes are the product's; the endpoints are ways to one venue process that are broken
while they are used (`bench.faulty`). First one swallows what comes and another answers two seconds late; when
that one is well again, the third dies. At every moment one of the three is well.
"""

import asyncio
from collections import Counter
from random import Random

from bench.faulty import Trouble, Ways, ways_to
from bench.measure import Figure, Run, at_most, held_to, spread
from bench.node import venue
from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.system import SystemClock
from nightdesk.model.ids import VenueId
from nightdesk.node.lane_watch import LaneWatch
from nightdesk.resilience.lanes import Use
from nightdesk.runtime.lanes import LanePool
from nightdesk.runtime.requester import Requester
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpRequest

EVERY_S = 0.01
PART_S = 12.0  # of a run, of which there are three: a lane that is well again is in use within one
TIMES_AIM = 3.0
MS = 1e6
READ = HttpRequest(method="GET", target="/api/v3/time")


class Reads:
    """What one run came to."""

    def __init__(self) -> None:
        self.took_ns: list[int] = []
        self.failed = 0

    async def ask(self, requester: Requester) -> None:
        """One."""
        began = requester.mono()
        result = await requester.request(lambda _: READ)
        self.took_ns.append(requester.mono() - began)
        self.failed += not isinstance(result, HttpAnswer)

    async def for_s(self, requester: Requester, seconds: float) -> None:
        """As many as are due, whether or not those before were answered."""
        loop = asyncio.get_running_loop()
        due, until = loop.time(), loop.time() + seconds
        async with asyncio.TaskGroup() as group:
            while due < until:
                group.create_task(self.ask(requester))
                due += EVERY_S
                await asyncio.sleep(max(0.0, due - loop.time()))


async def _measured(ways: Ways) -> tuple[Reads, Reads, Counter[Use]]:
    clock, pools = SystemClock(), {way.url: HttpPool(way.url) for way in ways.ways}
    pool = LanePool(pools, clock.mono, Random(1).random)
    requester = Requester(pool, clock)
    codec = BinanceSpot(VenueId("binance"), HmacSigner("key", "secret"), {})
    well, ill = Reads(), Reads()
    async with asyncio.TaskGroup() as group:
        watch = LaneWatch(pool, requester, codec, lambda *_, **__: None)
        keeping = group.create_task(watch.keep())
        await requester.hold()
        await Reads().for_s(requester, 2.0)  # until every lane is known
        await well.for_s(requester, 3 * PART_S)
        await asyncio.to_thread(ways.become, 0, Trouble.BLACK_HOLE)
        await asyncio.to_thread(ways.become, 1, Trouble.SLOW)
        await ill.for_s(requester, PART_S)
        await asyncio.to_thread(ways.become, 1, Trouble.NONE)
        await ill.for_s(requester, PART_S)
        await asyncio.to_thread(ways.become, 2, Trouble.DEAD)
        await ill.for_s(requester, PART_S)
        uses = Counter(health.use for health in pool.told())
        keeping.cancel()
    for each in pools.values():
        each.close()
    return well, ill, uses


async def _run() -> list[Figure]:
    async with venue() as process:
        with ways_to(process.rest, 3) as ways:
            well, ill, uses = await _measured(ways)
    before = spread("reads, three endpoints well", well.took_ns, unit="ms", scale=MS)
    after = spread("... a black hole, 2 s late, dead", ill.took_ns, unit="ms", scale=MS)
    times = (after.p99 or 0.0) / (before.p99 or 1.0)
    failed = Figure(name="reads without an answer", unit="", value=well.failed + ill.failed)
    ejected = Figure(name="endpoints ejected at the end", unit="", value=uses[Use.EJECTED])
    slower = Figure(name="p99 of the second over the first", unit="x", value=times)
    return [
        before,
        after,
        at_most(slower, TIMES_AIM),
        at_most(failed, 0),
        held_to(ejected, ">= 1", uses[Use.EJECTED] >= 1),
    ]


def measure(run: Run) -> list[Figure]:
    """About a minute and a quarter, quick or not: lanes come back in their own time."""
    return asyncio.run(_run())
