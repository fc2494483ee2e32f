"""What is looked at, against keeping everything and adding it up."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import Mono
from nightdesk.resilience.window import PARTS, LastCalls, LastWhile, TimeWindow

CALLS = st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans()), max_size=60)


@given(most=st.integers(1, 8), calls=CALLS)
def test_the_last_calls_are_added_up(most: int, calls: list[tuple[int, bool, bool]]) -> None:
    window = LastCalls(most).opened()
    for _, failed, slow in calls:
        window.record(Mono(0), failed=failed, slow=slow)
    last = calls[-most:]
    assert window.tally(Mono(0)) == (
        len(last),
        sum(failed for _, failed, _ in last),
        sum(slow for *_, slow in last),
    )


@given(span_ns=st.integers(10, 90), calls=CALLS, later=st.integers(0, 200))
def test_calls_of_the_last_while_count_and_older_ones_do_not(
    span_ns: int, calls: list[tuple[int, bool, bool]], later: int
) -> None:
    window, now, ended = LastWhile(span_ns).opened(), 0, []
    for gap, failed, slow in calls:
        now += gap
        ended.append(now)
        window.record(Mono(now), failed=failed, slow=slow)
    now += later
    seen = window.tally(Mono(now)).calls
    part = span_ns // PARTS
    assert seen >= sum(now - at < part * (PARTS - 1) for at in ended)
    assert seen <= sum(now - at < part * PARTS for at in ended)


def test_a_window_of_time_keeps_no_more_than_its_parts() -> None:
    window = TimeWindow(10)
    for now in range(0, 5_000, 3):
        window.record(Mono(now), failed=False, slow=False)
    assert len(window._parts) <= PARTS
