"""The next way of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.resilience.rotation import STEADY_NS, Rotation

NOW = Mono(100 * SECOND_NS)


def after(seconds: float) -> Mono:
    return Mono(NOW + int(seconds * SECOND_NS))


def failed(rotation: Rotation, number: int, at: float, lived_ns: int = 0) -> None:
    rotation.begun(number, "/market")
    rotation.ended(number, "/market", after(at), lived_ns)


def order(rotation: Rotation, at: float, stream: str = "/market") -> list[int]:
    return rotation.order(stream, after(at))


def test_the_first_way_is_tried_first_and_a_failed_one_last() -> None:
    rotation = Rotation(3)
    assert order(rotation, 0) == [0, 1, 2]
    failed(rotation, 0, 0)
    assert order(rotation, 0) == [1, 2, 0]
    failed(rotation, 1, 0.1)
    assert order(rotation, 0.2) == [2, 0, 1]
    assert order(rotation, 1) == [0, 2, 1]


def test_a_way_that_keeps_failing_rests_ever_longer_until_a_stream_lived_on_it() -> None:
    rotation = Rotation(2)
    for at in (0, 10, 20):
        failed(rotation, 0, at)
    assert order(rotation, 23.9) == [1, 0]
    assert order(rotation, 24) == [0, 1]
    failed(rotation, 0, 60, STEADY_NS)
    assert order(rotation, 61) == [0, 1]


def test_two_connections_for_one_stream_take_two_ways_and_other_streams_do_not_care() -> None:
    rotation = Rotation(2)
    rotation.begun(0, "/private")
    assert order(rotation, 0, "/private") == [1, 0]
    assert order(rotation, 0, "/market") == [0, 1]
    rotation.begun(1, "/private")
    assert order(rotation, 0, "/private") == [0, 1]
    rotation.ended(0, "/private", NOW, STEADY_NS)
    assert order(rotation, 0, "/private") == [1, 0], "it rests"
    assert order(rotation, 2, "/private") == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 90), st.integers(0, 30)), max_size=40))
def test_every_way_is_tried_once_whatever_failed(ends: list[tuple[int, int, int]]) -> None:
    rotation, at = Rotation(4), 0
    for number, wait, lived in ends:
        at += wait
        failed(rotation, number, at, lived * SECOND_NS)
        assert sorted(order(rotation, at)) == [0, 1, 2, 3]
