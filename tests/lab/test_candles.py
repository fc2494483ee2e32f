"""Candles on the venue's clock: minutes without trades, the time before, and when one is final."""

from itertools import pairwise

import pytest

from lab.driver import MS, SECOND, T0_NS, Driver
from lab.markets import trade
from nightdesk.lab.candles import INTERVALS_NS
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.past import MINUTES_MAX, Past
from nightdesk.lab.replay import ReplayMarket
from nightdesk.lab.settings import default_symbol
from nightdesk.lab.tape import MINUTE_NS, SETTLE_NS

SYMBOL = "symbol=BTCUSDT"
BTC = default_symbol("BTCUSDT")
CAPTURED = (
    b'1610064000000000000 {"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"99.00",'
    b'"B":"1","a":"101.00","A":"1"}}'
)
TO_MINUTE_NS = -T0_NS % MINUTE_NS


def generated(seed: int = 1) -> Driver:
    return Driver(GeneratedMarket((BTC,), seed), symbols=(BTC,))


def rows(d: Driver, query: str) -> list[list[object]]:
    found: list[list[object]] = d.public("/api/v3/klines", f"{SYMBOL}&{query}").json
    return found


def closings(d: Driver, conn: int) -> list[dict[str, object]]:
    return [frame["k"] for frame in d.heard(conn) if frame["k"]["x"]]


def test_a_minute_without_trades_stands_at_the_close_before_it() -> None:
    d = Driver()
    d.happen(trade(1, "100.00", "1", buyer_is_maker=False))
    d.pass_time(3 * MINUTE_NS)
    told = rows(d, "interval=1m")
    assert [(r[1], r[4], r[5], r[8]) for r in told[1:]] == [
        ("100.00000000", "100.00000000", "0.00000000", 0)
    ] * 3
    assert all(b[0] == a[6] + 1 for a, b in pairwise(told))


def test_the_stream_tells_each_ended_candle_once_with_or_without_trades() -> None:
    d = Driver()
    d.happen(trade(1, "100.00", "1", buyer_is_maker=False))
    conn = d.open("/ws/btcusdt@kline_1m")
    d.pass_time(4 * MINUTE_NS)
    ended = closings(d, conn)
    assert [k["n"] for k in ended] == [1, 0, 0, 0]
    assert [k["L"] for k in ended] == [1, -1, -1, -1]
    assert [k["t"] for k in ended] == [r[0] for r in rows(d, "interval=1m")[:4]]


def test_a_candle_that_nothing_traded_in_is_told_once_while_it_is_made() -> None:
    d = Driver()
    d.happen(trade(1, "100.00", "1", buyer_is_maker=False))
    conn = d.open("/ws/btcusdt@kline_1h")
    d.pass_time(60 * SECOND)
    assert len(d.heard(conn)) == 1


def test_a_trade_told_late_counts_for_its_minute_until_that_one_is_final() -> None:
    d = Driver()
    d.happen(trade(1, "100.00", "1", buyer_is_maker=False))
    conn = d.open("/ws/btcusdt@kline_1m")
    d.pass_time(TO_MINUTE_NS + SETTLE_NS // 2)
    d.made(trade(2, "105.00", "1", buyer_is_maker=False), d.now_ns - SETTLE_NS)
    d.pass_time(SETTLE_NS)
    assert [k["h"] for k in closings(d, conn)] == ["105.00000000"]
    d.made(trade(3, "110.00", "1", buyer_is_maker=False), T0_NS)
    before, newest = rows(d, "interval=1m")
    assert (before[2], newest[2]) == ("105.00000000", "110.00000000")


def test_candles_begin_with_the_venues_minute_not_with_the_labs() -> None:
    ahead_ns = 20 * SECOND + 37 * MS
    d = Driver(clock_offset_ns=ahead_ns)
    d.happen(trade(1, "100.00", "1", buyer_is_maker=False))
    ((open_ms, *_),) = rows(d, "interval=1m")
    assert open_ms == (d.now_ns + ahead_ns) // MINUTE_NS * 60_000


def test_a_generated_market_has_a_past_that_ends_where_it_begins() -> None:
    d = generated()
    d.pass_time(90 * SECOND)
    told = rows(d, "interval=1m&limit=1000")
    assert len(told) == 1000
    assert all(b[0] - a[0] == 60_000 for a, b in pairwise(told))
    assert all(float(r[3]) <= min(float(r[1]), float(r[4])) for r in told)
    assert all(float(r[2]) >= max(float(r[1]), float(r[4])) for r in told)
    assert all(a[4] == b[1] for a, b in pairwise(told[:-3])), "each opens where the last one closed"
    assert told == rows(d, "interval=1m&limit=1000")


def test_asking_for_the_past_changes_nothing_of_what_comes() -> None:
    quiet, asking = generated(), generated()
    rows(asking, "interval=1h&limit=500")
    for d in (quiet, asking):
        d.pass_time(10 * SECOND)
    assert rows(quiet, "interval=1m&limit=2") == rows(asking, "interval=1m&limit=2")


@pytest.mark.parametrize("interval", ["5m", "1h", "1d"])
def test_a_longer_candle_is_its_minutes_together(interval: str) -> None:
    d = generated()
    d.pass_time(90 * SECOND)
    longer = rows(d, f"interval={interval}&limit=2")[0]
    span = f"startTime={longer[0]}&endTime={longer[6]}"
    parts = [
        row
        for start in range(longer[0], longer[6], 1000 * 60_000)
        for row in rows(d, f"interval=1m&startTime={start}&endTime={longer[6]}&limit=1000")
    ]
    assert len(parts) == INTERVALS_NS[interval] // MINUTE_NS, span
    assert longer[1:5] == [
        parts[0][1],
        max((r[2] for r in parts), key=float),
        min((r[3] for r in parts), key=float),
        parts[-1][4],
    ]
    assert longer[8] == sum(r[8] for r in parts)


def test_pages_meet() -> None:
    d = generated()
    d.pass_time(SECOND)
    whole = rows(d, "interval=1m&limit=60")
    newer = rows(d, "interval=1m&limit=30")
    older = rows(d, f"interval=1m&limit=30&endTime={newer[0][0] - 1}")
    assert [*older, *newer] == whole
    assert rows(d, f"interval=1m&limit=30&startTime={older[0][0]}") == older


def test_the_past_is_bounded_and_the_same_for_the_same_seed() -> None:
    assert Past(BTC, 7, 60_000.0).minutes(50) == Past(BTC, 7, 60_000.0).minutes(90)[-50:]
    assert Past(BTC, 7, 60_000.0).minutes(5) != Past(BTC, 8, 60_000.0).minutes(5)
    assert len(Past(BTC, 7, 0.02).minutes(MINUTES_MAX + 1)) == MINUTES_MAX


def test_nothing_is_made_up_before_a_recording() -> None:
    d = Driver(ReplayMarket([("a", [CAPTURED])]), symbols=(BTC,))
    d.pass_time(SECOND)
    assert d.lab.market.before("BTCUSDT", 10) == []
    assert rows(d, "interval=1m") == []
