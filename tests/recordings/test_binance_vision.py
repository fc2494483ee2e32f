"""Binance Vision's columns, in milliseconds and microseconds, with and without header."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.recordings import binance_vision
from nightdesk.recordings.files import open_lines
from nightdesk.recordings.recognise import recognise
from nightdesk.recordings.rows import BarRow, QuoteRow, TradeRow
from recordings.tables import HEADER, MINUTE_MS, T0_MS, bar_line, one_bar, rows_of, shared

D = Decimal
NS = 1_000_000
PRICES = (100, 110, 90, 105)


@pytest.mark.parametrize("us", [False, True])
@pytest.mark.parametrize("header", [b"", HEADER])
def test_a_kline_is_the_same_in_either_unit_with_or_without_header(us: bool, header: bytes) -> None:
    lines = [header] if header else []
    (bar,), _ = rows_of([*lines, bar_line(0, PRICES, us=us)])
    assert isinstance(bar, BarRow)
    assert (bar.opened_ns, bar.at_ns) == (T0_MS * NS, (T0_MS + MINUTE_MS) * NS)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (100, 110, 90, 105, 40)


_CENTS = st.integers(1, 10**9).map(lambda cents: Decimal(cents) / 100)


@given(
    st.lists(_CENTS, min_size=4, max_size=4).map(sorted),
    st.booleans(),
    st.decimals(0, 10**6, places=8),
    st.booleans(),
)
def test_a_written_bar_is_read_back(
    prices: list[Decimal], rises: bool, volume: Decimal, us: bool
) -> None:
    low, first, second, high = prices
    o, c = (first, second) if rises else (second, first)
    (bar,), reading = rows_of([bar_line(3, (o, high, low, c), f"{volume:f}", us=us)])
    assert isinstance(bar, BarRow), reading.report
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (o, high, low, c, volume)
    assert bar.opened_ns == (T0_MS + 3 * MINUTE_MS) * NS


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (bar_line(0, (100, 90, 110, 105)), "the high 90 is below the low 110"),
        (bar_line(0, (100, 110, 101, 105)), "open 100 or close 105 lies outside 101 to 110"),
        (bar_line(0, (100, 104, 90, 105)), "lies outside"),
        (bar_line(0, (0, 110, 0, 105)), "open 0 is no price"),
        (bar_line(0, ("-1", 110, 90, 105)), "open -1 is no price"),
        (bar_line(0, PRICES, "-1"), "volume -1 is no quantity"),
        (bar_line(0, PRICES).replace(b",7,0,", b",7,41,"), "takers bought 41 of a volume of 40"),
        (bar_line(0, PRICES).replace(b",7,0,", b",x,0,"), "count 'x' is no whole number"),
        (bar_line(0, PRICES).replace(b"399999", b"699999"), "is not one whole minute"),
        (bar_line(0, PRICES).replace(b"340000", b"340001"), "is not one whole minute"),
    ],
)
def test_a_bar_that_cannot_be_is_a_bad_line(line: bytes, reason: str) -> None:
    rows, reading = rows_of([line])
    assert rows == []
    assert reason in reading.report.first_bad[0].reason


def test_a_bar_of_nothing_is_a_bar() -> None:
    assert one_bar(100, 100, 100, 100, "0").volume == 0


SPOT_TRADE = b"51175358,17.80180000,5.69000000,101.29224200,1583709433583,True,True\n"
USDM_TRADE = b"51175358,17.8018,5.69,101.292242,1583709433583,true\n"
US_TRADE = b"51175358,17.80180000,5.69000000,101.29224200,1583709433583000,True,True\n"


@pytest.mark.parametrize("line", [SPOT_TRADE, USDM_TRADE, US_TRADE])
def test_trades_of_both_markets_and_units(line: bytes) -> None:
    (row,), _ = rows_of([line], binance_vision.TRADES)
    assert isinstance(row, TradeRow)
    assert (row.at_ns, row.made_ns, row.serial) == (
        1583709433583 * NS,
        1583709433583 * NS,
        51175358,
    )
    assert (row.price, row.quantity, row.buyer_is_maker) == (D("17.8018"), D("5.69"), True)


SPOT_AGG = b"26129,0.01633102,4.70443515,27781,27783,1498793709153,False,True\n"
USDM_AGG = b"26129,0.01633102,4.70443515,27781,27783,1498793709153,false\n"


@pytest.mark.parametrize("line", [SPOT_AGG, USDM_AGG])
def test_agg_trades_of_both_markets(line: bytes) -> None:
    (row,), _ = rows_of([line], binance_vision.AGG_TRADES)
    assert isinstance(row, TradeRow)
    assert (row.at_ns, row.serial, row.buyer_is_maker) == (1498793709153 * NS, 26129, False)
    assert (row.price, row.quantity) == (D("0.01633102"), D("4.70443515"))
    _, reading = rows_of([line.replace(b"27783", b"27780")], binance_vision.AGG_TRADES)
    assert "the first trade 27781 is behind the last 27780" in reading.report.first_bad[0].reason


BOOK = b"2098021528332,20350.1,3.5,20350.2,1.25,1667346579140,1667346579146\n"


def test_a_book_ticker_is_known_when_the_venue_sent_it() -> None:
    (row,), _ = rows_of([BOOK], binance_vision.BOOK_TICKER)
    assert isinstance(row, QuoteRow)
    assert (row.at_ns, row.made_ns) == (1667346579146 * NS, 1667346579140 * NS)
    assert (row.bid, row.bid_quantity) == (D("20350.1"), D("3.5"))
    assert (row.ask, row.ask_quantity, row.serial) == (D("20350.2"), D("1.25"), 2098021528332)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"20350.2", b"20350.1", "the bid 20350.1 is not below the ask 20350.1"),
        (b"20350.1", b"20351", "the bid 20351 is not below the ask 20350.2"),
        (b"3.5", b"0", "best_bid_qty 0 is no quantity"),
    ],
)
def test_a_quote_that_cannot_be_is_a_bad_line(old: bytes, new: bytes, reason: str) -> None:
    _, reading = rows_of([BOOK.replace(old, new)], binance_vision.BOOK_TICKER)
    assert reading.report.first_bad[0].reason == reason


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "bars"),
    [
        ("BTCUSDT-1m-2025-10-10_2049-2139", 51),
        ("ALGOUSDT-1m-2025-02", 40_320),
        ("NEARUSDT-1m-2023-08", 44_640),
    ],
)
def test_the_recorded_months_are_read_whole(name: str, bars: int) -> None:
    path = str(shared(f"klines/crash/binance_usdm_{name}.csv.gz"))
    reading = recognise(path, [next(open_lines(path))])
    assert reading is not None
    assert reading.symbol == name.partition("-")[0]
    rows = list(reading.rows(open_lines(path)))
    assert (len(rows), reading.report.bad) == (bars, 0)
    assert {b.at_ns - a.at_ns for a, b in pairwise(rows)} == {60 * 10**9}
