"""A table as a whole: what is read, what is reported, and that nothing is lost."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.recordings import binance_vision, tardis
from nightdesk.recordings.files import open_lines
from recordings.tables import HEADER, bar_line, quote_line, rows_of, tardis_quote, trade_line

FLAT = (100, 110, 90, 105)
BARS = [bar_line(n, FLAT) for n in range(6)]


def test_every_row_knows_its_place() -> None:
    rows, reading = rows_of([HEADER, *BARS])
    assert [(r.place.file, r.place.line) for r in rows] == [("a.csv", n) for n in range(2, 8)]
    assert {(r.place.venue, r.place.symbol) for r in rows} == {("binance", "BTCUSDT")}
    assert (reading.report.good, reading.report.bad) == (6, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (HEADER, "no time in ms"),
        (b"\n", "12 columns are expected, not 1"),
        (b"\xff" * 9 + b"\n", "can't decode"),
        (bar_line(0, FLAT), "does not follow"),
        (BARS[2][:-1], "the file ends inside this line"),
        (BARS[2].replace(b",", b";"), "12 columns are expected"),
        (BARS[2].replace(b"110", b"NaN"), "high 'NaN' is no number"),
    ],
)
def test_a_bad_line_is_counted_and_named_and_the_rest_is_read(line: bytes, reason: str) -> None:
    rows, reading = rows_of([BARS[0], line, BARS[3]])
    assert [row.place.line for row in rows] == [1, 3]
    (bad,) = reading.report.first_bad
    assert (bad.file, bad.line, reading.report.bad) == ("a.csv", 2, 1)
    assert reason in bad.reason


def test_time_never_goes_back() -> None:
    _, reading = rows_of([BARS[3], BARS[1]])
    assert "time goes back by 120000000000 ns since line 1" in reading.report.first_bad[0].reason
    _, reading = rows_of([trade_line(1, 0), trade_line(1, 5)], binance_vision.TRADES)
    assert "number 1 does not follow 1" in reading.report.first_bad[0].reason


def test_a_file_is_about_one_symbol() -> None:
    lines = [tardis_quote(0), tardis_quote(1, symbol="ETHUSDT"), tardis_quote(2)]
    rows, reading = rows_of(lines, tardis.QUOTES, symbol="")
    assert [row.place.line for row in rows] == [1, 3]
    assert "bybit ETHUSDT in a file of bybit BTCUSDT" in reading.report.first_bad[0].reason


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert len(rows_of([b"\xef\xbb\xbf" + HEADER, *BARS])[0]) == 6
    assert len(rows_of([b"\xef\xbb\xbf" + BARS[0].replace(b"\n", b"\r\n"), *BARS[1:]])[0]) == 6


CASES = [
    (binance_vision.KLINES, BARS),
    (binance_vision.TRADES, [trade_line(n, n) for n in range(6)]),
    (binance_vision.BOOK_TICKER, [quote_line(n, n) for n in range(6)]),
    (tardis.QUOTES, [tardis_quote(n) for n in range(6)]),
]


@given(st.sampled_from(CASES), st.data())
def test_any_cut_loses_nothing_before_the_cut(case: tuple, data: st.DataObject) -> None:  # type: ignore[type-arg]  # any case
    form, lines = case
    whole = b"".join(lines)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    rows, reading = rows_of(cut.splitlines(keepends=True), form)
    before = cut.count(b"\n")
    assert rows == rows_of(lines[:before], form)[0]
    assert reading.report.bad == (not cut.endswith(b"\n") and bool(cut))


@given(st.lists(st.one_of(st.sampled_from(BARS), st.binary(max_size=60)), max_size=8))
def test_whatever_the_lines_are_each_is_read_or_reported(lines: list[bytes]) -> None:
    rows, reading = rows_of(lines)
    assert len(rows) == reading.report.good
    assert reading.report.good + reading.report.bad == len(lines)


def test_a_file_that_breaks_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    lines = [bar_line(n, (100 + n * 7919 % 13, 120, 90, 105)) for n in range(5000)]
    whole = gzip.compress(b"".join(lines))
    path.write_bytes(whole[: len(whole) // 2])
    rows, reading = rows_of(open_lines(str(path)))
    assert 0 < len(rows) < 5000
    assert "the gzip file is broken here" in reading.report.first_bad[-1].reason
    assert [row.place.line for row in rows] == list(range(1, len(rows) + 1))
