"""Stamps within half a window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.told import accept, at, said, sent, whats
from nightdesk.audit.facts import Fact
from nightdesk.audit.i09_clock import Clock
from nightdesk.model.time import MS_NS


def stamped(ms: int, *, arrived: float = 0, kind: str = "accept", **rest: object) -> Fact:
    made = {
        "timestamp": str(at(ms) // MS_NS),
        "recv_window": "500",
        "arrived_ns": at(arrived),
        **rest,
    }
    return accept(9_000, **made) if kind == "accept" else said(kind, 9_000, **made)


@pytest.mark.parametrize(("off_ms", "found"), [(0, 0), (250, 0), (251, 1), (-250, 0), (-251, 1)])
def test_a_stamp_is_right_to_half_its_window(off_ms: int, found: int) -> None:
    assert len(whats(Clock(), [stamped(off_ms)])) == found
    assert whats(Clock(slack_ns=MS_NS), [stamped(off_ms)]) == []
    assert whats(Clock(), [stamped(off_ms, kind="cancel")]) == [], "a cancel is the way out"


def test_the_way_does_not_count_when_it_is_known_when_bytes_left() -> None:
    assert whats(Clock(), [sent(0), stamped(0, arrived=400)]) == []
    assert whats(Clock(), [stamped(0, arrived=400)]) != []
    assert whats(Clock(), [sent(300), stamped(0, arrived=310)]) != []
    assert whats(Clock(), [sent(0, "cancel"), stamped(0, arrived=400)]) != []


def test_a_venue_whose_own_clock_is_off_is_followed_or_not_yet() -> None:
    off = 3_000 * MS_NS
    assert whats(Clock(), [stamped(3_000, clock_offset_ns=off)]) == []
    assert whats(Clock(), [stamped(0, clock_offset_ns=off)]) == []
    assert whats(Clock(), [stamped(1_500, clock_offset_ns=off)]) != []


def test_unstamped_and_foreign_requests_are_not_checked() -> None:
    law = Clock()
    assert (
        whats(law, [accept(), stamped(900, client_order_id="web_x"), accept(timestamp="soon")])
        == []
    )
    assert not law.checked


@given(st.integers(-2_000, 2_000), st.integers(1, 3_000))
def test_off_by_more_than_half_is_exactly_what_is_found(off_ms: int, window_ms: int) -> None:
    found = whats(Clock(), [stamped(off_ms, recv_window=str(window_ms))])
    assert bool(found) == (abs(off_ms) * 2 > window_ms)
