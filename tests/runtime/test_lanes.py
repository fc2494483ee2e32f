"""Several lanes behind one port: written once, read again elsewhere where that helps, each of them counted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nightdesk.model.ids import VenueId
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.ports.venue import ConnectFailed
from nightdesk.resilience.budget import Cost, Limit, Rank
from nightdesk.resilience.lanes import HEDGE_UNKNOWN_NS, Use
from nightdesk.runtime.guard import Operation, ReasonOf
from nightdesk.runtime.lanes import CONNECT_TIMEOUT_S, LanePool
from nightdesk.runtime.requester import READ_TIMEOUT_NS, Requester
from nightdesk.simulation.loop import run
from nightdesk.venues.binance_sign import Unsigned
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

LIMIT = Limit(unit="weight", most=100, length_ns=60 * SECOND_NS, header="used")
HEDGE_S = HEDGE_UNKNOWN_NS / SECOND_NS


def mono() -> Mono:
    return Mono(int(asyncio.get_running_loop().time() * SECOND_NS) + SECOND_NS)


class Lane:
    """One endpoint, which answers as and when it is told to; None is never."""

    def __init__(self) -> None:
        self.connected = True
        self.refuses: str | None = ""  # why; None is no word at all
        self.after_s: float | None = 0.01
        self.answer: HttpResult = HttpAnswer(status=200, headers={}, body=b"")
        self.came: list[HttpRequest] = []

    def ready(self) -> bool:
        return self.connected

    async def hold(self) -> None:
        if self.refuses is None:
            await asyncio.get_running_loop().create_future()
        if self.refuses:
            raise ConnectFailed(self.refuses)
        await asyncio.sleep(0.01)
        self.connected = True

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        assert self.connected
        self.came.append(request)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[HttpResult] = loop.create_future()
        late = HttpFailure(written=True, timed_out=True, cause="no answer in time")
        after_s, result = self.after_s, self.answer
        if after_s is None:
            after_s, result = timeout_ns / SECOND_NS, late
        loop.call_later(after_s, lambda: future.done() or future.set_result(result))
        return future


class Venue:
    """Three lanes, their pool and a requester."""

    def __init__(self) -> None:
        self.hosts = [Lane(), Lane(), Lane()]
        self.named: Any = dict(zip("abc", self.hosts, strict=True))
        self.pool = LanePool(self.named, mono, lambda: 0.0)
        self.clock: Any = type(
            "Clock", (), {"mono": staticmethod(mono), "wall": staticmethod(mono)}
        )()
        self.requester = Requester(self.pool, self.clock, limits=[LIMIT])

    def answers_by(self, reason_of: ReasonOf) -> None:
        """From now on they are read so."""
        self.pool = LanePool(self.named, mono, lambda: 0.0, reason_of)
        self.requester = Requester(self.pool, self.clock, limits=[LIMIT], reason_of=reason_of)

    @property
    def came(self) -> list[int]:
        return [len(host.came) for host in self.hosts]

    @property
    def used(self) -> float:
        return self.requester.budget.use_percent(mono())

    async def ask(self, method: str = "GET", rank: Rank = Rank.MARKET) -> HttpResult:
        return await self.requester.request(lambda _: request(method, rank))


def request(method: str = "GET", rank: Rank = Rank.MARKET, weight: int = 2) -> HttpRequest:
    return HttpRequest(
        method=method, target="/x", cost=Cost(rank=rank, spends=(("weight", weight),))
    )


def played(body: Callable[[Venue], Awaitable[None]]) -> None:
    async def main() -> None:
        await body(Venue())

    run(main)


def broken(cause: str = "reset") -> HttpFailure:
    return HttpFailure(written=True, timed_out=False, cause=cause)


def test_a_late_read_is_asked_again_on_another_lane_and_the_first_answer_counts() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].after_s = None
        began = asyncio.get_running_loop().time()
        assert isinstance(await venue.ask(), HttpAnswer)
        assert asyncio.get_running_loop().time() - began == pytest.approx(HEDGE_S + 0.01)
        assert venue.came == [1, 1, 0]
        assert isinstance(await venue.ask(), HttpAnswer)
        assert venue.came == [1, 2, 0], "the first lane owes an answer"

    played(body)


def test_both_of_a_read_count_for_the_budget_and_for_the_guard_they_are_one() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].after_s = None
        await venue.ask()
        assert venue.came == [1, 1, 0]
        assert venue.used == 4
        standing = venue.requester.guard.standing(Operation.READ)
        assert (standing.tally.calls, standing.tally.failed) == (1, 0)
        await asyncio.sleep(READ_TIMEOUT_NS / SECOND_NS)
        assert venue.used == 4, "the loser was given up, and counts"
        told = venue.pool.told()
        assert [health.under_way for health in told] == [0, 0, 0]
        assert told[0].errors_percent > 0 == told[1].errors_percent

    played(body)


def test_a_read_that_fails_is_asked_again_at_once() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].answer = broken()
        began = asyncio.get_running_loop().time()
        assert isinstance(await venue.ask(), HttpAnswer)
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.02)
        assert venue.came == [1, 1, 0]

    played(body)


def test_where_both_fail_an_answer_is_told_rather_than_none() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].answer = HttpAnswer(status=503, headers={}, body=b"")
        venue.hosts[1].answer = broken()
        result = await venue.ask()
        assert isinstance(result, HttpAnswer)
        assert result.status == 503

    played(body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_changes_something_is_written_once(method: str) -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].after_s = None
        future = venue.requester.send(
            request(method, Rank.ENTRY), request(method, Rank.ENTRY).cost, 4 * SECOND_NS
        )
        assert future is not None
        result = await future
        assert isinstance(result, HttpFailure)
        assert result.written
        assert venue.came == [1, 0, 0]

    played(body)


def test_a_second_read_stays_away_where_the_budget_has_no_room() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].after_s = None
        venue.requester.budget.spend(Cost(spends=(("weight", 77),)), mono())
        await venue.ask()
        assert venue.came == [1, 0, 0]

    played(body)


def test_no_second_read_while_the_venue_wants_no_traffic() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].after_s = None
        async with asyncio.TaskGroup() as group:
            group.create_task(venue.ask())
            await asyncio.sleep(HEDGE_S / 2)
            venue.requester.budget.latch(Mono(mono() + 60 * SECOND_NS))
        assert venue.came == [1, 0, 0]

    played(body)


def test_who_gives_up_asking_sends_no_second() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].after_s = None
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HEDGE_S / 2):
                await venue.ask()
        await asyncio.sleep(10)
        assert venue.came == [1, 0, 0]
        assert venue.used == 2

    played(body)


def test_a_lane_that_is_out_is_ready_for_nobody_while_another_is_only_at_work() -> None:
    async def body(venue: Venue) -> None:
        for number in (0, 1):
            for _ in range(2):
                venue.pool.lanes.missed(number, mono(), "no way")
        venue.hosts[2].after_s = 5.0
        await asyncio.sleep(0)
        under_way = venue.pool.exchange(request(), timeout_ns=READ_TIMEOUT_NS)
        venue.hosts[2].connected = False  # all of its connections are at work
        assert not venue.pool.ready()
        await venue.pool.hold()
        assert venue.pool.ready()
        venue.hosts[2].after_s = 0.01
        assert isinstance(await venue.ask("DELETE", Rank.CANCEL), HttpAnswer)
        assert venue.came == [0, 0, 2]
        under_way.cancel()

    played(body)


def test_the_first_connection_ends_the_wait_and_none_at_all_is_told_with_every_cause() -> None:
    async def body(venue: Venue) -> None:
        loop = asyncio.get_running_loop()
        for host in venue.hosts:
            host.connected = False
        venue.hosts[0].refuses, venue.hosts[1].refuses = None, "refused"
        began = loop.time()
        await venue.pool.hold()
        assert loop.time() - began == pytest.approx(0.01)
        assert [host.connected for host in venue.hosts] == [False, False, True]
        venue.hosts[2].connected, venue.hosts[2].refuses = False, "unreachable"
        with pytest.raises(ConnectFailed, match="refused; unreachable; no connection in time"):
            await venue.pool.hold()
        assert loop.time() - began == pytest.approx(CONNECT_TIMEOUT_S, abs=0.1)

    played(body)


def test_a_lane_without_a_connection_fails_and_one_at_work_does_not() -> None:
    async def body(venue: Venue) -> None:
        busy, gone = venue.pool.ways[0], venue.pool.ways[1]
        venue.hosts[0].after_s = None
        busy.exchange(request(), timeout_ns=9 * SECOND_NS)
        for host in venue.hosts[:2]:
            host.connected, host.refuses = False, None
        for _ in range(2):
            assert await busy.hold() == await gone.hold() == "no connection in time"
        assert [health.use for health in venue.pool.told()][:2] == [Use.IN_USE, Use.EJECTED]

    played(body)


def test_a_probe_is_left_out_without_room_and_else_tells_of_its_lane() -> None:
    async def body(venue: Venue) -> None:
        way = venue.pool.ways[1]
        venue.requester.probe(way, request())
        await asyncio.sleep(1)
        assert venue.pool.told()[1].latency_ns is not None
        assert venue.used == 2
        venue.requester.budget.spend(Cost(spends=(("weight", 77),)), mono())
        venue.requester.probe(way, request())
        venue.hosts[2].connected = False
        venue.requester.probe(venue.pool.ways[2], request(weight=0))
        assert venue.came == [0, 1, 0]

    played(body)


def test_one_lane_that_fails_does_not_close_the_venue() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].answer = broken()
        for _ in range(60):
            assert isinstance(await venue.ask(), HttpAnswer)
            await asyncio.sleep(4)
        assert venue.requester.guard.standing(Operation.READ).tally.failed == 0
        assert venue.came[0] < 10

    played(body)


def test_the_time_of_a_request_is_stamped_once() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].after_s = None
        stamps: list[Wall] = []

        def build(now: Wall) -> HttpRequest:
            stamps.append(now)
            return request()

        await venue.requester.request(build)
        assert venue.came == [1, 1, 0]
        assert venue.hosts[0].came == venue.hosts[1].came
        assert len(stamps) == 2, "once for its cost, once to be written"

    played(body)


@pytest.mark.parametrize("status", [403, 451, 418])
def test_a_lane_that_lets_nobody_in_is_left_for_another(status: int) -> None:
    async def body(venue: Venue) -> None:
        venue.answers_by(BinanceSpot(VenueId("binance"), Unsigned(), {}).reason_of)
        venue.hosts[0].answer = HttpAnswer(status=status, headers={}, body=b"")
        for _ in range(3):
            await venue.ask("DELETE", Rank.CANCEL)
        assert venue.hosts[0].came, "it was the first to be asked"
        before = len(venue.hosts[0].came)
        for _ in range(5):
            assert await venue.ask("DELETE", Rank.CANCEL) == venue.hosts[1].answer
        assert len(venue.hosts[0].came) == before
        assert venue.pool.told()[0].use is Use.EJECTED

    played(body)


def test_a_lane_that_is_out_is_written_on_where_no_other_has_a_connection() -> None:
    async def body(venue: Venue) -> None:
        for number in (0, 1):
            venue.hosts[number].connected = False
        for _ in range(2):
            venue.pool.lanes.missed(2, mono(), "it was away")
        assert venue.pool.told()[2].use is Use.EJECTED
        assert venue.pool.ready()
        await venue.ask("DELETE", Rank.CANCEL)
        assert venue.came == [0, 0, 1]

    played(body)


def test_why_a_lane_has_no_connection_is_told() -> None:
    async def body(venue: Venue) -> None:
        venue.hosts[0].connected, venue.hosts[0].refuses = False, "cannot assign the address"
        for _ in range(2):
            await venue.pool.ways[0].hold()
        assert venue.pool.told()[0].why.endswith(": cannot assign the address")

    played(body)
