"""What two connections bring is told once, in the order of whoever was first."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.runtime import once as once_module
from nightdesk.runtime.once import Once


@given(st.integers(0, 30), st.integers(1, 30), st.lists(st.booleans(), max_size=80))
def test_a_change_of_connections_tells_every_frame_once(
    joined: int, left: int, turns: list[bool]
) -> None:
    """The old connection has all frames, the new one all from `joined` on, and both are read in any order."""
    last = joined + left
    frames = [b"%d" % n for n in range(last)]
    ways = {1: iter(frames), 2: iter(frames[joined:])}
    told: list[bytes] = []
    once = Once()
    for connection in [1 + turn for turn in turns] + [1] * last + [2] * last:
        frame = next(ways[connection], None)
        if frame is not None and once.first(frame, connection):
            told.append(frame)
    assert sorted(told, key=int) == frames


def test_what_one_connection_brings_twice_is_passed_on_twice() -> None:
    once = Once()
    assert [once.first(b"a", 1), once.first(b"a", 1), once.first(b"a", 2)] == [True, True, False]


def test_what_it_remembers_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(once_module, "FRAMES_MAX", 10)
    once = Once()
    assert all(once.first(b"%d" % n, 1) for n in range(1000))
    assert len(once._told_by) == 10
