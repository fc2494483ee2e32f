"""A venue's clock is asked once where the way is quick, again while it is slow, never for long."""

import asyncio
from typing import Any

import pytest

from builders import BTCUSDT
from nightdesk.model.ids import VenueId
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.node.venue_link import CLOCK_AGAIN_MAX, CLOCK_FIRST_MAX, VenueLink
from nightdesk.runtime.requester import Requester
from nightdesk.simulation.loop import run
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpResult

UTC = 5000 * SECOND_NS
QUICK, LATE, DELAYED, LOST, HUNG = (1, 1), (1, 201), (121, 1), None, (1, 1500)
Legs = tuple[int, int] | None


class Venue:
    """A venue one second ahead of us, whose answers take as many ms each way as the test says."""

    def __init__(self, legs_ms: list[Legs]) -> None:
        self.legs_ms = legs_ms
        self.asked = 0
        self.connects_s = 0.0

    def mono(self) -> Mono:
        return Mono(round(asyncio.get_running_loop().time() * SECOND_NS) + SECOND_NS)

    def wall(self) -> Wall:
        return Wall(UTC + self.mono())

    def ready(self) -> bool:
        return self.connects_s == 0

    async def hold(self) -> None:
        await asyncio.sleep(self.connects_s)
        self.connects_s = 0

    def exchange(self, request: Any, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        self.asked += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[HttpResult] = loop.create_future()
        legs = self.legs_ms.pop(0)
        if legs is None:
            future.set_result(HttpFailure(written=True, timed_out=False, cause="lost"))
            return future
        there, back = legs
        told_ms = (self.wall() + there * MS_NS + SECOND_NS) // MS_NS
        body = f'{{"serverTime":{told_ms}}}'.encode()
        answer = HttpAnswer(status=200, headers={}, body=body, complete=True)
        loop.call_later((there + back) / 1000, future.set_result, answer)
        return future


async def measured(venue: Any, requester: Requester) -> bool:
    """One round of questions."""
    return await VenueLink(
        venue=VenueId("binance"),
        codec=BinanceSpot(VenueId("binance"), HmacSigner("k", "s"), {"BTCUSDT": BTCUSDT}),
        requester=requester,
        clock=venue,
    ).measure_clock()


# The legs in ms of each question, how many are asked in two rounds, and whether each told the time.
ROUNDS: list[tuple[list[Legs], tuple[int, int], tuple[bool, bool]]] = [
    ([QUICK, QUICK], (1, 1), (True, True)),
    ([QUICK, LATE], (1, 1), (True, True)),
    ([LATE, DELAYED, QUICK, LATE], (3, 1), (True, True)),
    ([LATE, LOST, DELAYED, QUICK, LOST], (4, 1), (True, False)),
    ([DELAYED] * 11, (CLOCK_FIRST_MAX, CLOCK_AGAIN_MAX), (True, True)),
    ([LOST, QUICK], (1, 1), (False, True)),
    ([HUNG, QUICK], (1, 1), (False, True)),
    ([(450, 450)] * 6, (3, 3), (True, True)),
]


@pytest.mark.parametrize(("legs_ms", "asked", "told"), ROUNDS)
def test_it_is_asked_again_only_while_it_is_not_known_well(
    legs_ms: list[Legs], asked: tuple[int, int], told: tuple[bool, bool]
) -> None:
    async def main() -> None:
        venue: Any = Venue(list(legs_ms))
        requester = Requester(venue, venue)
        for count, heard in zip(asked, told, strict=True):
            before = venue.asked
            assert await measured(venue, requester) is heard
            assert venue.asked - before == count
            if heard:
                requester.clock.correct()
            await asyncio.sleep(1)
        error_ns = requester.clock.error_ns()
        assert error_ns is not None
        assert abs(requester.clock.offset_ns - SECOND_NS) <= error_ns

    run(main)


def test_the_time_a_connection_takes_is_no_part_of_the_round_trip() -> None:
    async def main() -> None:
        venue: Any = Venue([QUICK])
        venue.connects_s = 0.5
        requester = Requester(venue, venue)
        assert await measured(venue, requester)
        requester.clock.correct()
        assert requester.clock.fine()
        assert abs(requester.clock.offset_ns - SECOND_NS) <= 2 * MS_NS

    run(main)


def test_a_doubt_in_the_middle_of_a_round_leaves_nothing_known() -> None:
    async def main() -> None:
        venue: Any = Venue([DELAYED, (300, 300), *[LOST] * CLOCK_FIRST_MAX])
        requester = Requester(venue, venue)
        asyncio.get_running_loop().call_later(0.2, requester.clock.doubt)
        assert not await measured(venue, requester)

    run(main)
