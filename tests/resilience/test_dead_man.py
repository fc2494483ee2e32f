"""When a countdown is begun, begun anew and stopped, by what rests; what is known of it whatever is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.errors import BadInput
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.resilience.dead_man import STRAY_NS, Act, Countdown, Resting, checked

LENGTH_NS = 60 * SECOND_NS
NOTHING, ENTRIES = Resting(), Resting(entries=True)
EXITS, BOTH = Resting(exits=True), Resting(entries=True, exits=True)
RESTING = (NOTHING, ENTRIES, EXITS, BOTH)


def at(seconds: float) -> Mono:
    return Mono(1_000 * SECOND_NS + int(seconds * SECOND_NS))


def fresh(*, inherited: bool = False) -> Countdown:
    return Countdown(LENGTH_NS, at(0), inherited=inherited)


def begun(seconds: float = 0) -> Countdown:
    made = fresh()
    made.asked(Act.BEGIN, at(seconds))
    made.ended(Verdict.ACKED, at(seconds))
    return made


@pytest.mark.parametrize(
    ("length_s", "ttl_s", "fine"),
    [
        (60, 3, True),
        (0, 3, True),
        (10, 3, True),
        (9, 3, False),
        (12, 4, True),
        (12, 5, False),
        (60, 14_400, False),
    ],
)
def test_it_is_longer_than_a_takeover(length_s: int, ttl_s: int, fine: bool) -> None:
    if fine:
        assert checked(length_s * SECOND_NS, ttl_s * SECOND_NS) == length_s * SECOND_NS
        return
    with pytest.raises(BadInput, match="dead_man_s is at least"):
        checked(length_s * SECOND_NS, ttl_s * SECOND_NS)


@pytest.mark.parametrize(
    ("resting", "act"), [(NOTHING, None), (ENTRIES, Act.BEGIN), (EXITS, None), (BOTH, None)]
)
def test_only_entries_begin_one(resting: Resting, act: Act | None) -> None:
    assert fresh().act(resting, at(0)) is act


@pytest.mark.parametrize(
    ("resting", "seconds", "act"),
    [
        (ENTRIES, 19.9, None),
        (ENTRIES, 20, Act.BEGIN),  # at a third of its length
        (EXITS, 0.1, Act.STOP),
        (BOTH, 0.1, Act.STOP),  # what protects must not end with it
        (NOTHING, 19.9, None),  # new entries may come, and it would be begun again
        (NOTHING, 20, Act.STOP),
        (NOTHING, 61, None),  # it has run out
        (EXITS, 61, None),
    ],
)
def test_one_that_runs_is_begun_anew_at_a_third_or_stopped(
    resting: Resting, seconds: float, act: Act | None
) -> None:
    assert begun().act(resting, at(seconds)) is act


def test_a_desk_that_leaves_stops_at_once_what_nothing_needs() -> None:
    assert begun().act(NOTHING, at(1), leaving=True) is Act.STOP
    assert begun().act(ENTRIES, at(1), leaving=True) is None


@pytest.mark.parametrize(("inherited", "act"), [(True, Act.STOP), (False, None)])
def test_what_somebody_before_may_have_begun_is_stopped_over_what_protects(
    inherited: bool, act: Act | None
) -> None:
    assert fresh(inherited=inherited).act(EXITS, at(0)) is act
    assert (
        fresh(inherited=inherited).act(NOTHING, at(0)) is None
    )  # no hurry: the next start may be near
    assert fresh(inherited=inherited).act(NOTHING, at(20)) is act
    assert fresh(inherited=inherited).act(ENTRIES, at(0)) is Act.BEGIN


def test_one_request_is_under_way_at_a_time() -> None:
    countdown = fresh()
    countdown.asked(Act.BEGIN, at(0))
    assert all(countdown.act(resting, at(5)) is None for resting in RESTING)


def test_entries_that_come_back_right_after_a_stop_wait_a_little() -> None:
    countdown = begun()
    countdown.asked(Act.STOP, at(1))
    countdown.ended(Verdict.ACKED, at(1))
    assert countdown.act(ENTRIES, at(10)) is None
    assert countdown.act(ENTRIES, at(11)) is Act.BEGIN


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.NOT_SENT])
def test_a_refusal_leaves_what_ran_and_is_tried_again_in_a_second(verdict: Verdict) -> None:
    countdown = begun()
    assert countdown.act(ENTRIES, at(20)) is Act.BEGIN
    countdown.asked(Act.BEGIN, at(20))
    countdown.ended(verdict, at(20.1))
    assert countdown.left_ns(at(21)) == 39 * SECOND_NS
    assert not countdown.may_run(at(60))
    assert countdown.act(ENTRIES, at(21)) is None
    assert countdown.act(ENTRIES, at(21.1)) is Act.BEGIN
    assert countdown.failing_ns(at(21.1)) == at(21.1) - at(20)


def test_after_an_unknown_outcome_nothing_is_asked_before_it_can_no_longer_arrive() -> None:
    countdown = begun()
    countdown.asked(Act.STOP, at(5))
    countdown.ended(Verdict.UNKNOWN, at(5))
    assert not countdown.runs(at(5.1))
    assert countdown.may_run(at(5.1))
    assert countdown.act(EXITS, Mono(at(5) + STRAY_NS - 1)) is None
    assert countdown.act(EXITS, Mono(at(5) + STRAY_NS)) is Act.STOP


def test_it_is_failing_from_when_it_was_due_until_it_is_begun_or_not_wanted() -> None:
    countdown = begun()
    assert countdown.act(ENTRIES, at(20)) is Act.BEGIN
    assert countdown.failing_ns(at(30)) == 10 * SECOND_NS
    assert countdown.act(NOTHING, at(30)) is Act.STOP
    assert countdown.failing_ns(at(30)) == 0


class _Venue:
    """What the requests really come to, as late as they may."""

    def __init__(self) -> None:
        self.until = LONG_AGO

    def take(self, act: Act, now: Mono) -> None:
        self.until = Mono(now + LENGTH_NS) if act is Act.BEGIN else LONG_AGO


steps = st.lists(
    st.tuples(
        st.integers(1, 40),  # tenths of a second until the look
        st.sampled_from(RESTING),
        st.sampled_from(Verdict),
        st.booleans(),  # of an unknown one: whether it counted
        st.integers(0, 20),  # tenths until it arrives, at most its deadline
        st.integers(0, 30),  # and until it is answered
    ),
    max_size=120,
)


@given(steps)
def test_what_it_believes_is_never_less_than_what_the_venue_may_do(moves: list) -> None:
    """Whatever is lost: one that may cancel is never forgotten, one that is told to run does."""
    countdown, venue, now = fresh(), _Venue(), 0
    for tenths, resting, verdict, counts, travels, answered in moves:
        now += tenths
        act = countdown.act(resting, at(now / 10))
        if act is not None:
            countdown.asked(act, at(now / 10))
            arrives = now + travels
            taken = verdict is Verdict.ACKED or (verdict is Verdict.UNKNOWN and counts)
            if taken:
                venue.take(act, at(arrives / 10))
            now = arrives + answered
            countdown.ended(verdict, at(now / 10))
        here = at(now / 10)
        assert not (here < venue.until and not countdown.may_run(here))
        assert not (countdown.runs(here) and venue.until <= here)
