"""A generated market: the same for a seed, consistent, lively, with trends."""

from lab.driver import SECOND, T0_NS
from nightdesk.lab.book import Book
from nightdesk.lab.generated import LEVELS, GeneratedMarket
from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, MarketEvent, Trade
from nightdesk.lab.settings import KNOWN_SYMBOLS

SYMBOLS = tuple(KNOWN_SYMBOLS.values())


def played(seed: int, seconds: int) -> list[MarketEvent]:
    market = GeneratedMarket(SYMBOLS, seed)
    events = market.opening()
    market.start(T0_NS)
    return events + market.take(T0_NS + seconds * SECOND)


def of(events: list[MarketEvent], symbol: str) -> list[MarketEvent]:
    return [e for e in events if e.symbol == symbol]


def test_a_seed_is_a_world() -> None:
    assert played(3, 5) == played(3, 5)
    assert played(3, 5) != played(4, 5)


def test_events_come_in_order_and_as_often_as_on_a_lively_venue() -> None:
    events = of(played(1, 60), "BTCUSDT")[1:]
    assert [e.at_ns for e in events] == sorted(e.at_ns for e in events)
    quotes = sum(isinstance(e, BookTicker) for e in events)
    trades = sum(isinstance(e, Trade) for e in events)
    assert 20 * 60 < quotes < 36 * 60
    assert 6 * 60 < trades < 14 * 60
    assert sum(isinstance(e, DepthUpdate) for e in events) > 9 * 60


def test_prices_start_where_people_expect_them_and_lie_on_the_grid() -> None:
    for symbol, price in (("BTCUSDT", 60_000), ("ETHUSDT", 3_000)):
        rules = KNOWN_SYMBOLS[symbol]
        for event in of(played(1, 10), symbol):
            if isinstance(event, Trade):
                assert abs(event.price - price) < price // 50
                assert event.price % rules.tick == 0
                assert event.quantity % rules.step == 0
                assert event.quantity > 0


def test_depth_updates_follow_without_gaps_and_rebuild_the_book() -> None:
    events = of(played(2, 20), "BTCUSDT")
    book = Book()
    last_id = None
    for event in events:
        match event:
            case DepthSnapshot():
                book.on_snapshot(event)
                last_id = event.last_id
            case DepthUpdate():
                assert last_id is not None
                assert event.first_id == last_id + 1
                last_id = event.last_id
                book.on_depth(event)
                assert len(book.bids.prices) <= LEVELS
                bid, ask = book.bids.best(), book.asks.best()
                assert bid is not None
                assert ask is not None
                assert bid < ask
            case _:
                pass


def test_there_are_trends_to_follow() -> None:
    trades = [e for e in of(played(5, 600), "BTCUSDT") if isinstance(e, Trade)]
    by_minute: dict[int, list[Trade]] = {}
    for trade in trades:
        by_minute.setdefault(trade.at_ns // (60 * SECOND), []).append(trade)
    moves = [
        abs(rows[-1].price - rows[0].price) * 10_000 / rows[0].price for rows in by_minute.values()
    ]
    assert max(moves) > 25  # basis points in a minute: more than the fees of a round trip
    assert min(moves) < 12


def test_it_never_ends_and_says_where_it_stands() -> None:
    market = GeneratedMarket(SYMBOLS, 1)
    market.opening()
    assert market.next_at_ns() is None
    market.start(T0_NS)
    market.take(T0_NS + SECOND)
    assert not market.ended
    assert market.report().source == "generated, seed 1"
    assert 0 < market.report().position_ns <= SECOND
