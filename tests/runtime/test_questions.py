"""An order is missing only when query, open orders and trades were heard and none of them holds it."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from benches import Bench
from builders import BTCUSDT
from nightdesk.desk.events import Event, OrderFound, OrderNotFound, TradesTold
from nightdesk.model.ids import VenueId
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.runtime.alarms import Alarms
from nightdesk.runtime.questions import DAY_NS, PAGES_MAX, Questions
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.simulation.loop import run
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import TRADES_MAX, BinanceSpot
from nightdesk.venues.http import HttpAnswer, HttpRequest, HttpResult

UNKNOWN_ORDER = (400, {"code": -2013, "msg": "Order does not exist."})
SILENCE: tuple[int, Any] = (502, "")


class Venue:
    """Answers by path; `orders` by the venue's id, `trades` as (order id, ms)."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.intent = bench.place()
        bench.lose(self.intent)
        self.by_client_id = UNKNOWN_ORDER
        self.open: tuple[int, Any] = (200, [])
        self.trades: list[tuple[int, int]] = []
        self.trades_answer: tuple[int, Any] | None = None
        self.orders: dict[int, str] = {}
        self.asked: list[tuple[str, dict[str, list[str]]]] = []

    def mono(self) -> int:
        return self.bench.mono

    def wall(self) -> int:
        return self.bench.wall

    def ready(self) -> bool:
        return True

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        parts = urlsplit(request.target)
        query = parse_qs(parts.query)
        self.asked.append((parts.path, query))
        status, body = self._answer(parts.path, query)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[HttpResult] = loop.create_future()
        raw = json.dumps(body).encode()
        loop.call_soon(future.set_result, HttpAnswer(status=status, headers={}, body=raw))
        return future

    def _answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == "/api/v3/openOrders":
            return self.open
        if path == "/api/v3/myTrades":
            if self.trades_answer is not None:
                return self.trades_answer
            if "orderId" in query:
                number = int(query["orderId"][0])
                return 200, [self._trade(o, ms) for o, ms in self.trades if o == number]
            start, end = int(query["startTime"][0]), int(query["endTime"][0])
            assert end - start <= DAY_NS // MS_NS, "the venue refuses longer spans"
            rows = [self._trade(o, ms) for o, ms in self.trades if start <= ms <= end]
            return 200, rows[:TRADES_MAX]
        if "orderId" in query:
            number = int(query["orderId"][0])
            known = self.orders.get(number)
            return UNKNOWN_ORDER if known is None else (200, self.order(known, number))
        return self.by_client_id

    def order(self, client_id: str, number: int = 7) -> dict[str, Any]:
        return {
            "symbol": "BTCUSDT",
            "orderId": number,
            "clientOrderId": client_id,
            "status": "FILLED",
            "executedQty": "1.0",
            "side": "BUY",
            "time": 1,
            "updateTime": 1,
        }

    def _trade(self, number: int, ms: int) -> dict[str, Any]:
        return {
            "symbol": "BTCUSDT",
            "id": ms,
            "orderId": number,
            "price": "1",
            "qty": "1",
            "commission": "0",
            "commissionAsset": "BNB",
            "time": ms,
            "isBuyer": True,
            "isMaker": False,
        }


def heard(prepare: Any = lambda _: None, *, since: Wall | None = None) -> tuple[Venue, list[Event]]:
    told: list[Event] = []
    venues: list[Venue] = []

    async def main() -> None:
        venue: Any = Venue(Bench().ready())
        venues.append(venue)
        prepare(venue)
        tasks: list[asyncio.Future[None]] = []

        def spawn(work: Awaitable[None], name: str) -> None:
            tasks.append(asyncio.ensure_future(work))

        questions = Questions(
            orders=venue.bench.state.orders,
            codec=BinanceSpot(VenueId("binance"), HmacSigner("k", "s"), {"BTCUSDT": BTCUSDT}),
            requester=Requester(venue, venue),
            telemetry=(telemetry := Telemetry()),
            alarms=Alarms(VenueId("binance"), telemetry, venue.mono, lambda *_: None),
            spawn=spawn,
            tell=told.append,
        )
        start = Wall(venue.bench.wall - 10 * SECOND_NS) if since is None else since
        questions.ask_order(venue.intent, start)
        questions.ask_order(venue.intent, start)  # asked again meanwhile: one search is enough
        await asyncio.gather(*tasks)
        await asyncio.gather(*tasks)  # with what these asked in turn

    run(main)
    return venues[0], told


def verdicts(told: list[Event], client_id: str) -> set[str]:
    found = set()
    for event in told:
        if isinstance(event, OrderNotFound):
            found.add("everywhere" if event.everywhere else "by its id")
        elif isinstance(event, OrderFound) and event.report.client_id == client_id:
            found.add("found")
    return found


def ms(venue: Venue) -> int:
    return venue.bench.wall // MS_NS - 1_000


def in_the_open_list(venue: Venue) -> None:
    venue.open = (200, [venue.order(venue.intent.client_id) | {"status": "NEW"}])


def among_the_trades(venue: Venue) -> None:
    venue.trades = [(7, ms(venue))]
    venue.orders = {7: venue.intent.client_id}


def anothers_trade(venue: Venue) -> None:
    venue.trades = [(8, ms(venue)), (8, ms(venue) + 1)]
    venue.orders = {8: "somebody-else"}


def a_trade_of_an_order_nobody_knows(venue: Venue) -> None:
    venue.trades = [(9, ms(venue))]


def among_the_trades_of_an_order_that_rested(venue: Venue) -> None:
    told = venue.bench.report(venue.intent)
    venue.bench.told(msgspec.structs.replace(told, venue_order_id="7"))
    venue.trades = [(7, ms(venue))]


def silent_list(venue: Venue) -> None:
    venue.open = SILENCE


def silent_trades(venue: Venue) -> None:
    venue.trades_answer = SILENCE


def silent_query(venue: Venue) -> None:
    venue.by_client_id = SILENCE


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda _: None, {"everywhere"}),
        (in_the_open_list, {"found"}),
        (among_the_trades, {"found"}),
        (anothers_trade, {"everywhere"}),
        (a_trade_of_an_order_nobody_knows, set()),
        (silent_list, set()),
        (silent_trades, set()),
        (silent_query, set()),
    ],
)
def test_where_an_unknown_order_may_stand(prepare: Any, expected: set[str]) -> None:
    venue, told = heard(prepare)
    assert verdicts(told, venue.intent.client_id) == expected


def test_an_order_that_rested_and_traded_unheard_is_not_taken_for_one_that_vanished() -> None:
    venue, told = heard(among_the_trades_of_an_order_that_rested)
    assert verdicts(told, venue.intent.client_id) == set()
    trades = [event for event in told if isinstance(event, TradesTold)]
    assert trades
    assert all(event.client_id == venue.intent.client_id for event in trades)
    assert trades[0].executions


def test_a_foreign_order_is_identified_once_and_its_trades_are_then_known() -> None:
    venue, _ = heard(anothers_trade)
    identified = [query for path, query in venue.asked if query.get("orderId") == ["8"]]
    assert len(identified) == 1


def test_days_of_trades_are_read_in_spans_the_venue_allows() -> None:
    def prepare(venue: Venue) -> None:
        anothers_trade(venue)
        venue.bench.wait(3 * DAY_NS)

    venue, told = heard(prepare, since=Wall(Bench().ready().wall - SECOND_NS))
    spans = [query for path, query in venue.asked if path == "/api/v3/myTrades"]
    assert len(spans) == 4
    assert verdicts(told, venue.intent.client_id) == {"everywhere"}


def test_a_full_page_is_followed_by_the_next() -> None:
    def prepare(venue: Venue) -> None:
        first = ms(venue) - 5_000
        venue.trades = [(8, first + n) for n in range(TRADES_MAX + 10)]
        venue.trades.append((7, first + TRADES_MAX + 20))
        venue.orders = {8: "somebody-else", 7: venue.intent.client_id}

    venue, told = heard(prepare)
    assert verdicts(told, venue.intent.client_id) == {"found"}


def test_more_trades_than_can_be_read_vouch_for_nothing() -> None:
    def prepare(venue: Venue) -> None:
        venue.trades = [(8, ms(venue))] * TRADES_MAX  # all in one millisecond: no way past them
        venue.trades += [(8, ms(venue) + n) for n in range(TRADES_MAX * PAGES_MAX)]
        venue.orders = {8: "somebody-else"}

    venue, told = heard(prepare)
    assert verdicts(told, venue.intent.client_id) == set()
