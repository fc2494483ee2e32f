"""Reading a journal back after a crash: a torn tail is cut, a hole stops the start."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.journal.chain import Chain, Head, Row
from nightdesk.journal.frame import GENESIS, digest_of, encode_frame
from nightdesk.model.errors import CorruptionError

EMPTY = Head(seq=0, digest=GENESIS, epoch=0)


def rows(count: int, *, epochs: list[int] | None = None, life: bytes = b"") -> list[Row]:
    """A whole journal of `count` frames."""
    previous, made = GENESIS, []
    for seq in range(1, count + 1):
        epoch = epochs[seq - 1] if epochs else 1
        body = life + b"record %d" % seq
        data = encode_frame(seq=seq, epoch=epoch, at=seq, previous=previous, body=body)
        previous = digest_of(data)
        made.append(Row(seq=seq, data=data))
    return made


def torn(row: Row, keep: int | None = None) -> Row:
    """The row as a crash left it: cut, or with its last byte never written."""
    data = row.data[:keep] if keep is not None else row.data[:-1] + bytes([row.data[-1] ^ 1])
    return Row(seq=row.seq, data=data)


def read(stored: list[Row], head: Head = EMPTY) -> tuple[list[int], Chain]:
    chain = Chain(head)
    return [frame.seq for frame in chain.read(stored)], chain


@given(st.integers(0, 12))
def test_a_whole_journal_is_read_to_its_end(count):
    stored = rows(count)
    seen, chain = read(stored)
    assert seen == list(range(1, count + 1))
    assert chain.torn is None
    assert chain.head.seq == count
    assert chain.head.digest == (digest_of(stored[-1].data) if stored else GENESIS)


@given(st.integers(0, 8), st.integers(1, 4), st.data())
def test_a_torn_tail_is_cut_at_its_first_bad_frame(good, bad, data):
    stored = rows(good + bad)
    for index in range(good, good + bad):
        keep = data.draw(st.one_of(st.none(), st.integers(0, len(stored[index].data) - 1)))
        stored[index] = torn(stored[index], keep)
    seen, chain = read(stored)
    assert seen == list(range(1, good + 1))
    assert chain.torn is not None
    assert chain.torn.first == good + 1
    assert chain.torn.why
    assert chain.head.seq == good


@given(st.integers(2, 10), st.data())
def test_a_bad_frame_before_a_good_one_is_a_hole(count, data):
    stored = rows(count)
    bad = data.draw(st.integers(0, count - 2))
    stored[bad] = torn(stored[bad])
    chain = Chain(EMPTY)
    seen = []
    with pytest.raises(CorruptionError, match=f"slot {bad + 1}"):
        seen.extend(frame.seq for frame in chain.read(stored))
    assert chain.head.seq == bad


@given(st.integers(3, 10), st.data())
def test_missing_frames_before_two_good_ones_are_a_hole(count, data):
    stored = rows(count)
    first = data.draw(st.integers(0, count - 3))
    last = data.draw(st.integers(first, count - 3))
    del stored[first : last + 1]
    with pytest.raises(CorruptionError, match="missing"):
        read(stored)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_missing_frames_before_the_last_good_one_are_a_hole(missing):
    stored = rows(4)
    del stored[3 - missing : 3]
    with pytest.raises(CorruptionError, match="missing"):
        read(stored)


def test_a_hole_says_how_to_go_on():
    stored = rows(3)
    stored[0] = torn(stored[0])
    with pytest.raises(CorruptionError, match="start on a new journal path"):
        read(stored)


def test_a_hole_with_two_bad_frames_before_the_good_one_names_the_first():
    stored = rows(5)
    stored[1], stored[2] = torn(stored[1]), torn(stored[2], 10)
    with pytest.raises(CorruptionError, match=r"slot 2: .*slot 4 after it is whole"):
        read(stored)


def test_a_frame_that_follows_another_digest_is_never_believed():
    ours, other = rows(4), rows(4, life=b"another life ")
    with pytest.raises(CorruptionError, match="does not follow slot 3"):
        read([*ours[:3], other[3]])


def test_another_journals_frames_behind_ours_stop_the_start():
    ours, other = rows(5), rows(5, life=b"another life ")
    with pytest.raises(CorruptionError, match="does not follow slot 2"):
        read([*ours[:2], *other[2:]])


def test_an_epoch_may_grow_and_repeat():
    seen, chain = read(rows(5, epochs=[1, 1, 2, 2, 7]))
    assert seen == [1, 2, 3, 4, 5]
    assert chain.head.epoch == 7


def test_an_epoch_that_goes_back_is_never_believed():
    with pytest.raises(CorruptionError, match="epoch 2 after epoch 3"):
        read(rows(3, epochs=[1, 3, 2]))


def test_an_epoch_that_goes_back_before_a_good_frame_stops_the_start():
    with pytest.raises(CorruptionError, match="epoch 2 after epoch 3"):
        read(rows(4, epochs=[1, 3, 2, 3]))


def test_a_frame_in_another_slot_than_it_says_is_never_believed():
    stored = rows(3)
    moved = Row(seq=3, data=stored[1].data)
    with pytest.raises(CorruptionError, match="holds the frame of slot 2"):
        read([*stored[:2], moved])


def test_reading_goes_on_behind_a_snapshots_head():
    stored = rows(6)
    head = Head(seq=4, digest=digest_of(stored[3].data), epoch=1)
    seen, chain = read(stored[4:], head)
    assert seen == [5, 6]
    assert chain.head.seq == 6


def test_a_snapshot_of_another_chain_is_not_followed():
    stored = rows(6)
    head = Head(seq=4, digest=bytes(16), epoch=1)
    with pytest.raises(CorruptionError, match="does not follow slot 4"):
        read(stored[4:], head)
