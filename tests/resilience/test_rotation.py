"""The next way of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.resilience.rotation import STEADY_NS, Rotation

NOW = Mono(100 * SECOND_NS)


def after(seconds: float) -> Mono:
    return Mono(NOW + int(seconds * SECOND_NS))


def test_the_first_way_is_tried_first_and_a_failed_one_last() -> None:
    rotation = Rotation(3)
    assert rotation.order(NOW) == [0, 1, 2]
    rotation.ended(0, NOW, 0)
    assert rotation.order(NOW) == [1, 2, 0]
    rotation.ended(1, after(0.1), 0)
    assert rotation.order(after(0.2)) == [2, 0, 1]
    assert rotation.order(after(1)) == [0, 2, 1]


def test_a_way_that_keeps_failing_rests_ever_longer_until_a_stream_lived_on_it() -> None:
    rotation = Rotation(2)
    for at in (0, 10, 20):
        rotation.ended(0, after(at), 0)
    assert rotation.order(after(23.9)) == [1, 0]
    assert rotation.order(after(24)) == [0, 1]
    rotation.ended(0, after(60), STEADY_NS)
    assert rotation.order(after(61)) == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 90), st.integers(0, 30)), max_size=40))
def test_every_way_is_tried_once_whatever_failed(ends: list[tuple[int, int, int]]) -> None:
    rotation, now = Rotation(4), NOW
    for number, wait, lived in ends:
        now = Mono(now + wait * SECOND_NS)
        rotation.ended(number, now, lived * SECOND_NS)
        assert sorted(rotation.order(now)) == [0, 1, 2, 3]
