"""Windows count at least what is in them, at most a step more, and forget the rest."""

from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, NOW, STRATEGY
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.orders.traffic import Traffic, Window, cancels_of, fills_of, orders_of

STEP_NS = SECOND_NS // 10
GAPS = st.lists(st.integers(0, SECOND_NS), max_size=60)


@given(GAPS, st.integers(0, 3 * SECOND_NS))
def test_a_window_counts_what_is_in_it_and_at_most_one_step_more(
    gaps: list[int], later_ns: int
) -> None:
    window, times = Window(STEP_NS, 10), []
    now = NOW
    for gap in gaps:
        now = Wall(now + gap)
        times.append(now)
        window.add(("all", f"at {gap % 3}"), now)
    now = Wall(now + later_ns)
    counted = window.count("all", now)
    assert sum(now - SECOND_NS < at for at in times) <= counted
    assert counted <= sum(now - SECOND_NS - STEP_NS < at for at in times)
    assert counted == sum(window.count(f"at {n}", now) for n in range(3))
    assert len(window.buckets) <= 11


@given(GAPS)
def test_a_window_that_was_loaded_goes_on_as_the_one_it_is_of(gaps: list[int]) -> None:
    window = Window(STEP_NS, 10)
    now = NOW
    for gap in gaps:
        now = Wall(now + gap)
        window.add(("all",), now)
    again = Window(STEP_NS, 10)
    again.load(window.buckets)
    for each in (window, again):
        each.add(("all",), Wall(now + STEP_NS))
    for later_ns in range(0, 2 * SECOND_NS, STEP_NS):
        at = Wall(now + later_ns)
        assert again.count("all", at) == window.count("all", at)
    assert again.buckets == window.buckets


def test_a_clock_that_is_set_back_forgets_nothing() -> None:
    window = Window(STEP_NS, 10)
    window.add(("all",), NOW)
    earlier = Wall(NOW - 3_600 * SECOND_NS)
    window.add(("all",), earlier)
    assert window.count("all", earlier) == 2
    assert window.count("all", NOW) == 2


def test_orders_cancels_and_fills_are_counted_where_they_belong() -> None:
    traffic = Traffic()
    traffic.ordered(STRATEGY, BTCUSDT, NOW)
    traffic.ordered(STRATEGY, BTCUSDT, NOW)
    traffic.cancelled(BTCUSDT, NOW)
    traffic.filled(BTCUSDT, NOW)
    minute, second = traffic.minute, traffic.second
    assert minute.count(cancels_of(""), NOW) == second.count(cancels_of(""), NOW) == 1
    assert second.count(orders_of(""), NOW) == 2
    assert minute.count(orders_of(""), NOW) == minute.count(orders_of(BTCUSDT), NOW) == 2
    assert second.count(orders_of(STRATEGY), NOW) == 2
    assert minute.count(cancels_of(BTCUSDT), NOW) == second.count(cancels_of(BTCUSDT), NOW) == 1
    assert minute.count(fills_of(BTCUSDT), NOW) == 1
