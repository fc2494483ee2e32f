"""Order books told whole: which streams are asked for, what their frames say, and which are no books."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, D, an_instrument
from nightdesk.model.errors import ProtocolViolation
from nightdesk.model.market import Book, DepthOf
from nightdesk.model.time import MS_NS
from venues import spot, usdm

# The documents' examples, the spot one on an uncrossed market of ours.
SPOT = {
    "lastUpdateId": 160,
    "bids": [["0.0024", "10"], ["0.0023", "7"]],
    "asks": [["0.0026", "100"], ["0.0028", "1"]],
}
USDM = {
    "e": "depthUpdate",
    "E": 1571889248277,
    "T": 1571889248276,
    "s": "BTCUSDT",
    "U": 390497796,
    "u": 390497878,
    "pu": 390497794,
    "b": [["7403.89", "0.002"], ["7403.50", "3.906"]],
    "a": [["7405.96", "3.340"], ["7406.63", "4.525"]],
}


def frame(data: Any, stream: str = "btcusdt@depth5@100ms") -> bytes:
    return json.dumps({"stream": stream, "data": data}).encode()


def test_books_are_streamed_for_what_was_declared_as_deep_as_it_was() -> None:
    other = an_instrument(symbol="ETHUSDT")
    (path,) = spot.CODEC.market_paths([an_instrument(), other], (), [DepthOf(other.id, 20)])
    assert path == (
        "/stream?streams=btcusdt@bookTicker/btcusdt@trade/ethusdt@bookTicker/ethusdt@trade"
        "/ethusdt@depth20@100ms"
    )


def test_books_of_contracts_come_with_the_quotes() -> None:
    wanted = [DepthOf(usdm.PERP, 5)]
    public, market = usdm.CODEC.market_paths([usdm.CONTRACT], (), wanted)
    assert public == "/public/stream?streams=btcusdt@bookTicker/btcusdt@depth5@100ms"
    assert "depth" not in market


def test_a_spot_book_is_the_one_its_stream_names() -> None:
    assert spot.CODEC.market(frame(SPOT), 7) == Book(
        instrument=BTCUSDT,
        bids=((D("0.0024"), D(10)), (D("0.0023"), D(7))),
        asks=((D("0.0026"), D(100)), (D("0.0028"), D(1))),
        update_id=160,
        received=7,
    )


def test_a_book_of_contracts_tells_its_symbol_and_the_engines_time() -> None:
    assert usdm.CODEC.market(frame(USDM), 7) == Book(
        instrument=usdm.PERP,
        bids=((D("7403.89"), D("0.002")), (D("7403.50"), D("3.906"))),
        asks=((D("7405.96"), D("3.340")), (D("7406.63"), D("4.525"))),
        update_id=390497878,
        received=7,
        venue_time=1571889248276 * MS_NS,
    )


@pytest.mark.parametrize("levels", [[], [["0.0001", "1"]], [["9", "1"]]])
def test_a_side_that_is_empty_or_crosses_is_told_as_it_stands(levels: Any) -> None:
    book = spot.CODEC.market(frame(SPOT | {"bids": levels}), 7)
    assert isinstance(book, Book)
    assert book.crossed is (levels != [["0.0001", "1"]])


POISON = {
    "rising bids": ("bids", [["1", "1"], ["2", "1"]]),
    "falling asks": ("asks", [["2", "1"], ["1", "1"]]),
    "a price twice": ("bids", [["2", "1"], ["2.0", "1"]]),
    "no quantity": ("asks", [["2", "0"]]),
    "less than none": ("asks", [["2", "-1"]]),
    "no number": ("bids", [["NaN", "1"]]),
    "a signal": ("bids", [["sNaN", "1"]]),
    "endless": ("asks", [["2", "Infinity"]]),
    "free": ("bids", [["0", "1"]]),
    "half a level": ("bids", [["1"]]),
    "a word": ("asks", [["dear", "1"]]),
    "nothing": ("bids", None),
}


@pytest.mark.parametrize("which", POISON)
def test_a_book_that_is_none_is_a_violation_at_both_venues(which: str) -> None:
    side, rows = POISON[which]
    for codec, whole, name in ((spot.CODEC, SPOT, side), (usdm.CODEC, USDM, side[0])):
        with pytest.raises(ProtocolViolation, match="market frame"):
            codec.market(frame(whole | {name: rows}), 7)


@pytest.mark.parametrize("stream", ["btcusdt@depth", "btcusdt@depth@100ms", "nobody@depth5@100ms"])
def test_changes_and_other_symbols_are_streams_that_nobody_asked_for(stream: str) -> None:
    with pytest.raises(ProtocolViolation):
        spot.CODEC.market(frame(SPOT, stream), 7)
    with pytest.raises(ProtocolViolation):
        usdm.CODEC.market(frame(USDM | {"s": stream.partition("@")[0].upper()[:6]}, stream), 7)


LEVELS = st.lists(
    st.tuples(st.decimals(allow_nan=True, allow_infinity=True), st.decimals()).map(
        lambda level: [str(level[0]), str(level[1])]
    ),
    max_size=4,
)


@given(LEVELS, LEVELS)
def test_whatever_levels_come_a_book_is_in_order_or_refused(bids: Any, asks: Any) -> None:
    with contextlib.suppress(ProtocolViolation):
        book = spot.CODEC.market(frame(SPOT | {"bids": bids, "asks": asks}), 7)
        assert isinstance(book, Book)
        prices = [price for price, _ in book.bids], [price for price, _ in book.asks]
        assert prices[0] == sorted(set(prices[0]), reverse=True)
        assert prices[1] == sorted(set(prices[1]))
        assert all(qty > 0 for _, qty in (*book.bids, *book.asks))
