"""A bar's path, and what stands after it: nothing that helps whoever trades."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.recordings.expand import after_bar, after_trade, closings, path
from nightdesk.recordings.rows import MINUTE_NS
from recordings.tables import bar_line, bars_of, one_bar

D = Decimal
CENT, STEP = D("0.01"), D("0.001")


@pytest.mark.parametrize(
    ("prices", "played"),
    [
        ((100, 110, 90, 105), [100, 90, 110, 105]),
        ((105, 110, 90, 100), [105, 110, 90, 100]),
        ((100, 110, 90, 100), [100, 90, 110, 100]),
        ((100, 100, 100, 100), [100, 100, 100, 100]),
    ],
)
def test_the_extreme_against_the_bar_comes_first(
    prices: tuple[int, int, int, int], played: list[int]
) -> None:
    bar = one_bar(*prices)
    points = path(bar)
    assert [p.price for p in points] == played
    assert [p.made_ns - bar.opened_ns for p in points] == [
        0,
        20 * 10**9,
        40 * 10**9,
        MINUTE_NS - 10**6,
    ]


def test_a_point_is_taken_by_whoever_moved_the_price() -> None:
    assert [p.buyer_is_maker for p in path(one_bar(100, 110, 90, 105))] == [
        False,
        True,
        False,
        True,
    ]


@given(st.decimals(0, 10**6, places=8))
def test_the_points_share_the_whole_volume(volume: Decimal) -> None:
    points = path(one_bar(100, 110, 90, 105, f"{volume:f}"))
    if volume < D("0.00000004"):  # less than the smallest quantity each
        assert points == ()
    else:
        assert sum(p.quantity for p in points) == volume
        assert all(p.quantity > 0 for p in points)


def test_the_next_open_is_known_only_where_the_next_bar_follows_at_once() -> None:
    flat = (100, 110, 90, 105)
    lines = [bar_line(0, flat), bar_line(1, (106, 110, 90, 105)), bar_line(3, flat)]
    ends = list(closings(bars_of(*lines)))
    assert [(c.next_open, c.at_ns == c.bar.at_ns) for c in ends] == [
        (106, True),
        (None, True),
        (None, True),
    ]
    assert list(closings([])) == []


def test_the_spread_is_a_tenth_of_the_last_range_and_at_least_two_basis_points() -> None:
    wide = after_bar(one_bar(100, 110, 90, 105), D(106), tick=CENT, step=STEP)
    assert wide is not None
    assert (wide.bid, wide.ask, wide.quantity) == (D("104.00"), D("108.00"), D("4.000"))
    calm = after_bar(one_bar(100, 100, 100, 100), D(1000), tick=CENT, step=STEP)
    assert calm is not None
    assert (calm.bid, calm.ask) == (D("999.90"), D("1000.10"))
    coarse = after_bar(one_bar(100, 100, 100, 100), D(100), tick=D(1), step=STEP)
    assert coarse is not None
    assert (coarse.bid, coarse.ask) == (99, 101)


@pytest.mark.parametrize("volume", ["0", "0.009"])
def test_nothing_stands_after_a_bar_that_traded_less_than_can_be_offered(volume: str) -> None:
    assert after_bar(one_bar(100, 110, 90, 105, volume), D(100), tick=CENT, step=STEP) is None


def test_nothing_stands_where_the_spread_reaches_zero() -> None:
    assert after_bar(one_bar(100, 110, 1, 2), D(2), tick=CENT, step=STEP) is None


def test_after_a_trade_no_more_is_offered_than_was_traded() -> None:
    standing = after_trade(D(1000), D("0.5004"), tick=CENT, step=STEP)
    assert standing is not None
    assert (standing.bid, standing.ask, standing.quantity) == (
        D("999.90"),
        D("1000.10"),
        D("0.500"),
    )


@given(
    st.decimals("0.01", 10**6, places=2),
    st.decimals("0.01", 10**6, places=2),
    st.sampled_from([CENT, D("0.1"), D("0.00000001")]),
)
def test_what_stands_is_on_the_grid_around_the_open(
    next_open: Decimal, close: Decimal, tick: Decimal
) -> None:
    bar = one_bar(close, close, close, close)
    standing = after_bar(bar, next_open, tick=tick, step=STEP)
    if standing is None:
        assert next_open < 2 * tick  # no room for a bid
        return
    assert 0 < standing.bid < next_open < standing.ask
    assert standing.bid % tick == standing.ask % tick == 0
