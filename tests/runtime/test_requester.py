"""Requests wait for room by rank; the way out never does, and what did not leave has cost nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.resilience.budget import Cost, Limit, Rank
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.turns import WAIT_MAX_NS
from nightdesk.simulation.loop import run
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

LIMIT = Limit(unit="weight", most=100, length_ns=8 * SECOND_NS, header="used")


class Host:
    """The loop's clock, and a pool that answers at once unless it is told otherwise."""

    def __init__(self) -> None:
        self.connected = True
        self.left: list[tuple[str, float]] = []
        self.answer: HttpResult | None = HttpAnswer(status=200, headers={}, body=b"")

    def mono(self) -> Mono:
        return Mono(int(asyncio.get_running_loop().time() * SECOND_NS) + SECOND_NS)

    def wall(self) -> Wall:
        return Wall(self.mono())

    def ready(self) -> bool:
        return self.connected

    async def hold(self) -> None:
        await asyncio.sleep(0.5)
        self.connected = True

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        loop = asyncio.get_running_loop()
        self.left.append((request.target, loop.time()))
        future: asyncio.Future[HttpResult] = loop.create_future()
        if self.answer is not None:
            future.set_result(self.answer)
        return future


def ask(name: str, weight: int, rank: Rank = Rank.MARKET) -> Callable[[Wall], HttpRequest]:
    cost = Cost(rank=rank, spends=(("weight", weight),))
    return lambda _: HttpRequest(method="GET", target=name, cost=cost)


def played(body: Callable[[Any, Requester], Awaitable[None]]) -> None:
    async def main() -> None:
        host: Any = Host()
        await body(host, Requester(host, host, limits=[LIMIT]))

    run(main)


def names(host: Host) -> list[str]:
    return [name for name, _ in host.left]


def test_two_hundred_reads_wait_and_a_cancel_does_not() -> None:
    async def body(host: Host, requester: Requester) -> None:
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(requester.request(ask("read", 4))) for _ in range(200)]
            await asyncio.sleep(1)
            assert len(host.left) == 20
            began = asyncio.get_running_loop().time()
            await requester.request(ask("cancel", 1, Rank.CANCEL))
            assert host.left[-1] == ("cancel", began)
        results = [read.result() for read in reads]
        failed = [result for result in results if isinstance(result, HttpFailure)]
        assert 0 < len(failed) < 200
        assert all(not result.written and "no room" in result.cause for result in failed)
        assert asyncio.get_running_loop().time() <= 1 + WAIT_MAX_NS / SECOND_NS

    played(body)


def test_what_comes_later_and_matters_more_goes_first() -> None:
    async def body(host: Host, requester: Requester) -> None:
        await requester.request(ask("first", 80))
        async with asyncio.TaskGroup() as group:
            group.create_task(requester.request(ask("market", 60)))
            await asyncio.sleep(1)
            group.create_task(requester.request(ask("reconcile", 60, Rank.RECONCILE)))
        assert names(host) == ["first", "reconcile"]

    played(body)


def test_who_is_cancelled_while_it_waits_has_cost_nothing() -> None:
    async def body(host: Host, requester: Requester) -> None:
        await requester.request(ask("first", 80))
        waiting = [asyncio.ensure_future(requester.request(ask("read", 4))) for _ in range(10)]
        await asyncio.sleep(1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert requester.budget.use_percent(host.mono()) == 80
        assert requester.budget.claims == {}
        assert names(host) == ["first"]

    played(body)


def test_who_is_cancelled_as_its_turn_comes_gives_it_to_the_next() -> None:
    async def body(host: Host, requester: Requester) -> None:
        first = requester.budget.spend(ask("", 80)(Wall(0)).cost, host.mono())
        served = asyncio.ensure_future(requester.request(ask("served", 70)))
        after = asyncio.ensure_future(requester.request(ask("after", 70)))
        await asyncio.sleep(1)
        requester.budget.give_back(first)
        requester._turns.look()
        served.cancel()
        await asyncio.gather(served, after, return_exceptions=True)
        assert names(host) == ["after"]

    played(body)


def test_one_that_did_not_leave_costs_nothing_and_one_without_an_answer_counts() -> None:
    async def body(host: Host, requester: Requester) -> None:
        host.answer = HttpFailure(written=False, timed_out=False, cause="refused")
        await requester.request(ask("refused", 50))
        assert requester.budget.use_percent(host.mono()) == 0
        host.answer = HttpFailure(written=True, timed_out=True, cause="silence")
        await requester.request(ask("lost", 50))
        await asyncio.sleep(LIMIT.length_ns / SECOND_NS + 1)
        assert requester.budget.use_percent(host.mono()) == 50
        await asyncio.sleep(LIMIT.length_ns / SECOND_NS)
        assert requester.budget.use_percent(host.mono()) == 0

    played(body)


def test_one_that_is_cancelled_under_way_counts() -> None:
    async def body(host: Host, requester: Requester) -> None:
        host.answer = None
        task = asyncio.ensure_future(requester.request(ask("read", 50)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert requester.budget.use_percent(host.mono()) == 50
        await asyncio.sleep(3 * LIMIT.length_ns / SECOND_NS)
        assert requester.budget.use_percent(host.mono()) == 0

    played(body)


def test_while_the_venue_wants_quiet_only_the_way_out_leaves() -> None:
    async def body(host: Host, requester: Requester) -> None:
        host.answer = HttpAnswer(status=429, headers={"retry-after": "3", "used": "60"}, body=b"")
        await requester.request(ask("first", 4))
        result = await requester.request(ask("read", 4))
        assert isinstance(result, HttpFailure)
        assert "said to wait" in result.cause
        await requester.request(ask("cancel", 1, Rank.CANCEL))
        assert names(host) == ["first", "cancel"]
        assert requester.budget.use_percent(host.mono()) == 61

    played(body)


def test_a_question_that_the_way_out_depends_on_waits_for_no_room() -> None:
    async def body(host: Host, requester: Requester) -> None:
        requester.urgent = lambda: True
        await requester.request(ask("first", 80))
        async with asyncio.TaskGroup() as group:
            for name, rank in ("reads", Rank.PRIVATE), ("reconciles", Rank.RECONCILE):
                group.create_task(requester.request(ask(name, 10, rank)))
            await asyncio.sleep(1)
            assert names(host) == ["first", "reconciles"]

    played(body)


def test_a_turn_that_comes_while_the_venue_wants_quiet_or_nothing_is_held_is_given_back() -> None:
    async def body(host: Host, requester: Requester) -> None:
        await requester.request(ask("first", 80))
        waits = asyncio.ensure_future(requester.request(ask("read", 4)))
        await asyncio.sleep(1)
        requester.budget.latch(Mono(host.mono() + 60 * SECOND_NS))
        result = await waits
        assert isinstance(result, HttpFailure)
        assert "said to wait" in result.cause
        assert names(host) == ["first"]
        assert requester.budget.use_percent(host.mono()) == 0

    played(body)


def test_a_turn_waits_for_a_connection() -> None:
    async def body(host: Host, requester: Requester) -> None:
        await requester.request(ask("first", 80))
        waits = asyncio.ensure_future(requester.request(ask("read", 4)))
        await asyncio.sleep(1)
        host.connected = False
        await waits
        assert names(host) == ["first", "read"]
        assert host.left[1][1] >= LIMIT.length_ns / SECOND_NS + 0.5

    played(body)


def test_questions_leave_connections_for_a_cancel() -> None:
    async def body(host: Host, requester: Requester) -> None:
        host.answer = None  # nobody answers
        requester.questions = asyncio.Semaphore(2)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(requester.request(ask(str(n), 1))) for n in range(5)]
            await asyncio.sleep(0.1)
            assert names(host) == ["0", "1"]
            cancel = group.create_task(requester.request(ask("cancel", 1, Rank.CANCEL)))
            await asyncio.sleep(0)
            assert names(host) == ["0", "1", "cancel"]
            used = requester.budget.use_percent(requester.mono())
            for task in (*asked, cancel):
                task.cancel()
        assert requester.budget.use_percent(requester.mono()) < used, (
            "what did not leave is given back"
        )

    played(body)
