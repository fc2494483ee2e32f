"""A recorded market played again: schedule, stamps, content, and what cannot be read."""

import os
from pathlib import Path

import pytest

from lab.driver import MS, SECOND, T0_NS, Driver
from nightdesk.lab.market import DepthSnapshot, Trade
from nightdesk.lab.replay import ReplayMarket
from nightdesk.lab.settings import default_symbol
from nightdesk.recordings.files import open_lines

BASE_NS = 1_723_161_250_000_000_000
BEHIND_NS = 1_270 * MS  # the recorder's clock was this far behind the venue's


def line(received_ms: int, body: str) -> bytes:
    return f"{BASE_NS - BEHIND_NS + received_ms * MS} {body}\n".encode()


def trade_line(received_ms: int, made_ms: int, number: int, price: str = "100.00") -> bytes:
    made = BASE_NS // MS + made_ms
    return line(
        received_ms,
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{made},"s":"BTCUSDT",'
        f'"t":{number},"p":"{price}","q":"0.10000000","T":{made - 1},"m":true,"M":true}}}}',
    )


def quote_line(received_ms: int, update_id: int, bid: str) -> bytes:
    return line(
        received_ms,
        f'{{"stream":"btcusdt@bookTicker","data":{{"u":{update_id},"s":"BTCUSDT",'
        f'"b":"{bid}","B":"1.00000000","a":"101.00","A":"2.00"}}}}',
    )


def snapshot_line(received_ms: int, last_id: int) -> bytes:
    return line(
        received_ms,
        f'{{"lastUpdateId":{last_id},"bids":[["99.00","1.0"]],"asks":[["101.00","2.0"]]}}',
    )


LINES = [
    quote_line(0, 5, "98.00"),
    trade_line(10, 8, 1),
    snapshot_line(20, 10),
    trade_line(30, 28, 2),
    quote_line(40, 12, "99.50"),
    trade_line(57, 48, 3),
    b"nonsense\n",
    trade_line(70, 68, 4),
]


def replay(*lines: bytes, speed: float = 1.0) -> ReplayMarket:
    return ReplayMarket([("a.txt", lines or LINES)], speed)


def lab(market: ReplayMarket) -> Driver:
    symbols = tuple(default_symbol(s) for s in market.symbols)
    return Driver(market, symbols=symbols, start_on_subscriber=True)


def test_frames_come_as_far_apart_as_they_were_received() -> None:
    market = replay()
    market.start(T0_NS)
    events = market.take(T0_NS + SECOND)
    assert [(e.at_ns - T0_NS) // MS for e in events] == [0, 10, 20, 30, 40, 57, 70]
    assert market.ended
    assert market.next_at_ns() is None


def test_speed_shortens_the_gaps() -> None:
    market = replay(speed=10)
    market.start(T0_NS)
    assert market.take(T0_NS + 4 * MS)[-1].at_ns == T0_NS + 4 * MS
    assert market.next_at_ns() == T0_NS + 5_700_000
    with pytest.raises(ValueError, match="speed is above 0"):
        replay(speed=0)


def test_stamps_are_a_millisecond_old_and_keep_their_jitter() -> None:
    market = replay()
    market.start(T0_NS)
    trades = [e for e in market.take(T0_NS + SECOND) if isinstance(e, Trade)]
    assert [(e.at_ns - e.event_ns) // MS for e in trades] == [1, 1, 8, 1]
    assert {e.event_ns - e.trade_ns for e in trades} == {MS}


def test_the_book_is_warm_before_the_first_frame_and_older_quotes_do_not_cool_it() -> None:
    market = replay()
    (opening,) = market.opening()
    assert isinstance(opening, DepthSnapshot)
    d = lab(market)
    depth = d.public("/api/v3/depth", "symbol=BTCUSDT").json
    assert (depth["lastUpdateId"], depth["bids"]) == (10, [["99.00000000", "1.00000000"]])
    d.open("/ws/btcusdt@bookTicker")
    d.pass_time(35 * MS)
    depth = d.public("/api/v3/depth", "symbol=BTCUSDT").json
    assert depth["bids"] == [["99.00000000", "1.00000000"]]
    d.pass_time(10 * MS)
    depth = d.public("/api/v3/depth", "symbol=BTCUSDT").json
    assert depth["bids"][0] == ["99.50000000", "1.00000000"]


def test_subscribers_get_the_recorded_content() -> None:
    d = lab(replay())
    conn = d.open("/ws/btcusdt@trade")
    d.pass_time(SECOND)
    assert [(m["t"], m["p"], m["q"], m["m"]) for m in d.heard(conn)] == [
        (n, "100.00000000", "0.10000000", True) for n in (1, 2, 3, 4)
    ]


def test_bad_lines_are_in_the_report() -> None:
    market = replay()
    market.start(T0_NS)
    market.take(T0_NS + SECOND)
    report = market.report()
    assert (report.good_lines, report.bad_lines) == (7, 1)
    assert report.first_bad[0].startswith("a.txt:7: does not begin with a receive time")


def test_captures_are_merged_by_receive_time() -> None:
    other = [row.replace(b"BTCUSDT", b"ETHUSDT").replace(b"btcusdt", b"ethusdt") for row in LINES]
    market = ReplayMarket([("a", LINES), ("b", other[:2])])
    assert market.symbols == ["BTCUSDT", "ETHUSDT"]
    market.start(T0_NS)
    assert [e.symbol for e in market.take(T0_NS + 10 * MS)] == ["BTCUSDT", "ETHUSDT"] * 2


def test_a_receive_time_that_runs_back_does_not_turn_time_back() -> None:
    market = replay(quote_line(10, 1, "98.00"), quote_line(5, 2, "98.00"), quote_line(20, 3, "9"))
    market.start(T0_NS)
    assert [e.at_ns - T0_NS for e in market.take(T0_NS + SECOND)] == [5 * MS, 5 * MS, 15 * MS]


def test_nothing_readable_is_an_error_that_names_the_file() -> None:
    with pytest.raises(ValueError, match=r"no readable frame in a\.txt"):
        replay(b"nonsense\n")


@pytest.mark.recorded
def test_the_recorded_market_comes_out_whole_and_touches_outnumber_fills() -> None:
    root = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).parents[3] / "shared"))
    path = root / "data/raw_ws/binance/spot_btcusdt_20240808.txt.gz"
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    market = ReplayMarket([(path.name, open_lines(str(path)))])
    d = lab(market)
    names = "btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@trade"
    d.open(f"/stream?streams={names}")
    d.pass_time(5 * SECOND)
    book = d.public("/api/v3/ticker/bookTicker", "symbol=BTCUSDT").json
    d.place(price=book["bidPrice"], quantity="0.5", newClientOrderId="mine")
    price, touches, until_ns = book["bidPrice"], 0, d.now_ns + 345 * SECOND
    while (due_ns := d.lab.next_due_ns()) is not None and due_ns <= until_ns:
        outs = d.lab.advance(due_ns)
        d.now_ns = due_ns
        open_still = d.lab.exchange.accounts["desk"].open_ids
        touches += sum(f'"b":"{price}"' in getattr(out, "text", "") for out in outs if open_still)
    fills = d.lab.exchange.accounts["desk"].fills
    assert touches > len(fills) > 0
    assert market.report().given == 41_249
    assert market.ended
