"""Captures: typed frames, and a report of whatever could not be read."""

import gzip
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.recordings.binance_raw import (
    BookTickerBody,
    DepthBody,
    Frame,
    Reader,
    SnapshotBody,
    TradeBody,
    clock_skew_ns,
)
from nightdesk.recordings.files import open_lines

D = Decimal
QUOTE = (
    b'1000000000000 {"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT",'
    b'"b":"99.00","B":"1.5","a":"101.00","A":"2"}}\n'
)
DEPTH = (
    b'1000000000001 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1000100,'
    b'"s":"BTCUSDT","U":8,"u":9,"b":[["98.00","0.00"]],"a":[]}}\n'
)
TRADE = (
    b'1000000000002 {"stream":"btcusdt@trade","data":{"e":"trade","E":1000300,"s":"BTCUSDT",'
    b'"t":5,"p":"101.00","q":"0.1","T":1000299,"m":false,"M":true}}\n'
)
SNAPSHOT = b'1000000000003 {"lastUpdateId":6,"bids":[["99.00","1"]],"asks":[["101.00","2"]]}\n'
GOOD = [QUOTE, DEPTH, TRADE, SNAPSHOT]


def read(*lines: bytes) -> tuple[list[Frame], Reader]:
    reader = Reader("a.txt")
    return list(reader.frames(lines)), reader


def test_each_kind_of_line_becomes_a_typed_frame() -> None:
    frames, reader = read(*GOOD)
    quote, depth, trade, snapshot = (frame.body for frame in frames)
    assert isinstance(quote, BookTickerBody)
    assert (quote.bid, quote.ask_quantity) == (D("99.00"), D(2))
    assert isinstance(depth, DepthBody)
    assert (depth.first_id, depth.bids) == (8, ((D("98.00"), D("0.00")),))
    assert isinstance(trade, TradeBody)
    assert (trade.trade_id, trade.buyer_is_maker) == (5, False)
    assert isinstance(snapshot, SnapshotBody)
    assert [frame.symbol for frame in frames] == ["BTCUSDT"] * 4
    assert [frame.line for frame in frames] == [1, 2, 3, 4]
    assert (reader.report.good, reader.report.bad) == (4, 0)


def test_a_snapshot_at_the_very_beginning_belongs_to_the_stream_that_follows() -> None:
    frames, _ = read(SNAPSHOT, QUOTE)
    assert [(frame.line, frame.symbol) for frame in frames] == [(1, "BTCUSDT"), (2, "BTCUSDT")]


def test_a_snapshot_without_any_stream_is_a_bad_place() -> None:
    frames, reader = read(SNAPSHOT)
    assert frames == []
    assert reader.report.first_bad[0].reason.startswith("a book snapshot in a capture")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\n", "does not begin with a receive time"),
        (b"12a {}\n", "does not begin with a receive time"),
        (b"12 \n", "truncated"),
        (b"12 {}\n", "missing required field `lastUpdateId`"),
        (b'12 {"stream":"x@y","data":{}}\n', "unknown stream 'x@y'"),
        (QUOTE[:-9], "malformed|truncated|Invalid"),
        (QUOTE.replace(b"99.00", b"NaN"), "InvalidOperation|no price"),
        (QUOTE.replace(b"99.00", b"-1"), "1.5 at -1 is no price level"),
        (QUOTE.replace(b"1.5", b"Infinity"), "no price level"),
    ],
)
def test_a_bad_line_is_counted_and_named_and_the_rest_is_read(line: bytes, reason: str) -> None:
    frames, reader = read(QUOTE, line, TRADE)
    assert [frame.line for frame in frames] == [1, 3]
    (bad,) = reader.report.first_bad
    assert (bad.file, bad.line, reader.report.bad) == ("a.txt", 2, 1)
    assert any(part in bad.reason for part in reason.split("|")), bad.reason


def test_only_the_first_bad_places_are_kept_and_all_are_counted() -> None:
    _, reader = read(*[b"x\n"] * 25)
    assert (reader.report.bad, len(reader.report.first_bad)) == (25, 10)


@given(st.lists(st.one_of(st.sampled_from(GOOD), st.binary(max_size=60)), max_size=8))
def test_whatever_the_lines_are_each_is_read_or_reported(lines: list[bytes]) -> None:
    frames, reader = read(*lines)
    assert len(frames) == reader.report.good
    assert reader.report.good + reader.report.bad == len(lines)


@given(st.integers(0, len(DEPTH) - 1), st.binary(min_size=1, max_size=3))
def test_damage_anywhere_in_a_line_never_stops_the_reading(at: int, junk: bytes) -> None:
    frames, reader = read(QUOTE, DEPTH[:at] + junk + DEPTH[at:], TRADE)
    assert reader.report.good + reader.report.bad == 3
    assert frames[-1].line == 3


def test_a_truncated_gzip_keeps_what_came_before_and_is_one_bad_place(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    noise = [QUOTE.replace(b"1.5", str(n * 7919 % 100_003).encode()) for n in range(5000)]
    whole = gzip.compress(b"".join(noise))
    path.write_bytes(whole[: len(whole) // 2])
    reader = Reader("cut.gz")
    frames = list(reader.frames(open_lines(str(path))))
    assert len(frames) > 1000
    assert (reader.report.good, reader.report.bad) == (len(frames), 1)
    assert reader.report.first_bad[0].line == len(frames) + 1


def test_the_clock_skew_is_the_typical_gap_and_zero_without_event_times() -> None:
    frames, _ = read(*GOOD)
    assert clock_skew_ns(frames) == -200_000_000 + 2
    assert clock_skew_ns(frames[:1]) == 0


@pytest.mark.recorded
def test_the_recorded_capture_is_read_whole() -> None:
    root = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).parents[3] / "shared"))
    path = root / "data/raw_ws/binance/spot_btcusdt_20240808.txt.gz"
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    reader = Reader(path.name)
    frames = list(reader.frames(open_lines(str(path))))
    assert (len(frames), reader.report.bad) == (41_249, 0)
    assert -1_275_000_000 < clock_skew_ns(frames[:500]) < -1_265_000_000
