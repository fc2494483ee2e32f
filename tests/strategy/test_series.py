"""A series: whatever is lost, told twice or late on the way, each bar is told once, in order."""

from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, a_bar
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.strategy.series import ENDED_NS, HELD_MAX, LATE_NS, Series

OF = BarsOf(BTCUSDT, "1m")
MINUTE = OF.length_ns


def begin(number: int) -> int:
    return a_bar(number).opened


def long_after(number: int) -> Wall:
    return Wall(a_bar(number).ends + ENDED_NS)


def started(keep: int = 3, upto: int = 2) -> Series:
    """One whose history ends with bar `upto`."""
    series = Series(OF, keep)
    series.answered([a_bar(n) for n in range(upto + 1)], long_after(upto))
    return series


def numbers(bars: list[Bar]) -> list[int]:
    return [(bar.opened - begin(0)) // MINUTE for bar in bars]


def test_history_is_what_the_venue_has_told_but_for_the_bar_being_made() -> None:
    series = Series(OF, 3)
    assert series.missing(Wall(0))
    told = series.answered([a_bar(n) for n in range(6)], Wall(a_bar(5).ends - 1))
    assert numbers(told) == [0, 1, 2, 3, 4]
    assert numbers(list(series.history)) == [2, 3, 4]
    assert series.expected == begin(5)


def test_a_bar_that_ended_just_now_may_still_change_in_an_answer_and_not_in_the_stream() -> None:
    series = started()
    at = Wall(a_bar(3).ends + ENDED_NS - 1)
    assert series.answered([a_bar(3)], at) == []
    assert numbers(series.heard(a_bar(3))) == [3]


def test_what_comes_behind_a_gap_waits_until_the_gap_is_filled() -> None:
    series = started()
    assert series.heard(a_bar(5)) == []
    assert series.missing(Wall(begin(5)))
    assert numbers(series.answered([a_bar(3), a_bar(4)], Wall(begin(6)))) == [3, 4, 5]
    assert not series.missing(Wall(begin(6)))


def test_a_bar_that_the_venue_never_made_is_passed_over_once_it_says_so() -> None:
    series = started()
    series.heard(a_bar(5))
    told = series.answered([a_bar(5)], long_after(5))
    assert numbers(told) == [5]
    assert series.expected == begin(6)


def test_a_stream_that_is_silent_for_too_long_is_asked_behind() -> None:
    series = started()
    assert not series.missing(Wall(a_bar(3).ends + LATE_NS - 1))
    assert series.missing(Wall(a_bar(3).ends + LATE_NS))


def test_where_there_is_no_bar_yet_the_one_being_made_is_the_first() -> None:
    series = Series(OF, 3)
    assert series.answered([], Wall(begin(7) + 30 * SECOND_NS)) == []
    assert series.heard(a_bar(6)) == []
    assert numbers(series.heard(a_bar(7))) == [7]


def test_what_is_held_is_bounded_and_asked_for_later() -> None:
    series = started()
    for n in range(4, 4 + 2 * HELD_MAX):
        series.heard(a_bar(n))
    told = series.answered([a_bar(3)], long_after(3))
    assert numbers(told) == list(range(3, 4 + HELD_MAX))


@given(st.integers(0, 10**9), st.integers(1, 60), st.floats(0, 1), st.floats(0, 0.5))
def test_each_bar_is_told_once_in_order_whatever_the_stream_loses(
    seed: int, count: int, lost: float, never_made: float
) -> None:
    """The stream drops, repeats and shuffles; answers come late, and some bars do not exist."""
    draw = Random(seed)
    truth = [a_bar(n) for n in range(count) if draw.random() >= never_made]
    series, told = Series(OF, 5), list[Bar]()
    for n in range(count):
        heard = [bar for bar in truth if bar.opened <= begin(n) and draw.random() >= lost]
        for bar in draw.sample(heard, min(len(heard), 3)):
            told += series.heard(bar)
        asked_at = Wall(begin(n) + draw.randrange(2 * MINUTE))
        if draw.random() < 0.3 and series.missing(asked_at):
            since = series.expected or 0
            answer = [b for b in truth if b.opened >= since and b.opened <= asked_at]
            told += series.answered(answer, asked_at)
    end = long_after(count + 1)
    told += series.answered([b for b in truth if b.opened >= (series.expected or 0)], end)
    assert told == truth
    assert list(series.history) == truth[-5:]
    assert msgspec.msgpack.encode(told)  # plain values, as they cross to a strategy
