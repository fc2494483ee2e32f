"""A latch as bytes, and which of two holds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.control.latch import Latch, decode_latch, encode_latch, latch_path, stricter

PAUSED = Latch(by="me", why="news", at=1)
HALTED = Latch(by="you", why="out", at=2, halted=True)


@pytest.mark.parametrize("latch", [PAUSED, HALTED])
def test_what_is_left_is_found(latch: Latch) -> None:
    assert decode_latch(encode_latch(latch)) == latch


@given(st.binary())
def test_what_cannot_be_read_halts(text: bytes) -> None:
    assert decode_latch(text).halted


def test_of_two_the_stricter_holds_and_of_equals_the_older() -> None:
    later = Latch(by="me", why="again", at=9)
    assert stricter(None, PAUSED) == PAUSED
    assert stricter(PAUSED, HALTED) == HALTED
    assert stricter(HALTED, PAUSED) == HALTED
    assert stricter(PAUSED, later) == PAUSED


def test_it_lies_beside_the_journal() -> None:
    assert latch_path(Path("/a/desk.journal")) == Path("/a/desk.journal.latch")
