"""The market's book: quotes, depth, snapshots, and which of them is newer."""

from decimal import Decimal

from lab.markets import ASKS, BIDS, depth, quote, snapshot
from nightdesk.lab.book import Book
from nightdesk.lab.orders import Side

D = Decimal


def book() -> Book:
    made = Book()
    made.on_snapshot(snapshot(BIDS, ASKS, last_id=10))
    return made


def test_a_snapshot_sets_both_sides_best_first() -> None:
    made = book()
    assert made.bids.top(2) == ((D("99.00"), D(1)), (D("98.00"), D(2)))
    assert made.asks.top(2) == ((D("101.00"), D(1)), (D("102.00"), D(2)))
    assert made.mid() == D(100)


def test_updates_older_than_the_snapshot_are_ignored() -> None:
    made = book()
    assert not made.on_depth(depth(10, bids=[("99.00", "0")]))
    assert not made.on_quote(quote(10, ("1.00", "1"), ("2.00", "1")))
    assert made.bids.best() == D("99.00")


def test_a_quote_removes_levels_it_proves_gone() -> None:
    made = book()
    made.on_quote(quote(11, ("97.00", "9"), ("102.00", "4")))
    assert made.bids.top(9) == ((D("97.00"), D(9)),)
    assert made.asks.top(1) == ((D("102.00"), D(4)),)


def test_a_depth_batch_older_than_the_last_quote_does_not_undo_it() -> None:
    made = book()
    made.on_quote(quote(20, ("98.00", "5"), ("101.00", "1")))
    made.on_depth(depth(15, bids=[("99.00", "3"), ("97.50", "1")]))
    assert made.bids.top(2) == ((D("98.00"), D(5)), (D("97.50"), D(1)))


def test_a_quote_older_than_another_is_ignored() -> None:
    made = book()
    made.on_quote(quote(20, ("98.00", "5"), ("101.00", "1")))
    assert not made.on_quote(quote(19, ("99.00", "5"), ("101.00", "1")))
    assert made.newest_id() == 20


def test_a_book_is_whole_up_to_its_changes_though_a_quote_ran_ahead() -> None:
    made = book()
    made.on_quote(quote(20, ("98.00", "5"), ("101.00", "1")))
    assert (made.whole_id(), made.newest_id()) == (10, 20)
    made.on_depth(depth(15, bids=[("97.50", "1")]))
    assert made.whole_id() == 15


def test_where_nothing_but_quotes_was_told_the_book_is_the_last_of_them() -> None:
    made = Book()
    made.on_quote(quote(1, ("98.00", "5"), ("101.00", "1")))
    made.on_quote(quote(2, ("99.00", "4"), ("100.00", "2")))
    assert made.bids.top(9) == ((D("99.00"), D(4)),)
    assert made.asks.top(9) == ((D("100.00"), D(2)),)
    assert made.whole_id() == 2
    assert made.hides(Side.BUY, D("98.00"))
    made.on_depth(depth(3, bids=[("98.00", "5")]))
    made.on_quote(quote(4, ("99.50", "4"), ("100.00", "2")))
    assert len(made.bids.top(9)) == 3
    assert not made.hides(Side.BUY, D("98.00"))


def test_a_level_of_zero_disappears() -> None:
    made = book()
    made.on_depth(depth(11, asks=[("101.00", "0"), ("150.00", "0")]))
    assert made.asks.best() == D("102.00")


def test_taken_liquidity_is_not_offered_and_the_market_still_shows_it() -> None:
    made = book()
    made.asks.take(D("101.00"), D(1))
    assert made.asks.best_available() == D("102.00")
    assert made.asks.best() == D("101.00")
    assert made.ladder(Side.SELL).available(D("101.00")) == 0
