"""When to ask about an order nobody can vouch for, and what a "not found" is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.reconcile.resolve import (
    Asked,
    Belief,
    due,
    final_from,
    grace_ends,
    not_found,
)

HERE = Mono(SECOND_NS)  # CLOCK_BOOTTIME
GRACE = Wall(NOW + 7 * SECOND_NS)


def waits(times: int) -> int:
    """How long after the `times`-th question the next one is due, found by trying."""
    asked = Asked(times=times, last=HERE)
    for wait_ms in range(0, 10_001, 50):
        if due(asked, Mono(HERE + wait_ms * MS_NS)):
            return wait_ms
    raise AssertionError("never due")


def test_the_first_question_is_asked_at_once():
    assert due(Asked(), Mono(0))


@pytest.mark.parametrize(
    ("times", "wait_ms"),
    [
        (1, 100),
        (2, 200),
        (3, 400),
        (4, 800),
        (5, 1600),
        (6, 3200),
        (7, 5000),
        (8, 5000),
        (500, 5000),
    ],
)
def test_questions_come_ever_slower_up_to_a_bound(times, wait_ms):
    assert waits(times) == wait_ms


@given(st.integers(1, 10_000), st.integers(0, 20 * SECOND_NS))
def test_no_silence_is_longer_than_the_bound_and_none_shorter_than_the_first_wait(times, elapsed):
    asked = due(Asked(times=times, last=HERE), Mono(HERE + elapsed))
    if elapsed < 100 * MS_NS:
        assert not asked
    if elapsed >= 5 * SECOND_NS:
        assert asked


def test_the_grace_is_the_deadline_and_the_venues_read_lag():
    assert grace_ends(NOW, 5 * SECOND_NS) == NOW + 5 * SECOND_NS


@pytest.mark.parametrize("asked_at", [0, GRACE - SECOND_NS, GRACE - 1, GRACE])
def test_not_found_before_the_grace_is_over_is_worth_nothing_however_often(asked_at):
    asked = Asked()
    for _ in range(100):
        asked, belief = not_found(asked, asked_at=Wall(asked_at), grace=GRACE, everywhere=True)
        assert belief is Belief.NOTHING
    assert asked.absent == 0


def test_not_found_past_the_grace_is_believed_the_second_time():
    first, nothing = not_found(Asked(), asked_at=Wall(GRACE + 1), grace=GRACE, everywhere=True)
    assert nothing is Belief.NOTHING
    second, absent = not_found(first, asked_at=Wall(GRACE + 2), grace=GRACE, everywhere=True)
    assert absent is Belief.ABSENT
    assert second.absent == 2


@given(st.lists(st.integers(-10, 10), max_size=12))
def test_absence_is_believed_exactly_from_the_second_question_past_the_grace(offsets):
    asked, late = Asked(), 0
    for offset in offsets:
        asked, belief = not_found(
            asked, asked_at=Wall(GRACE + offset), grace=GRACE, everywhere=True
        )
        late += offset > 0
        assert (belief is Belief.ABSENT) == (offset > 0 and late >= 2)


def test_weighing_an_answer_keeps_the_questions_count():
    asked, _ = not_found(
        Asked(times=3, last=HERE), asked_at=Wall(GRACE + 1), grace=GRACE, everywhere=True
    )
    assert (asked.times, asked.last) == (3, HERE)


def test_not_found_by_its_id_alone_is_worth_nothing_however_late_and_often():
    asked = Asked()
    for n in range(1, 100):
        late = Wall(GRACE + n * SECOND_NS)
        asked, belief = not_found(asked, asked_at=late, grace=GRACE, everywhere=False)
        assert belief is Belief.NOTHING
    assert asked.absent == 0


def test_a_cancel_is_final_only_beyond_the_settle_window_and_the_read_lag():
    assert final_from(NOW, 5 * SECOND_NS) == NOW + 7 * SECOND_NS
    assert final_from(NOW, 0) == NOW + 2 * SECOND_NS
