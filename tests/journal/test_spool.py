"""Spools as bytes: what counted is read back, what was never acknowledged is not, and a hole is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, an_id, an_intent
from nightdesk.journal.chain import Head
from nightdesk.journal.frame import GENESIS, encode_frame
from nightdesk.journal.spool import START, entries_in, frames_behind
from nightdesk.model.errors import CorruptionError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Settled, Spooled, encode_record
from nightdesk.model.time import Wall


def entries(count: int) -> list[Spooled]:
    return [
        Spooled(intent=an_intent(client_id=an_id(seq=n)), epoch=Epoch(3), at=Wall(NOW + n))
        for n in range(1, count + 1)
    ]


def spool(*batches: list[Spooled]) -> bytes:
    data, head = b"", START
    for batch in batches:
        more, head = frames_behind(head, batch)
        data += more
    return data


@given(st.lists(st.integers(1, 3), max_size=3))
def test_what_was_kept_is_read_back(sizes: list[int]) -> None:
    all_of_them = entries(sum(sizes))
    left = iter(all_of_them)
    data = spool(*([next(left) for _ in range(size)] for size in sizes))
    assert entries_in(data) == (all_of_them, None)


def test_a_beginning_of_the_last_was_never_acknowledged() -> None:
    first, both = spool(entries(1)), spool(entries(2))
    for cut in range(len(both)):
        found, torn = entries_in(both[:cut])
        assert found == (entries(1) if cut >= len(first) else [])
        assert (torn is None) is (cut in (0, len(first)))


@given(st.data())
def test_one_that_is_broken_before_a_whole_one_is_a_hole(data: st.DataObject) -> None:
    whole, first = spool(entries(3)), spool(entries(1))
    at = data.draw(st.integers(0, len(first) - 1))
    broken = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    with pytest.raises(CorruptionError):
        entries_in(broken)


def test_frames_of_another_spool_do_not_follow() -> None:
    other, _ = frames_behind(Head(seq=Seq(1), digest=b"x" * 16, epoch=Epoch(3)), entries(1))
    with pytest.raises(CorruptionError, match="another journal's frame"):
        entries_in(spool(entries(1)) + other)


def test_what_is_no_entry_is_told() -> None:
    body = encode_record(Settled(client_id=an_id()))
    frame = encode_frame(seq=Seq(1), epoch=Epoch(1), at=Wall(1), previous=GENESIS, body=body)
    with pytest.raises(CorruptionError, match="Settled is none of a spool"):
        entries_in(frame)
    frame = encode_frame(seq=Seq(1), epoch=Epoch(1), at=Wall(1), previous=GENESIS, body=b"\xc1")
    with pytest.raises(CorruptionError, match="no record this release knows"):
        entries_in(frame)
