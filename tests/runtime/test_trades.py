"""Prints around a gap are told in order, each once, whatever the answers bring, and never wait for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, D
from nightdesk.model.market import Trade
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.runtime import trades as trades_module
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.runtime.trades import TradeFeed
from nightdesk.simulation.loop import run
from nightdesk.venues.protocol import NoAnswer

ELSE = "binance:ETHUSDT"


def a_print(number: int, instrument: str = BTCUSDT) -> Trade:
    return Trade(
        instrument=instrument,  # type: ignore[arg-type]
        trade_id=number,
        price=D(100),
        qty=D(1),
        buyer_is_maker=True,
        received=Mono(1),
        venue_time=Wall(1),
    )


class Venue:
    """Codec and requester at once; knows the prints up to `knows`, tells nothing the first `refuses` times."""

    def __init__(self, knows: int = 0, refuses: int = 0) -> None:
        self.knows = knows
        self.refuses = refuses
        self.asked: list[int] = []
        self.takes_s = 0.1

    def mono(self) -> Mono:
        return Mono(round(asyncio.get_running_loop().time() * SECOND_NS))

    async def request(self, build: Callable[[Wall], Any]) -> int:
        await asyncio.sleep(self.takes_s)
        return int(build(Wall(0)))

    def past_trades(self, _: str, from_id: int, count: int) -> int:
        self.asked.append(from_id)
        return from_id

    def told_trades(self, instrument: str, result: int, _: Mono) -> list[Trade] | NoAnswer:
        if self.refuses:
            self.refuses -= 1
            outcome = Outcome(verdict=Verdict.UNKNOWN, reason=Reason.VENUE_ERROR, text="no")
            return NoAnswer(outcome=outcome)
        last = min(self.knows, result + trades_module.PAGE - 1)
        return [a_print(number, instrument) for number in range(result, last + 1)]


def played(
    venue: Venue, script: Callable[[TradeFeed], Any], told: list[int] | None = None
) -> list[int]:
    told = [] if told is None else told

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            made: Any = venue
            feed = TradeFeed(
                [BTCUSDT],
                made,
                made,
                watched=True,
                telemetry=Telemetry(),
                spawn=lambda work, name: group.create_task(work, name=name),  # type: ignore[arg-type, func-returns-value, return-value]
                tell=lambda trade: told.append(trade.trade_id),
                say=lambda *_level_and_event, **_fields: None,
            )
            await script(feed)

    run(main)
    return told


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 20), st.integers(0, 2))
def test_a_gap_is_filled_in_order(last: int, gap: int, live: int, refuses: int) -> None:
    venue = Venue(knows=last + gap, refuses=refuses)

    async def script(feed: TradeFeed) -> None:
        for number in range(1, last + 1):
            feed.heard(a_print(number))
        feed.gap(BTCUSDT)
        for number in range(last + gap + 1, last + gap + live + 1):
            feed.heard(a_print(number))
        await asyncio.sleep(5)
        feed.heard(a_print(last + gap + live + 1))

    assert played(venue, script) == list(range(1, last + gap + live + 2))
    assert venue.asked[0] == last + 1


def test_long_gaps_are_asked_for_page_by_page(monkeypatch: Any) -> None:
    monkeypatch.setattr(trades_module, "PAGE", 10)
    venue = Venue(knows=35)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1))
        feed.gap(BTCUSDT)
        await asyncio.sleep(5)

    assert played(venue, script) == list(range(1, 36))
    assert venue.asked == [2, 12, 22, 32]


def test_a_past_that_lags_is_asked_again_and_then_let_be() -> None:
    venue = Venue(knows=3)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1))
        feed.gap(BTCUSDT)
        feed.heard(a_print(9))
        await asyncio.sleep(60)
        feed.heard(a_print(10))

    assert played(venue, script) == [1, 2, 3, 9, 10]
    assert venue.asked == [2, 4, 4]


def test_nothing_waits_for_ever() -> None:
    silent = Venue(refuses=100)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1))
        feed.gap(BTCUSDT)
        feed.heard(a_print(5))
        await asyncio.sleep(60)

    assert played(silent, script) == [1, 5]
    assert len(silent.asked) == trades_module.TRIES


def test_what_waits_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(trades_module, "HELD_MAX", 3)
    slow = Venue(knows=4)
    slow.takes_s = 30

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1))
        feed.gap(BTCUSDT)
        for number in range(5, 10):
            feed.heard(a_print(number))

    assert played(slow, script) == [1, 5, 6, 7, 8, 9]


def test_an_id_that_is_passed_over_is_a_gap_too() -> None:
    venue = Venue(knows=9)

    async def script(feed: TradeFeed) -> None:
        for number in (1, 2, 6, 7):
            feed.heard(a_print(number))
        await asyncio.sleep(5)

    assert played(venue, script) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_venue_that_numbers_with_holes_is_not_asked_at_every_one() -> None:
    venue = Venue()

    async def script(feed: TradeFeed) -> None:
        for number in range(1, 1000, 3):
            feed.heard(a_print(number))
            await asyncio.sleep(1)

    assert played(venue, script) == list(range(1, 1000, 3))
    assert len(venue.asked) <= 10 * trades_module.TRIES


def test_what_an_answer_told_ahead_of_the_stream_is_told_once() -> None:
    venue = Venue(knows=18)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(10))
        feed.gap(BTCUSDT)
        await asyncio.sleep(0.05)
        feed.heard(a_print(15))
        await asyncio.sleep(1)
        for number in (16, 17, 18, 19):
            feed.heard(a_print(number))

    assert played(venue, script) == list(range(10, 20))


def test_a_venue_that_begins_to_number_anew_is_heard_again() -> None:
    async def at_once(feed: TradeFeed) -> None:
        feed.heard(a_print(trades_module.AGAIN_MAX + 3))
        for number in (1, 2, 3):
            feed.heard(a_print(number))

    async def later(feed: TradeFeed) -> None:
        feed.heard(a_print(100))
        feed.heard(a_print(1))
        await asyncio.sleep(trades_module.AGAIN_WITHIN_NS / SECOND_NS + 1)
        for number in (2, 3):
            feed.heard(a_print(number))

    assert played(Venue(), at_once) == [trades_module.AGAIN_MAX + 3, 1, 2, 3]
    assert played(Venue(), later) == [100, 2, 3]


def test_questions_in_vain_put_off_no_question_after_a_gap() -> None:
    venue = Venue(knows=1)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1))
        for number in (3, 5, 7, 9):  # holes
            feed.heard(a_print(number))
            await asyncio.sleep(1)
        venue.knows = 12
        feed.gap(BTCUSDT)
        await asyncio.sleep(1)

    assert played(venue, script) == [1, 3, 5, 7, 9, 10, 11, 12]


def test_gaps_with_nothing_in_them_put_off_no_question_at_all() -> None:
    venue = Venue(knows=10)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(10))
        for _ in range(8):
            feed.gap(BTCUSDT)
            await asyncio.sleep(1)
        venue.knows = 15
        feed.heard(a_print(16))
        await asyncio.sleep(1)

    assert played(venue, script) == list(range(10, 17))


class Holes(Venue):
    """Numbers with holes."""

    def told_trades(self, instrument: str, result: int, _: Mono) -> list[Trade] | NoAnswer:
        numbers = [n for n in range(10, 10 + 7 * 35, 7) if n >= result]
        return [a_print(number, instrument) for number in numbers[: trades_module.PAGE]]


class Stuck(Venue):
    """Tells the same page for ever."""

    def told_trades(self, instrument: str, _: int, __: Mono) -> list[Trade] | NoAnswer:
        return [a_print(number, instrument) for number in range(2, 2 + trades_module.PAGE)]


def test_pages_go_on_after_the_newest_and_end_where_nothing_is_new(monkeypatch: Any) -> None:
    monkeypatch.setattr(trades_module, "PAGE", 10)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1))
        feed.gap(BTCUSDT)
        await asyncio.sleep(5)

    holes, stuck = Holes(), Stuck()
    assert played(holes, script) == [1, *range(10, 10 + 7 * 35, 7)]
    assert len(holes.asked) == 4
    assert played(stuck, script) == list(range(1, 12))
    assert stuck.asked == [2, 12]


def test_a_question_that_is_cancelled_tells_nothing() -> None:
    venue = Venue(knows=20)
    venue.takes_s = 5

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1))
        feed.gap(BTCUSDT)
        await asyncio.sleep(0.1)
        feed.heard(a_print(9))
        raise OSError("the node ends")

    told: list[int] = []
    with pytest.raises(BaseExceptionGroup):
        played(venue, script, told=told)
    assert told == [1]


def test_prints_that_nobody_hears_are_neither_held_nor_asked_for() -> None:
    venue = Venue(knows=9)

    async def script(feed: TradeFeed) -> None:
        feed.heard(a_print(1, ELSE))
        feed.gap(ELSE)  # type: ignore[arg-type]
        feed.heard(a_print(5, ELSE))

    assert played(venue, script) == [1, 5]
    assert venue.asked == []
