"""Tables played on the lab: schedule, what stands, what fills, and that nobody trades on a bar inside it."""

from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.driver import MS, SECOND, T0_NS, Driver
from nightdesk.lab.market import BookTicker, DepthSnapshot, MarketEvent, Trade
from nightdesk.lab.recorded import PULSE_NS, RecordedMarket
from nightdesk.lab.settings import default_symbol
from nightdesk.recordings import binance_vision, tardis
from nightdesk.recordings.table import Format, TableReader
from recordings.tables import bar_line, quote_line, reader, tardis_quote, trade_line

D = Decimal
MINUTE = 60 * SECOND

# No bar opens where the one before it closed: a fill tells by which of them it was.
BARS = [
    bar_line(0, (100, 102, 98, 101)),
    bar_line(1, (100, 103, 95, 97)),
    bar_line(2, (98, 99, 60, 70)),
    bar_line(3, (72, 73, 69, 70)),
]


def market(*files: tuple[TableReader, Iterable[bytes]], speed: float = 1.0) -> RecordedMarket:
    return RecordedMarket(files or [(reader(), BARS)], speed)


def of(
    form: Format, *lines: bytes, name: str = "a", symbol: str = "BTCUSDT"
) -> tuple[TableReader, list[bytes]]:
    return reader(form, name=name, symbol=symbol), list(lines)


def lab(played: RecordedMarket) -> Driver:
    return Driver(played, symbols=tuple(default_symbol(s) for s in played.symbols))


def quotes(events: list[MarketEvent]) -> list[tuple[Decimal, Decimal, Decimal]]:
    return [(e.bid, e.ask, e.bid_quantity) for e in events if isinstance(e, BookTicker)]


def all_of(played: RecordedMarket) -> list[MarketEvent]:
    played.start(T0_NS)
    events: list[MarketEvent] = []
    while (due_ns := played.next_at_ns()) is not None:
        events += played.take(due_ns)
    return events


def test_of_recorded_quotes_a_book_shows_the_touch_alone() -> None:
    rows = [quote_line(n, 1_000 * n, f"{100 + n}", f"{102 + n}") for n in range(3)]
    d = lab(market(of(binance_vision.BOOK_TICKER, *rows)))
    conn = d.open("/ws/btcusdt@depth20@100ms")
    d.pass_time(5 * SECOND)
    told = d.heard(conn)
    assert [len(book["bids"]) for book in told] == [1] * len(told)
    assert {float(book["bids"][0][0]) for book in told} >= {100.0, 102.0}


# --- schedule -------------------------------------------------------------------------------


def test_a_bar_is_played_whole_at_its_end_together_with_the_next_open() -> None:
    played = market()
    assert played.opening() == []
    played.start(T0_NS)
    first = played.take(T0_NS)
    assert [e.price for e in first if isinstance(e, Trade)] == [100, 98, 102, 101]
    # A tenth of the range of 98 to 102 to either side of 100, and a tenth of the volume of 40.
    assert quotes(first) == [(D("99.6"), D("100.4"), 4)]
    assert [e.passing for e in first if isinstance(e, DepthSnapshot)] == [True] * 4 + [False]
    assert played.next_at_ns() == T0_NS + PULSE_NS
    second = played.take(T0_NS + MINUTE)
    assert [e.at_ns - T0_NS for e in second if isinstance(e, Trade)] == [MINUTE] * 4
    assert [e.trade_ns - T0_NS for e in second if isinstance(e, Trade)] == [
        0,
        20 * SECOND,
        40 * SECOND,
        MINUTE - MS,
    ]


def test_what_stands_is_told_once_a_second_and_never_changes_within_a_bar() -> None:
    played = market()
    played.start(T0_NS)
    played.take(T0_NS)
    within = played.take(T0_NS + MINUTE - 1)
    assert [e.at_ns - T0_NS for e in within] == [n * SECOND for n in range(1, 60)]
    assert set(quotes(within)) == {(D("99.6"), D("100.4"), D(4))}


def test_speed_shortens_the_minutes_and_not_the_seconds_between_pulses() -> None:
    played = market(speed=10)
    played.start(T0_NS)
    played.take(T0_NS)
    assert played.next_at_ns() == T0_NS + PULSE_NS
    events = played.take(T0_NS + MINUTE // 10)
    assert [e.trade_ns - T0_NS for e in events if isinstance(e, Trade)] == [
        0,
        2 * SECOND,
        4 * SECOND,
        6 * SECOND - MS // 10,
    ]
    with pytest.raises(ValueError, match="speed is above 0"):
        market(speed=0)


def test_ids_grow_by_one_and_times_never_go_back() -> None:
    events = all_of(market())
    updates = [e.update_id for e in events if isinstance(e, BookTicker)]
    assert updates == sorted(set(updates))
    assert [e.trade_id for e in events if isinstance(e, Trade)] == list(range(1, 17))
    assert [e.at_ns for e in events] == sorted(e.at_ns for e in events)


def test_a_played_market_is_the_same_every_time_and_however_it_is_asked() -> None:
    once = market()
    once.start(T0_NS)
    assert once.take(T0_NS + 10 * MINUTE) == all_of(market())
    assert once.ended
    assert once.next_at_ns() is None


def test_the_report_tells_what_was_read_and_what_was_not() -> None:
    again = (reader(name="again"), BARS[:2])
    played = market((reader(), [*BARS, b"junk\n"]), again)
    all_of(played)
    report = played.report()
    assert (report.good_lines, report.bad_lines, report.repeated_lines) == (4, 1, 2)
    assert report.first_bad == ("a.csv:5: 12 columns are expected, not 1",)
    assert (report.source, report.position_ns) == ("a.csv, again", 3 * MINUTE)


# --- nothing stands where nothing is known --------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        [BARS[0]],  # the last bar
        [BARS[0], BARS[2]],  # a minute is missing
        [bar_line(0, (100, 100, 100, 100), "0"), BARS[1]],  # nobody traded
    ],
)
def test_after_a_bar_that_nothing_follows_nobody_can_trade(lines: list[bytes]) -> None:
    d = lab(market((reader(), lines)))
    answer = d.place(price=None, type="MARKET", timeInForce=None, quantity="0.1")
    assert (answer.json["status"], answer.json["executedQty"]) == ("EXPIRED", "0.00000000")
    assert d.place(price="200", quantity="0.1").json["status"] == "NEW"


# --- a decision on a bar cannot fill inside it ----------------------------------------------


def test_a_decision_on_a_bar_is_first_matched_against_the_next_one() -> None:
    """Whoever hears the end of bar 1 and buys at market gets bar 2's open, with the spread of bar 1."""
    d = lab(market())
    conn = d.open("/ws/btcusdt@trade")
    d.pass_time(MINUTE)
    heard = [message["p"] for message in d.heard(conn)]
    assert heard[-4:] == ["100.00000000", "103.00000000", "95.00000000", "97.00000000"]
    bought = d.place(
        price=None, type="MARKET", timeInForce=None, quantity="1", newOrderRespType="FULL"
    )
    # Bar 1 ranged from 95 to 103; bar 2 opens at 98: 98 + 0.8, and nothing of what bar 1 showed.
    assert [fill["price"] for fill in bought.json["fills"]] == ["98.80000000"]


def test_a_resting_order_decided_on_a_bar_fills_by_the_next_one_only() -> None:
    d = lab(market())
    d.pass_time(MINUTE)
    # Bar 1 traded at 95; an order at 96 placed after its end saw none of that.
    d.place(price="96", quantity="1", newClientOrderId="low")
    d.pass_time(MINUTE - 6 * MS)  # place waits five for its answer
    assert d.order("low")["status"] == "NEW"
    d.pass_time(MS)
    assert d.order("low")["status"] == "FILLED"  # bar 2 traded at 60
    assert d.order("low")["cummulativeQuoteQty"] == "96.00000000"


def test_no_order_is_filled_by_a_point_older_than_itself() -> None:
    """Bar 2 falls: open 98, high 99 at 20 s, low 60 at 40 s, close 70."""
    d = lab(market())
    d.pass_time(MINUTE)
    d.place(side="SELL", price="98.5", quantity="0.1", newClientOrderId="before-the-high")
    d.pass_time(30 * SECOND)
    d.place(side="SELL", price="98.4", quantity="0.1", newClientOrderId="after-the-high")
    d.place(price="65", quantity="0.1", newClientOrderId="before-the-low")
    d.pass_time(15 * SECOND)
    d.place(price="66", quantity="0.1", newClientOrderId="after-the-low")
    d.pass_time(15 * SECOND)
    assert d.order("before-the-high")["status"] == "FILLED"
    assert d.order("after-the-high")["status"] == "NEW"
    assert d.order("before-the-low")["status"] == "FILLED"
    assert d.order("after-the-low")["status"] == "NEW"


def test_a_stop_that_a_bar_reaches_trades_at_its_point_and_not_at_a_price_from_before() -> None:
    d = lab(market())
    d.pass_time(MINUTE)
    for name, stop in (("sells", "90"), ("waits", "50")):
        d.place(
            side="SELL",
            type="STOP_LOSS",
            timeInForce=None,
            price=None,
            stopPrice=stop,
            quantity="0.1",
            newClientOrderId=name,
        )
    d.pass_time(MINUTE)
    assert [o["status"] for o in map(d.order, ("sells", "waits"))] == ["FILLED", "NEW"]
    (fill,) = d.lab.exchange.accounts["desk"].fills
    assert fill.price == D("59.99"), "the low of 60, less a spread"


def test_a_stop_is_deaf_to_points_from_before_it() -> None:
    d = lab(market())
    d.pass_time(MINUTE + 45 * SECOND)  # the low counts as made at 40 s
    stop = {"type": "STOP_LOSS", "timeInForce": None, "price": None, "stopPrice": "65"}
    d.place(side="SELL", quantity="0.1", newClientOrderId="late", **stop)
    d.pass_time(15 * SECOND)
    assert d.order("late")["status"] == "NEW"


def test_a_touch_fills_nobody() -> None:
    d = lab(market())
    d.pass_time(MINUTE)
    d.place(price="60", quantity="0.1", newClientOrderId="at-the-low")
    d.place(side="SELL", price="99", quantity="0.1", newClientOrderId="at-the-high")
    d.pass_time(MINUTE)
    assert {d.order(name)["status"] for name in ("at-the-low", "at-the-high")} == {"NEW"}


def test_nobody_takes_more_than_a_tenth_of_the_last_bar() -> None:
    d = lab(market())
    for _ in range(2):
        d.place(side="SELL", price="50", quantity="3", timeInForce="IOC")
        d.pass_time(2 * SECOND)  # a pulse tells the same quote and brings nothing back
    fills = d.lab.exchange.accounts["desk"].fills
    assert sum(fill.quantity for fill in fills) == 4


_PRICES = st.integers(50, 150)


# A busy machine is no failure: each example is a whole lab.
@settings(max_examples=60)
@given(
    st.lists(st.tuples(_PRICES, _PRICES, _PRICES, _PRICES), min_size=3, max_size=5),
    st.integers(1, 119),
    st.booleans(),
    st.integers(50, 150),
)
def test_whenever_an_order_comes_its_fills_are_of_points_after_it(
    rows: list[tuple[int, int, int, int]], after_s: int, buys: bool, limit: int
) -> None:
    lines = [
        bar_line(n, (o, max(o, h, low, c), min(o, h, low, c), c))
        for n, (o, h, low, c) in enumerate(rows)
    ]
    played = market((reader(), lines))
    d = lab(played)
    d.pass_time(after_s * SECOND)
    minute = after_s // 60  # of the bar whose end was heard last
    side = "BUY" if buys else "SELL"
    d.place(price=str(limit), quantity="0.1", side=side, newClientOrderId="x")
    opened = rows[minute + 1][0]
    reached = opened < limit if buys else opened > limit
    if d.order("x")["status"] == "FILLED":
        assert reached, "filled at once, and not by the open of the bar under way"
        return
    d.pass_time(((minute + 1) * 60 - after_s) * SECOND)
    if d.order("x")["status"] == "FILLED":
        # By the bar under way, and only by points behind the order; or by the next bar's open.
        o, h, low, c = rows[minute + 1]
        high, lowest = max(o, h, low, c), min(o, h, low, c)
        path = [o, lowest, high, c] if c >= o else [o, high, lowest, c]
        later = [p for n, p in enumerate(path) if n * 20 * SECOND >= (after_s % 60) * SECOND]
        later += [row[0] for row in rows[minute + 2 : minute + 3]]
        assert any(p < limit if buys else p > limit for p in later)


# --- trades and quotes ----------------------------------------------------------------------


def test_trades_without_quotes_bring_a_spread_and_no_more_than_was_traded() -> None:
    played = market(
        of(binance_vision.TRADES, trade_line(7, 0, "1000", "2"), trade_line(8, 1500, "990"))
    )
    played.start(T0_NS)
    (trade, cleared, quote) = played.take(T0_NS)
    assert isinstance(trade, Trade)
    assert isinstance(cleared, DepthSnapshot)
    assert (trade.price, trade.touches, trade.trade_id) == (1000, False, 1)
    assert quotes([quote]) == [(D("999.9"), D("1000.1"), 2)]
    assert quotes(played.take(T0_NS + SECOND)) == [(D("999.9"), D("1000.1"), 2)]
    assert quotes(played.take(T0_NS + 2 * SECOND)) == [(D("989.90"), D("990.10"), 1)]
    assert played.ended


def test_recorded_quotes_stand_as_they_are_and_trades_touch() -> None:
    played = market(
        of(binance_vision.TRADES, trade_line(1, 10)),
        of(binance_vision.BOOK_TICKER, quote_line(5, 0), quote_line(6, 10, "98", "99")),
    )
    events = all_of(played)
    assert quotes(events) == [(99, 101, 1), (98, 99, 1)]
    # At equal times the file given first comes first.
    assert [type(e) for e in events] == [BookTicker, Trade, BookTicker]
    assert [e.touches for e in events if isinstance(e, Trade)] == [True]


def test_the_venues_stamp_is_as_much_older_as_it_was() -> None:
    header = next(iter(tardis.TRADES.headers)).encode() + b"\n"
    line = b"bitmex,XBTUSD,1583020803145000,1583020803307160,id,sell,8531.5,2152\n"
    played = market((reader(tardis.TRADES, symbol=""), [header, line]), speed=2)
    (trade, *_) = all_of(played)
    assert isinstance(trade, Trade)
    assert (trade.at_ns, trade.trade_ns) == (T0_NS, T0_NS - 81_080_000)
    assert played.symbols == ["XBTUSD"]


def test_venues_are_merged_by_time() -> None:
    played = market(
        of(tardis.QUOTES, tardis_quote(0), tardis_quote(20), symbol=""),
        of(
            tardis.QUOTES,
            *[tardis_quote(us, venue="okex", symbol="ETH-USDT") for us in (0, 10)],
            symbol="",
        ),
    )
    assert [e.symbol for e in all_of(played)] == ["BTCUSDT", "ETHUSDT", "ETHUSDT", "BTCUSDT"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            [of(tardis.QUOTES, tardis_quote(0), name="a", symbol=""),
             of(tardis.QUOTES, tardis_quote(0, venue="okex"), name="b", symbol="")],
            "BTCUSDT is of bybit and of okex in a and b; the lab is one venue",
        ),
        (
            [of(binance_vision.KLINES, BARS[0], name="a"),
             of(binance_vision.TRADES, trade_line(1, 0), name="b")],
            "BTCUSDT is told as bars and as trades in a and b",
        ),
        (
            [of(binance_vision.TRADES, trade_line(1, 0), name="a"),
             of(binance_vision.AGG_TRADES, b"1,1,1,1,1,1760129340000,true\n", name="b")],
            "BTCUSDT is told as trades and as aggregated trades in a and b",
        ),
        (
            [of(binance_vision.KLINES, BARS[0], name="a"),
             of(binance_vision.BOOK_TICKER, quote_line(1, 0), name="b")],
            "BTCUSDT is told as bars and as quotes in a and b",
        ),
        ([of(binance_vision.KLINES, b"junk\n", name="a")], "no readable row in a"),
        ([of(binance_vision.KLINES, BARS[0], symbol="BTCUSDPERP")], "cannot tell base and quote"),
    ],
)  # fmt: skip
def test_what_is_not_one_market_is_refused(
    files: list[tuple[TableReader, list[bytes]]], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        market(*files)


@pytest.mark.parametrize(
    ("written", "tick", "step"),
    [
        ("0.3790", "0.0001", "0.0001"),
        ("34.42", "0.01", "0.00001"),
        ("9", "1", "0.00001"),
        ("0.00001234", "0.00000001", "1"),
    ],
)
def test_a_recorded_symbol_has_the_grid_its_prices_are_written_on(
    written: str, tick: str, step: str
) -> None:
    file = reader(name="AVAXUSDT", symbol="AVAXUSDT")
    (rules,) = market((file, [bar_line(0, (written,) * 4)])).rules
    assert (rules.tick, rules.step) == (D(tick), D(step))
