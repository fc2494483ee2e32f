"""A window: the last bars, exact and as columns that are never copied and never change."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, D, a_bar
from nightdesk.model.bars import BarsOf
from nightdesk.strategy.window import Window

OF = BarsOf(BTCUSDT, "1m")


def filled(keep: int, closes: list[int]) -> Window:
    window = Window(OF, keep)
    for number, close in enumerate(closes):
        window.add(a_bar(number, close=D(close)))
    return window


@given(st.integers(1, 7), st.lists(st.integers(1, 10**9), max_size=40))
def test_it_holds_the_last_bars_in_order(keep: int, closes: list[int]) -> None:
    window = filled(keep, closes)
    assert list(window.close) == [float(c) for c in closes[-keep:]]
    assert [bar.close for bar in window] == closes[-keep:]
    assert len(window) == len(window.close) == len(window.opened_s) == min(keep, len(closes))


@given(st.integers(1, 5), st.lists(st.integers(1, 100), min_size=1, max_size=30))
def test_a_column_that_was_taken_stays_as_it_was(keep: int, closes: list[int]) -> None:
    window, taken = Window(OF, keep), []
    for number, close in enumerate(closes):
        window.add(a_bar(number, close=D(close)))
        taken.append((window.close, list(window.close)))
    assert all(list(column) == was for column, was in taken)


def test_columns_are_contiguous_floats_that_nobody_can_write() -> None:
    column = filled(3, [1, 2, 3, 4]).close
    assert (column.format, column.contiguous, column.itemsize) == ("d", True, array("d").itemsize)
    with pytest.raises(TypeError):
        column[0] = 1.0


def test_every_part_of_a_bar_has_its_column() -> None:
    bar = a_bar(2, open=D("1.5"), high=D(4), low=D(1), close=D(2), volume=D("0.25"))
    window = Window(OF, 1)
    window.add(bar)
    columns = (window.open, window.high, window.low, window.close, window.volume)
    assert [column[0] for column in columns] == [1.5, 4.0, 1.0, 2.0, 0.25]
    assert window.opened_s[0] == bar.opened / 1e9


def test_bars_are_reached_by_place_and_by_slice() -> None:
    window = filled(3, [1, 2, 3, 4])
    assert (window[-1].close, window[0].close) == (4, 2)
    assert [bar.close for bar in window[:-1]] == [2, 3]
