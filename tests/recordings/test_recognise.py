"""Telling a file's format and symbol, or saying why not."""

import pytest

from nightdesk.recordings import binance_vision, tardis
from nightdesk.recordings.files import open_lines
from nightdesk.recordings.recognise import Unrecognised, recognise
from nightdesk.recordings.table import Format
from recordings.tables import HEADER, bar_line, quote_line, shared, tardis_quote, trade_line

BAR = bar_line(0, (100, 110, 90, 105))
US_BAR = bar_line(0, (100, 110, 90, 105), us=True)
SPOT_AGG = b"26129,0.01633102,4.70443515,27781,27783,1498793709153,False,True\n"
USDM_AGG = b"26129,0.01633102,4.70443515,27781,27783,1498793709153,false\n"
USDM_TRADE = b"51175358,17.8018,5.69,101.292242,1583709433583,true\n"


@pytest.mark.parametrize(
    ("name", "first", "form", "symbol"),
    [
        ("BTCUSDT-1m-2025-10.zip", BAR, binance_vision.KLINES, "BTCUSDT"),
        ("/a/b/1000PEPEUSDT-1m-2025-10-11.csv", US_BAR, binance_vision.KLINES, "1000PEPEUSDT"),
        ("binance_usdm_ETHUSDT-1m-2025-02.csv.gz", HEADER, binance_vision.KLINES, "ETHUSDT"),
        ("BTCUSDT-trades-2025-10-10.csv", trade_line(1, 0), binance_vision.TRADES, "BTCUSDT"),
        ("BTCUSDT-trades-2025-10-10.csv", USDM_TRADE, binance_vision.TRADES, "BTCUSDT"),
        ("BTCUSDT-aggTrades-2025-10.csv", SPOT_AGG, binance_vision.AGG_TRADES, "BTCUSDT"),
        ("BTCUSDT-aggTrades-2025-10.csv", USDM_AGG, binance_vision.AGG_TRADES, "BTCUSDT"),
        ("BTCUSDT-bookTicker-2023-10.csv", quote_line(1, 0), binance_vision.BOOK_TICKER, "BTCUSDT"),
        (
            "BTCUSDT-bookTicker-2023-10.csv",  # its ids have as many digits as a time
            quote_line(2_098_021_528_332, 0),
            binance_vision.BOOK_TICKER,
            "BTCUSDT",
        ),
        ("whatever.csv", next(iter(tardis.QUOTES.headers)).encode() + b"\n", tardis.QUOTES, ""),
        ("whatever.csv", next(iter(tardis.TRADES.headers)).encode() + b"\r\n", tardis.TRADES, ""),
    ],
)
def test_format_and_symbol_are_told(name: str, first: bytes, form: Format, symbol: str) -> None:
    reading = recognise(name, [first])
    assert reading is not None
    assert (reading.file, reading.format, reading.symbol) == (name, form, symbol)


def test_a_first_line_that_is_torn_does_not_hide_the_format() -> None:
    reading = recognise("BTCUSDT-1m-2025-10.csv", [b"90,105\n", BAR])
    assert reading is not None
    assert reading.format is binance_vision.KLINES
    assert recognise("a", [b"nonsense\n", b'1723161250000000000 {"stream":"x"}\n']) is None


KNOWN = (
    "expected a raw Binance capture, Binance Vision 1m klines, .* Tardis trades; its first line is"
)


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("a.csv", [], "a.csv: it is empty; expected a raw Binance capture"),
        (
            "a.csv",
            [b"timestamp,open,high,low,close,volume\n", b"1,2\n"],
            "a.csv: bars that lack open_time, close_time, quote_volume, count",
        ),
        (
            "a.csv",
            [b"exchange,symbol,timestamp,local_timestamp,asks[0].price\n"],
            f"a.csv: {KNOWN} 'exch",
        ),
        ("a.csv", [b"1,2,3\n"], f"a.csv: {KNOWN} '1,2,3'"),
        ("a.csv", [b"\xff\xfe\n"], f"a.csv: {KNOWN}"),
        ("a.csv", [tardis_quote(0)], f"a.csv: {KNOWN} 'bybit"),  # rows without their header
        (
            "bars.csv",
            [BAR],
            "do not say their symbol; expected a name like BTCUSDT-1m-2025-10.csv, found 'bars",
        ),
        ("btcusdt-1m-2025-10.csv", [BAR], "do not say their symbol"),
        (
            "BTCUSDT-1h-2025-10.csv",
            [BAR],
            "its name says 1h, expected 1m for Binance Vision 1m klines",
        ),
        ("BTCUSDT-trades-2025-10.csv", [SPOT_AGG], "its name says trades, expected aggTrades"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(name: str, head: list[bytes], reason: str) -> None:
    with pytest.raises(Unrecognised, match=reason.replace("[", r"\[")):
        recognise(name, head)


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        (
            "crash/ftx_btc-perp_1m_20211231-20220201.csv.gz",
            "open_time, close_time, quote_volume, count, taker_buy_volume, taker_buy_quote_volume",
        ),
        (
            "cross_venue_202303/binance_btcusdt.csv.gz",
            "count, taker_buy_volume, taker_buy_quote_volume",
        ),
    ],
)
def test_bars_of_other_makers_are_refused_with_what_they_lack(name: str, lacking: str) -> None:
    path = str(shared(f"klines/{name}"))
    with pytest.raises(Unrecognised, match=f"{name}: bars that lack {lacking}: nothing in them"):
        recognise(path, [next(open_lines(path))])


@pytest.mark.recorded
def test_the_recorded_files_that_nobody_reads_are_refused() -> None:
    for name in (
        "klines/lean/lean_crypto_bybit_minute_btcusdt_20221213_trade.csv.gz",
        "depth/tardis_deribit_incremental_book_L2_BTC-PERPETUAL.csv.gz",
        "trades/binance_spot_btcusdt_trades_20210108.csv.gz",
        "quotes/binance_spot_btcusdt_quotes_20210108.csv.gz",
    ):
        path = str(shared(name))
        with pytest.raises(Unrecognised, match="its first line is"):
            recognise(path, [next(open_lines(path))])
