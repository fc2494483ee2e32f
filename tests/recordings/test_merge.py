"""Several recordings as one: by time, stable, nothing lost and nothing twice."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.recordings import binance_vision, tardis
from nightdesk.recordings.merge import by_time, lines_of
from nightdesk.recordings.rows import Kind
from nightdesk.recordings.table import TableReader
from recordings.tables import bar_line, reader, tardis_quote, trade_line

FLAT = (100, 110, 90, 105)
Files = list[tuple[TableReader, list[bytes]]]


def trades(
    name: str, symbol: str, stamps_ms: list[int], first: int = 1
) -> tuple[TableReader, list[bytes]]:
    lines = [trade_line(first + n, ms) for n, ms in enumerate(stamps_ms)]
    return reader(binance_vision.TRADES, name=name, symbol=symbol), lines


def places(files: Files) -> list[tuple[str, int]]:
    rows = by_time([line.rows for line in lines_of(files)])
    return [(row.place.file, row.place.line) for row in rows]


_STAMPS = st.lists(st.integers(0, 30), min_size=1, max_size=12).map(sorted)


@given(st.lists(_STAMPS, max_size=4))
def test_a_merge_keeps_the_order_loses_nothing_and_is_the_same_every_time(
    stamps: list[list[int]],
) -> None:
    def files() -> Files:
        return [trades(f"f{n}", f"S{n}USDT", own) for n, own in enumerate(stamps)]

    merged = list(by_time([line.rows for line in lines_of(files())]))
    assert len(merged) == sum(map(len, stamps))
    for one, other in pairwise(merged):
        assert one.at_ns <= other.at_ns
        if one.at_ns == other.at_ns:  # in the order in which the files were given
            assert (one.place.file, one.place.line) < (other.place.file, other.place.line)
    assert places(files()) == [(row.place.file, row.place.line) for row in merged]


@given(_STAMPS, st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_files_that_overlap_tell_each_row_once(
    stamps: list[int], first_end: int, second_start: int, swapped: bool
) -> None:
    lines = trades("", "BTCUSDT", stamps)[1]
    first_end = max(1, min(first_end, len(lines)))
    second_start = min(second_start, first_end)
    parts = [
        (reader(binance_vision.TRADES, name="a"), lines[:first_end]),
        (reader(binance_vision.TRADES, name="b"), lines[second_start:]),
    ]
    files = parts[::-1] if swapped else parts
    (line,) = lines_of(files) or [None]
    assert line is not None
    rows = list(line.rows)
    assert [row.serial for row in rows] == list(range(1, len(lines) + 1))
    reports = [part.report for part, _ in parts]
    assert sum(r.repeated for r in reports) == first_end - second_start
    assert sum(r.good for r in reports) == len(lines)


def test_months_in_any_order_are_one_line() -> None:
    october = (reader(name="10"), [bar_line(n, FLAT) for n in range(3)])
    november = (reader(name="11"), [bar_line(n, FLAT) for n in range(3, 6)])
    expected = [("10", 1), ("10", 2), ("10", 3), ("11", 1), ("11", 2), ("11", 3)]
    assert places([november, october]) == expected


def test_the_same_file_twice_is_told_once() -> None:
    lines = [bar_line(n, FLAT) for n in range(3)]
    twice = [(reader(name="a"), lines), (reader(name="b"), lines)]
    assert places(twice) == [("a", 1), ("a", 2), ("a", 3)]
    assert (twice[1][0].report.good, twice[1][0].report.repeated) == (0, 3)


def test_venues_symbols_and_kinds_are_lines_of_their_own() -> None:
    files: Files = [
        (reader(tardis.QUOTES, name="a", symbol=""), [tardis_quote(0)]),
        (reader(tardis.QUOTES, name="b", symbol=""), [tardis_quote(0, venue="okex")]),
        (reader(tardis.QUOTES, name="c", symbol=""), [tardis_quote(0, symbol="ETH-USDT")]),
        trades("d", "BTCUSDT", [0]),
        (reader(name="e"), [b"nothing readable\n"]),
    ]
    assert [(line.venue, line.symbol, line.kind, line.files) for line in lines_of(files)] == [
        ("bybit", "BTCUSDT", Kind.QUOTES, ("a",)),
        ("okex", "BTCUSDT", Kind.QUOTES, ("b",)),
        ("bybit", "ETHUSDT", Kind.QUOTES, ("c",)),
        ("binance", "BTCUSDT", Kind.TRADES, ("d",)),
    ]
