"""Requests to a venue that fails: held back, let through by a few, tried again; never on the way out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nightdesk.model.ids import VenueId
from nightdesk.model.outcome import Reason
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.ports.venue import ConnectFailed
from nightdesk.resilience.breaker import Change, State
from nightdesk.resilience.budget import Cost, Rank
from nightdesk.runtime.guard import ENTRIES, READS, Guard, Operation, ReasonOf, by_wire
from nightdesk.runtime.requester import Requester
from nightdesk.simulation.loop import run
from nightdesk.venues.binance_sign import Unsigned
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

READ, CANCEL, EXIT, ENTRY = Operation.READ, Operation.CANCEL, Operation.EXIT, Operation.ENTRY
GOOD = HttpAnswer(status=200, headers={}, body=b"{}")
REFUSED = HttpAnswer(status=400, headers={}, body=b'{"code":-2013}')
BAD = HttpAnswer(status=500, headers={}, body=b"")
BUSY = HttpAnswer(status=429, headers={"retry-after": "1"}, body=b"")
CUT = HttpAnswer(status=200, headers={}, body=b"{", complete=False)
LOST = HttpFailure(written=True, timed_out=False, cause="reset")
UNSENT = HttpFailure(written=False, timed_out=False, cause="no connection")


def later(seconds: int) -> HttpAnswer:
    return HttpAnswer(status=503, headers={"retry-after": str(seconds)}, body=b"")


class Venue:
    """Answers as it is told, on the loop's time; what is not said is good."""

    def __init__(self, answers: list[HttpResult]) -> None:
        self.answers = answers
        self.asked: list[int] = []  # when, in ms
        self.connected = True

    def mono(self) -> Mono:
        return Mono(round(asyncio.get_running_loop().time() * SECOND_NS))

    def wall(self) -> Wall:
        return Wall(self.mono())

    def ready(self) -> bool:
        return self.connected

    async def hold(self) -> None:
        raise ConnectFailed("nobody is there")

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        self.asked.append(self.mono() // 1_000_000)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[HttpResult] = loop.create_future()
        answer = self.answers.pop(0) if self.answers else GOOD
        loop.call_later(0.01, lambda: None if future.done() else future.set_result(answer))
        return future


class Rig:
    def __init__(self, answers: list[HttpResult]) -> None:
        self.venue: Any = Venue(answers)
        self.cost = Cost(rank=Rank.RECONCILE)
        self.changes: list[tuple[Operation, Change]] = []
        self.ask_of(by_wire)

    def ask_of(self, reason_of: ReasonOf) -> None:
        """Of a venue whose answers are read so."""
        self.requester = Requester(self.venue, self.venue, reason_of=reason_of)
        self.guard = self.requester.guard
        self.guard.changed = lambda operation, change: self.changes.append((operation, change))

    async def ask(self, *, way_out: bool = False) -> HttpResult:
        cost = Cost(rank=Rank.CANCEL) if way_out else self.cost
        return await self.requester.request(
            lambda _: HttpRequest(method="GET", target="/", cost=cost)
        )

    async def many(self, count: int, *, way_out: bool = False) -> None:
        for _ in range(count):
            await self.ask(way_out=way_out)

    def state(self, operation: Operation) -> State:
        return self.guard.standing(operation).state

    def end(self, operation: Operation, result: HttpResult) -> bool:
        """One order as the gateway sends it; whether it was let through."""
        settle = self.guard.enter(operation)
        if settle is not None:
            future: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
            future.set_result(result)
            settle(future)
        return settle is not None


def rigged(body: Callable[[Rig], Awaitable[None]], *answers: HttpResult) -> None:
    async def main() -> None:
        await body(Rig(list(answers)))

    run(main)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (GOOD, Reason.NONE),
        (REFUSED, Reason.NONE),
        (BAD, Reason.VENUE_ERROR),
        (later(3), Reason.VENUE_ERROR),
        (HttpAnswer(status=408, headers={}, body=b""), Reason.VENUE_ERROR),
        (CUT, Reason.UNREADABLE),
        (LOST, Reason.CONNECTION),
        (UNSENT, Reason.CONNECTION),
        (HttpFailure(written=True, timed_out=True, cause="late"), Reason.TIMEOUT),
        (BUSY, Reason.THROTTLED),
        (HttpAnswer(status=418, headers={}, body=b""), Reason.THROTTLED),
    ],
)
def test_what_the_wire_alone_shows(result: HttpResult, reason: Reason) -> None:
    assert by_wire(result) is reason


UNSURE = HttpAnswer(status=400, headers={}, body=b'{"code":-1007,"msg":"execution status unknown"}')
UNMAPPED = HttpAnswer(status=400, headers={}, body=b'{"code":-9417,"msg":"?"}')
OVERLOADED = HttpAnswer(status=503, headers={}, body=b'{"code":-1008,"msg":"overloaded"}')
LATE = HttpAnswer(status=400, headers={}, body=b'{"code":-1021,"msg":"recvWindow"}')
PAGE = HttpAnswer(status=200, headers={}, body=b"<html>log in to the network</html>")
HELD_BACK = HttpFailure(written=False, timed_out=False, cause="held back", tried=False)


@pytest.mark.parametrize(
    ("result", "calls", "failed", "asked"),
    [
        (GOOD, 1, 0, 1),
        (REFUSED, 1, 0, 1),
        (LATE, 1, 0, 1),  # asked again once the clock was read, by whoever asked
        (BAD, 3, 3, 3),
        (UNSURE, 3, 3, 3),  # a code that says so, whatever the status
        (PAGE, 3, 3, 3),
        (CUT, 3, 3, 3),
        (LOST, 3, 3, 3),
        (UNMAPPED, 1, 1, 1),  # nobody knows that another try helps
        (OVERLOADED, 0, 0, 1),
        (BUSY, 0, 0, 1),
        (HELD_BACK, 0, 0, 1),
    ],
)
def test_what_a_codec_makes_of_a_result_drives_breaker_and_retry(
    result: HttpResult, calls: int, failed: int, asked: int
) -> None:
    async def body(rig: Rig) -> None:
        rig.ask_of(BinanceSpot(VenueId("binance"), Unsigned(), {}).reason_of)
        await rig.many(20)  # which pay for two tries more
        rig.venue.answers = [result] * 3
        await rig.ask()
        tally = rig.guard.standing(READ).tally
        assert (tally.calls, tally.failed) == (20 + calls, failed)
        assert len(rig.venue.asked) == 20 + asked

    rigged(body)


def test_a_question_that_fails_is_asked_again_within_its_budget() -> None:
    async def body(rig: Rig) -> None:
        await rig.many(20)
        rig.venue.answers = [BAD, LOST, GOOD]
        began = len(rig.venue.asked)
        assert await rig.ask() == GOOD
        waits = [
            b - a
            for a, b in zip(rig.venue.asked[began:], rig.venue.asked[began + 1 :], strict=False)
        ]
        assert waits == [110, 210]  # undrawn: as long as they may be
        rig.venue.answers = [BAD]
        assert await rig.ask() == BAD  # twenty-one calls pay for two

    rigged(body)


@pytest.mark.parametrize("answer", [REFUSED, BUSY, GOOD])
def test_what_is_no_failure_is_not_asked_again(answer: HttpResult) -> None:
    async def body(rig: Rig) -> None:
        await rig.many(50)
        rig.venue.answers = [answer]
        assert await rig.ask() == answer
        assert len(rig.venue.asked) == 51

    rigged(body)


def test_a_wait_that_the_venue_asked_for_is_no_failure_and_is_not_tried() -> None:
    async def body(rig: Rig) -> None:
        await rig.many(50)
        rig.venue.answers = [BUSY]
        await rig.ask()
        held = await rig.ask()
        assert isinstance(held, HttpFailure)
        assert not held.tried
        assert len(rig.venue.asked) == 51
        assert rig.guard.standing(READ).tally.failed == 0

    rigged(body)


def test_a_try_that_left_is_told_rather_than_a_later_one_that_did_not() -> None:
    async def body(rig: Rig) -> None:
        await rig.many(10, way_out=True)
        rig.venue.answers = [LOST]
        asking = asyncio.get_running_loop().create_task(rig.ask(way_out=True))
        await asyncio.sleep(0.005)
        rig.venue.connected = False
        assert await asking == LOST

    rigged(body)


def test_questions_are_held_back_from_a_venue_that_fails_them_and_let_through_again() -> None:
    async def body(rig: Rig) -> None:
        rig.venue.answers = [BAD] * READS.in_a_row_max
        await rig.many(READS.in_a_row_max)
        asked = len(rig.venue.asked)
        held = await rig.ask()
        assert isinstance(held, HttpFailure)
        assert (held.written, held.tried) == (False, False)
        assert "10 failed in a row" in held.cause
        assert len(rig.venue.asked) == asked
        await asyncio.sleep(0.5)
        await rig.many(READS.half_open_calls)
        assert rig.state(READ) is State.CLOSED
        told = [(operation, change.after) for operation, change in rig.changes]
        assert told == [(READ, State.OPEN), (READ, State.HALF_OPEN), (READ, State.CLOSED)]

    rigged(body)


def test_a_connection_that_is_not_to_be_had_is_a_failure() -> None:
    async def body(rig: Rig) -> None:
        rig.venue.connected = False
        await rig.many(READS.in_a_row_max)
        assert rig.state(READ) is State.OPEN

    rigged(body)


def test_the_price_of_an_exit_is_asked_again_and_never_held_back() -> None:
    async def body(rig: Rig) -> None:
        rig.cost = Cost(rank=Rank.REDUCE)
        await rig.many(10)
        rig.venue.answers = [BAD]
        assert await rig.ask() == GOOD
        assert len(rig.venue.asked) == 12
        rig.venue.answers = [BAD] * 100
        await rig.many(30)
        asked = len(rig.venue.asked)
        await rig.ask()
        assert len(rig.venue.asked) > asked

    rigged(body)


def test_the_way_out_is_only_measured() -> None:
    async def body(rig: Rig) -> None:
        rig.venue.answers = [BAD] * 60
        await rig.many(50, way_out=True)
        assert len(rig.venue.asked) >= 50
        assert all(rig.end(EXIT, LOST) for _ in range(50))
        for operation in (CANCEL, EXIT):
            standing = rig.guard.standing(operation)
            assert standing.state is State.METRICS_ONLY
            assert "failed in a row" in standing.over
        assert rig.state(ENTRY) is State.CLOSED

    rigged(body)


def test_new_risk_is_held_back_while_the_way_out_and_questions_go_on() -> None:
    async def body(rig: Rig) -> None:
        assert all(rig.end(ENTRY, LOST) for _ in range(ENTRIES.in_a_row_max))
        assert not rig.end(ENTRY, GOOD)
        assert rig.end(EXIT, GOOD)
        assert await rig.ask() == GOOD
        assert await rig.ask(way_out=True) == GOOD

    rigged(body)


def test_a_retry_after_keeps_new_risk_back_for_as_long() -> None:
    async def body(rig: Rig) -> None:
        rig.end(ENTRY, later(20))
        await asyncio.sleep(19.9)
        assert not rig.end(ENTRY, GOOD)
        await asyncio.sleep(0.2)
        assert rig.end(ENTRY, GOOD)

    rigged(body)


def test_half_open_no_more_than_a_few_are_let_through_at_a_time() -> None:
    async def body(rig: Rig) -> None:
        for _ in range(ENTRIES.in_a_row_max):
            rig.end(ENTRY, LOST)
        await asyncio.sleep(1)
        let = [rig.guard.enter(ENTRY) for _ in range(100)]
        assert sum(settle is not None for settle in let) == ENTRIES.half_open_calls

    rigged(body)


def test_half_open_without_an_order_it_closes() -> None:
    async def body(rig: Rig) -> None:
        for _ in range(ENTRIES.in_a_row_max):
            rig.end(ENTRY, LOST)
        await asyncio.sleep(1)
        rig.guard.look()
        assert rig.changes[-1][1].after is State.HALF_OPEN
        await asyncio.sleep(10)
        rig.guard.look()
        assert rig.changes[-1][1].after is State.CLOSED

    rigged(body)


def test_who_is_cancelled_has_not_failed_and_gives_the_permit_back() -> None:
    async def body(rig: Rig) -> None:
        rig.venue.answers = [BAD] * READS.in_a_row_max
        await rig.many(READS.in_a_row_max)
        await asyncio.sleep(0.5)
        loop = asyncio.get_running_loop()
        for _ in range(20):
            asking = loop.create_task(rig.ask())
            await asyncio.sleep(0.001)
            asking.cancel()
            await asyncio.sleep(0.001)
        assert rig.state(READ) is State.HALF_OPEN
        await rig.many(READS.half_open_calls)
        assert rig.state(READ) is State.CLOSED

    rigged(body)


def test_orders_have_no_retry() -> None:
    async def body(rig: Rig) -> None:
        async def once() -> HttpResult:
            return GOOD

        for operation in (ENTRY, EXIT):
            with pytest.raises(KeyError):
                await rig.guard.ask(operation, once)

    rigged(body)


def test_waits_are_drawn() -> None:
    async def main() -> None:
        venue: Any = Venue([])
        guard = Guard(venue.mono, lambda: 0.25, by_wire)
        answers: list[HttpResult] = [GOOD] * 10 + [BAD, GOOD]

        async def once() -> HttpResult:
            return answers.pop(0)

        for _ in range(10):
            await guard.ask(READ, once)
        began = venue.mono()
        assert await guard.ask(READ, once) == GOOD
        assert venue.mono() - began == SECOND_NS // 40

    run(main)
