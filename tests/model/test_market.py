"""What a quote and an order book say of themselves."""

import pytest
from msgspec.structs import replace

from builders import BTCUSDT, D, a_quote
from nightdesk.model.market import Book

BOOK = Book(
    instrument=BTCUSDT,
    bids=((D(100), D(1)), (D("99.5"), D("0.25"))),
    asks=((D(101), D(2)), (D(102), D(3)), (D(103), D(4))),
    update_id=7,
    received=5,
)


@pytest.mark.parametrize(
    ("bid", "ask", "crossed"),
    [
        ("100", "100.01", False),
        ("100", "100", True),
        ("100.01", "100", True),
        ("0", "1", True),
        ("-1", "1", True),
    ],
)
def test_a_quote_is_crossed_when_it_cannot_be_one(bid, ask, crossed):
    assert a_quote(bid, ask).crossed is crossed


def test_mid_is_half_way():
    assert a_quote("100", "101").mid == D("100.5")


@pytest.mark.parametrize(
    ("bids", "asks", "crossed"),
    [
        ([99], [100], False),
        ([100], [100], True),
        ([101], [100], True),
        ([], [100], True),
        ([99], [], True),
    ],
)
def test_nothing_can_be_decided_by_a_book_that_is_crossed_or_lacks_a_side(bids, asks, crossed):
    sides = {
        name: tuple((D(price), D(1)) for price in prices)
        for name, prices in (("bids", bids), ("asks", asks))
    }
    assert replace(BOOK, **sides).crossed is crossed


def test_the_columns_of_a_book_are_read_only_floats_in_the_order_of_its_levels():
    columns = (BOOK.bid_prices, BOOK.bid_qtys, BOOK.ask_prices, BOOK.ask_qtys)
    assert [list(column) for column in columns] == [
        [100.0, 99.5],
        [1.0, 0.25],
        [101.0, 102.0, 103.0],
        [2.0, 3.0, 4.0],
    ]
    for column in columns:
        assert (column.format, column.contiguous, column.readonly) == ("d", True, True)


def test_a_shallower_book_is_the_same_market():
    assert BOOK.best(2) == replace(BOOK, asks=BOOK.asks[:2])
    assert BOOK.best(3) is BOOK


def test_a_book_repeats_what_says_the_same_whenever_it_was_heard():
    assert replace(BOOK, received=9, update_id=8).repeats(BOOK)
    assert not replace(BOOK, bids=BOOK.bids[:1]).repeats(BOOK)
    assert not replace(BOOK, asks=BOOK.asks[:1]).repeats(BOOK)
