"""What a limiter makes of a venue's allowance: refusals, use of it, and how long a cancel waits behind reads.

Ours, ccxt's throttler as ccxt sets it up for this venue, aiolimiter, and the sliding window that people write,
each before the lab's limits (6,000 of weight in its own fixed minutes, no bans) in virtual time. The load is
the same: two hundred readers that always want more (weight 4), a cancel every 0.7 s and an order every second.
The venue's minute begins beside ours; then answers take a second; then a stranger at the address uses 20 %.
Use is what the venue counted, of all that may be used but our reserves; the others have none.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from random import Random
from typing import Any, NamedTuple

from bench.measure import Figure, Run, held_to, quantile
from nightdesk.lab.limits import Limits, OrderQuota, Quota
from nightdesk.lab.refusals import Refused
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.resilience.budget import CEILING_PERCENT, Budget, Cost, Rank
from nightdesk.runtime.requester import Requester
from nightdesk.simulation.loop import run as run_virtually
from nightdesk.venues.binance_costs import SPOT, SPOT_LIMITS
from nightdesk.venues.http import HttpAnswer, HttpRequest, HttpResult

WEIGHT_MAX, MINUTE_S = 6_000, 60.0
READERS, READ_WEIGHT = 200, 4
CANCEL_EVERY_S, ORDER_EVERY_S = 0.7, 1.0
PHASE_NS = 17 * SECOND_NS  # between the venue's minute and ours
STRANGER_EVERY_S = MINUTE_S / (WEIGHT_MAX * 0.2)
USE_AIM, CANCEL_AIM_MS = 95.0, 10.0
READ = Cost(rank=Rank.MARKET, spends=(("weight", READ_WEIGHT),))
CANCEL, ORDER = SPOT["DELETE /api/v3/order"], SPOT["POST /api/v3/order"]
QUOTA = Quota(
    weight_per_minute_max=WEIGHT_MAX,
    orders=(OrderQuota(length_ns=10 * SECOND_NS, most=100, name="10 SECOND", header="10S"),),
    connections_per_5min_max=300,
    ignored_429_max=sys.maxsize,
)


class Scene(NamedTuple):
    """What is difficult about a venue."""

    name: str
    answer_s: float = 0.003
    stranger: bool = False


SCENES = (
    Scene("its minute begins elsewhere"),
    Scene("... and answers take a second", answer_s=1.0),
    Scene("... and a stranger uses 20 %", stranger=True),
)


class Venue:
    """The lab's limits behind a wire, as the port that ours writes to; also its clock."""

    def __init__(self, scene: Scene) -> None:
        self.limits = Limits(QUOTA)
        self.refused = self.counted = 0
        self._scene = scene
        self._draw = Random(7)

    def mono(self) -> Mono:
        return Mono(SECOND_NS + int(asyncio.get_running_loop().time() * SECOND_NS))

    def wall(self) -> Wall:
        return Wall(self.mono())

    def ready(self) -> bool:
        return True

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[HttpResult] = loop.create_future()
        loop.call_later(self._draw.uniform(0.001, 0.005), self._arrive, request.cost, future)
        return future

    def use(self, cost: Cost) -> int:
        """Count one request now; its status."""
        now_ns, amounts = self.mono() + PHASE_NS, dict(cost.spends)
        try:
            self.limits.spend("address", amounts["weight"], now_ns)
            self.counted += amounts["weight"]
            if "orders" in amounts:
                self.limits.count_order("account", now_ns)
        except Refused:
            self.refused += 1
            return 429
        return 200

    def _arrive(self, cost: Cost, future: "asyncio.Future[HttpResult]") -> None:
        status = self.use(cost)
        used = str(self.limits.used_weight("address", self.mono() + PHASE_NS))
        answer = HttpAnswer(status=status, headers={"x-mbx-used-weight-1m": used}, body=b"")
        asyncio.get_running_loop().call_later(self._scene.answer_s, _answer, future, answer)


def _answer(future: "asyncio.Future[HttpResult]", answer: HttpAnswer) -> None:
    if not future.done():
        future.set_result(answer)


Go = Callable[[Cost], Awaitable[None]]  # one request, from wanting it to its answer
Left = Callable[[Cost], None]  # told when a request of the limiter leaves
Limiter = Callable[[Any, Left], Go]


def ours(venue: Any, left: Left) -> Go:
    """Reads and cancels as the node sends them, orders as the gateway does: now or not at all."""
    requester = Requester(venue, venue, limits=SPOT_LIMITS)
    exchange = venue.exchange

    def leaving(request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        left(request.cost)
        future: asyncio.Future[HttpResult] = exchange(request, timeout_ns=timeout_ns)
        return future

    venue.exchange = leaving

    async def go(cost: Cost) -> None:
        request = HttpRequest(method="", target="", cost=cost)
        if cost is not ORDER:
            await requester.request(lambda _: request)
        elif not requester.budget.wait_ns(cost, requester.mono()):
            sent = requester.send(request, cost, 5 * SECOND_NS)
            assert sent is not None, "this venue does not fail"
            await sent

    return go


def _after(throttle: Callable[[int], Awaitable[Any]], venue: Venue, left: Left) -> Go:
    """Throttle, then send: what the others do with every request."""

    async def go(cost: Cost) -> None:
        await throttle(dict(cost.spends)["weight"])
        left(cost)
        request = HttpRequest(method="", target="", cost=cost)
        await venue.exchange(request, timeout_ns=5 * SECOND_NS)

    return go


def sliding_window(venue: Venue, left: Left) -> Go:
    """The limiter that people write: a lock, a list of what was sent when, and a sleep."""
    sent: deque[tuple[float, int]] = deque()
    lock = asyncio.Lock()

    async def throttle(weight: int) -> None:
        loop = asyncio.get_running_loop()
        async with lock:
            while True:
                while sent and sent[0][0] <= loop.time() - MINUTE_S:
                    sent.popleft()
                if sum(each for _, each in sent) + weight <= WEIGHT_MAX:
                    sent.append((loop.time(), weight))
                    return
                await asyncio.sleep(max(0.001, sent[0][0] + MINUTE_S - loop.time()))

    return _after(throttle, venue, left)


def aiolimiter(venue: Venue, left: Left) -> Go:
    """aiolimiter's leaky bucket of the whole minute's weight."""
    given = import_module("aiolimiter").AsyncLimiter

    def leak(self: Any) -> None:
        """In virtual time a rest of 1e-12 would be waited for for ever."""
        given._leak(self)
        self._level = round(self._level, 6)

    limiter = type("Rounded", (given,), {"_leak": leak})(WEIGHT_MAX, MINUTE_S)
    return _after(limiter.acquire, venue, left)


def ccxt(venue: Venue, left: Left) -> Go:
    """ccxt's throttler: 50 ms a token, a fifth of a token for a weight of one, a burst of one."""
    throttler: Any = import_module("ccxt.async_support.base.throttler")
    throttler.time = asyncio.get_running_loop().time
    throttle = throttler.Throttler({"refillRate": 1 / 50, "delay": 0.001, "capacity": 1.0})
    return _after(lambda weight: throttle(weight * 0.2), venue, left)


RIVALS: Mapping[str, Limiter] = {
    "ours": ours,
    "sliding window": sliding_window,
    "aiolimiter": aiolimiter,
    "ccxt": ccxt,
}


class Played(NamedTuple):
    """What came of one limiter in one scene."""

    refused: int
    use_percent: float  # of 6,000 a minute, the stranger's included
    cancel_waits_ms: list[float]


class Load:
    """Everything that wants something of the venue, and how long cancels waited."""

    def __init__(self, limiter: Limiter, scene: Scene) -> None:
        self.venue = Venue(scene)
        self.waits_ms: list[float] = []
        self._asked: deque[float] = deque()
        self._go = limiter(self.venue, self._left)
        self._tasks: set[asyncio.Future[None]] = set()
        for _ in range(READERS):
            self._begin(self._read())
        self._begin(self._every(CANCEL_EVERY_S, self._cancel))
        self._begin(self._every(ORDER_EVERY_S, lambda: self._begin(self._go(ORDER))))
        if scene.stranger:
            self._begin(self._every(STRANGER_EVERY_S, self._stranger))

    async def end(self) -> None:
        """Nobody wants anything any more."""
        ending = list(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        while True:
            await self._go(READ)

    async def _every(self, seconds: float, act: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            act()

    def _cancel(self) -> None:
        self._asked.append(asyncio.get_running_loop().time())
        self._begin(self._go(CANCEL))

    def _left(self, cost: Cost) -> None:
        if cost is CANCEL:
            waited = asyncio.get_running_loop().time() - self._asked.popleft()
            self.waits_ms.append(waited * 1_000)

    def _stranger(self) -> None:
        self.venue.use(Cost(spends=(("weight", 1),)))


def play(limiter: Limiter, scene: Scene, minutes: int) -> Played:
    """One limiter under the whole load; use is counted from the second minute on."""

    async def main() -> Played:
        load = Load(limiter, scene)
        await asyncio.sleep(MINUTE_S)
        before = load.venue.counted
        await asyncio.sleep(MINUTE_S * minutes)
        refused, counted = load.venue.refused, load.venue.counted - before
        await load.end()
        return Played(refused, 100 * counted / (WEIGHT_MAX * minutes), sorted(load.waits_ms))

    return run_virtually(main)


def measure(run: Run) -> list[Figure]:
    """Run it; a limiter that is not installed is said to be missing."""
    figures: list[Figure] = []
    for scene in SCENES:
        for name, limiter in RIVALS.items():
            try:
                played = play(limiter, scene, run.pick(4, 2))
            except ImportError:
                figures.append(Figure(name=f"{name}: not installed", unit="", value=0, n=0))
                continue
            figures += _figures(f"{scene.name}: {name}", played, mine=name == "ours")
    figures.append(_price(run.pick(20_000, 4_000)))
    return figures


def _figures(name: str, played: Played, *, mine: bool) -> list[Figure]:
    waits, share = played.cancel_waits_ms, CEILING_PERCENT[Rank.MARKET] if mine else 100
    p50, p99 = quantile(waits, 0.5), quantile(waits, 0.99)
    refused = Figure(name=f"{name}, 429s", unit="", value=played.refused)
    use = Figure(name="... use", unit="%", value=100 * played.use_percent / share)
    wait = Figure(name="... a cancel's wait", unit="ms", value=p50, p50=p50, p99=p99, n=len(waits))
    if not mine:
        return [refused, use, wait]
    return [
        held_to(refused, "0", not played.refused),
        held_to(use, f">= {USE_AIM:g} %", use.value >= USE_AIM),
        held_to(wait, f"p99 <= {CANCEL_AIM_MS:g} ms", p99 <= CANCEL_AIM_MS),
    ]


def _price(count: int) -> Figure:
    """Processor time of one request's being counted, where there is room: asked, spent and settled."""
    budget, now, headers = Budget(SPOT_LIMITS), Mono(0), {"x-mbx-used-weight-1m": "17"}
    began = time.thread_time_ns()
    for _ in range(count):
        now = Mono(now + 200 * MS_NS)  # half of what is allowed
        budget.wait_ns(ORDER, now)
        budget.settle(budget.spend(ORDER, now), now, headers)
    spent_ns = time.thread_time_ns() - began
    return Figure(
        name="ours: a request's price", unit="us", value=spent_ns / count / 1_000, n=count
    )
