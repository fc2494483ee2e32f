"""Lines of recorded tables as tests write them, and where the recorded data is."""

import os
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from nightdesk.recordings import binance_vision
from nightdesk.recordings.rows import BarRow, Row
from nightdesk.recordings.table import Format, TableReader

MINUTE_MS = 60_000
T0_MS = 1_760_129_340_000
HEADER = (
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    b"taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def bar_line(
    minute: int,
    prices: tuple[object, object, object, object],
    volume: object = "40",
    *,
    us: bool = False,
) -> bytes:
    """One kline, `minute` minutes after the beginning; prices are open, high, low, close."""
    factor = 1000 if us else 1
    opens = (T0_MS + minute * MINUTE_MS) * factor
    closes = opens + MINUTE_MS * factor - 1
    shown = ",".join(str(price) for price in prices)
    return f"{opens},{shown},{volume},{closes},1.0,7,0,0,0\n".encode()


def trade_line(number: int, ms: int, price: str = "100", quantity: str = "1") -> bytes:
    """One spot trade, `ms` after the beginning."""
    return f"{number},{price},{quantity},100,{T0_MS + ms},True,True\n".encode()


def quote_line(number: int, ms: int, bid: str = "99", ask: str = "101") -> bytes:
    """One bookTicker, `ms` after the beginning."""
    return f"{number},{bid},1,{ask},2,{T0_MS + ms},{T0_MS + ms}\n".encode()


def tardis_quote(us: int, *, venue: str = "bybit", symbol: str = "BTCUSDT") -> bytes:
    """One Tardis quote, `us` after the beginning, made 5 ms before it was received."""
    received = T0_MS * 1000 + us
    return f"{venue},{symbol},{received - 5000},{received},2,101,99,1\n".encode()


def reader(
    form: Format = binance_vision.KLINES, *, name: str = "a.csv", symbol: str = "BTCUSDT"
) -> TableReader:
    """A reader of such a file."""
    return TableReader(name, form, symbol)


def rows_of(
    lines: Iterable[bytes], form: Format = binance_vision.KLINES, **more: str
) -> tuple[list[Row], TableReader]:
    """Every row of these lines, and the reader with its report."""
    reading = reader(form, **more)
    return list(reading.rows(lines)), reading


def bars_of(*lines: bytes) -> Iterator[BarRow]:
    """Bars of these lines."""
    found, reading = rows_of(lines)
    assert not reading.report.bad, reading.report.first_bad
    for row in found:
        assert isinstance(row, BarRow)
        yield row


def one_bar(o: object, h: object, low: object, c: object, volume: object = "40") -> BarRow:
    """A bar of these prices."""
    (bar,) = bars_of(bar_line(0, (o, h, low, c), volume))
    return bar


def shared(name: str) -> Path:
    """A recorded file; the test is skipped where there is none."""
    root = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).parents[3] / "shared"))
    path = root / "data" / name
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    return path


D = Decimal
