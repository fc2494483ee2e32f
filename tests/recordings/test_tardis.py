"""Tardis's columns: when a row could be known, and when the venue made it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.recordings import tardis
from nightdesk.recordings.files import open_lines
from nightdesk.recordings.rows import QuoteRow, TradeRow
from recordings.tables import rows_of, shared

D = Decimal
QUOTE = b"huobi-dm-swap,BTC-USD,1588291201099000,1588291201234268,5494,8629.3,8629.2,806\n"
TRADE = b"bitmex,XBTUSD,1583020803145000,1583020803307160,ccc3c1fa-212c,sell,8531.5,2152\n"


def test_a_quote_is_known_when_the_recorder_received_it() -> None:
    (row,), reading = rows_of([QUOTE], tardis.QUOTES, symbol="")
    assert isinstance(row, QuoteRow)
    assert (row.at_ns, row.made_ns) == (1588291201234268_000, 1588291201099000_000)
    assert (row.bid, row.bid_quantity, row.ask, row.ask_quantity) == (
        D("8629.2"),
        806,
        D("8629.3"),
        5494,
    )
    assert (row.place.venue, row.place.symbol, reading.symbol) == (
        "huobi-dm-swap",
        "BTCUSD",
        "BTCUSD",
    )


@pytest.mark.parametrize(("side", "buyer_is_maker"), [(b"sell", True), (b"buy", False)])
def test_the_side_of_a_trade_is_its_takers(side: bytes, buyer_is_maker: bool) -> None:
    (row,), _ = rows_of([TRADE.replace(b"sell", side)], tardis.TRADES, symbol="")
    assert isinstance(row, TradeRow)
    assert (row.price, row.quantity, row.buyer_is_maker) == (D("8531.5"), 2152, buyer_is_maker)
    assert (row.at_ns, row.made_ns) == (1583020803307160_000, 1583020803145000_000)


@pytest.mark.parametrize(
    ("line", "form", "reason"),
    [
        (
            TRADE.replace(b"sell", b"unknown"),
            tardis.TRADES,
            "side 'unknown' is neither buy nor sell",
        ),
        (TRADE.replace(b"2152", b"0"), tardis.TRADES, "amount 0 is no quantity"),
        (TRADE.replace(b"1583020803307160", b"1583020803307"), tardis.TRADES, "no time in us"),
        (TRADE.replace(b"XBTUSD", b"-"), tardis.TRADES, "name no market"),
        (QUOTE.replace(b"8629.2", b""), tardis.QUOTES, "bid_price '' is no number"),
        (QUOTE.replace(b"8629.2", b"8629.4"), tardis.QUOTES, "is not below the ask"),
    ],
)
def test_what_cannot_be_is_a_bad_line(line: bytes, form: object, reason: str) -> None:
    assert form in (tardis.TRADES, tardis.QUOTES)
    rows, reading = rows_of([line], form, symbol="")  # type: ignore[arg-type]  # checked above
    assert rows == []
    assert reason in reading.report.first_bad[0].reason


def test_the_venues_own_stamp_may_go_back() -> None:
    later = QUOTE.replace(b"1099000", b"1098000").replace(b"1234268", b"1234269")
    rows, reading = rows_of([QUOTE, later], tardis.QUOTES, symbol="")
    assert (len(rows), reading.report.bad) == (2, 0)


@given(
    st.integers(10**15, 10**16 - 1),
    st.integers(10**15, 10**16 - 1),
    st.decimals("0.00000001", 10**6, places=8),
    st.decimals("0.00000001", 10**6, places=8),
    st.booleans(),
)
def test_a_written_trade_is_read_back(
    made_us: int, received_us: int, price: Decimal, amount: Decimal, sells: bool
) -> None:
    side = "sell" if sells else "buy"
    line = f"bybit,BTCUSDT,{made_us},{received_us},id-1,{side},{price:f},{amount:f}\n"
    (row,), _ = rows_of([line.encode()], tardis.TRADES, symbol="")
    assert isinstance(row, TradeRow)
    assert (row.at_ns, row.made_ns) == (received_us * 1000, made_us * 1000)
    assert (row.price, row.quantity, row.buyer_is_maker) == (price, amount, sells)


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("trades/tardis_bitmex_trades_XBTUSD.csv.gz", tardis.TRADES),
        ("quotes/tardis_huobi-dm-swap_quotes_BTC-USD.csv.gz", tardis.QUOTES),
    ],
)
def test_the_published_samples_are_read_whole(name: str, form: object) -> None:
    assert form in (tardis.TRADES, tardis.QUOTES)
    rows, reading = rows_of(open_lines(str(shared(name))), form, symbol="")  # type: ignore[arg-type]  # checked above
    assert (len(rows), reading.report.bad) == (10, 0)
