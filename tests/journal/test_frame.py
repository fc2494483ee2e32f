"""One frame on disk: what was written is read, and nothing else is believed."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.journal.frame import (
    BODY_MAX,
    DIGEST_SIZE,
    FORMAT,
    GENESIS,
    decode_frame,
    digest_of,
    encode_frame,
)
from nightdesk.model.errors import CorruptionError

SLOTS = st.integers(0, 2**63 - 1)
TIMES = st.integers(-(2**62), 2**62)
DIGESTS = st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE)
FRAMES = st.fixed_dictionaries(
    {
        "seq": SLOTS,
        "epoch": SLOTS,
        "at": TIMES,
        "previous": DIGESTS,
        "body": st.binary(max_size=300),
    }
)


def a_frame(body: bytes = b"body") -> bytes:
    return encode_frame(seq=1, epoch=1, at=1, previous=GENESIS, body=body)


@given(FRAMES)
def test_a_frame_gives_back_what_was_written(fields):
    data = encode_frame(**fields)
    frame = decode_frame(data)
    assert {name: getattr(frame, name) for name in fields} == fields
    assert frame.digest == digest_of(data) == data[-DIGEST_SIZE:]


@given(FRAMES, st.data())
def test_any_flipped_bit_is_found(fields, data):
    frame = bytearray(encode_frame(**fields))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptionError):
        decode_frame(bytes(frame))


def test_every_flipped_bit_of_one_frame_is_found():
    good = a_frame()
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptionError):
            decode_frame(bytes(bad))


def test_every_truncation_is_found():
    good = a_frame()
    for length in range(len(good)):
        with pytest.raises(CorruptionError):
            decode_frame(good[:length])


@given(FRAMES, st.binary(min_size=1, max_size=100))
def test_bytes_behind_the_frame_are_found(fields, more):
    with pytest.raises(CorruptionError):
        decode_frame(encode_frame(**fields) + more)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_as_corruption(data):
    with pytest.raises(CorruptionError):
        decode_frame(data)


@given(FRAMES, FRAMES)
def test_two_frames_share_a_digest_only_when_they_are_equal(left, right):
    first, second = encode_frame(**left), encode_frame(**right)
    assert (digest_of(first) == digest_of(second)) == (left == right)


def test_a_frame_of_another_format_names_both_versions():
    other = bytearray(a_frame())
    other[2] = FORMAT + 1
    with pytest.raises(CorruptionError, match=f"format {FORMAT + 1}.*reads {FORMAT}"):
        decode_frame(bytes(other))


def test_a_body_may_be_as_large_as_the_bound_and_no_larger():
    assert decode_frame(a_frame(bytes(BODY_MAX))).body == bytes(BODY_MAX)
    with pytest.raises(ValueError, match=str(BODY_MAX)):
        a_frame(bytes(BODY_MAX + 1))


def test_the_layout_is_the_formats_and_never_changes_under_one_version():
    data = encode_frame(seq=2, epoch=3, at=4, previous=bytes(range(16)), body=b"xy")
    assert data[:-DIGEST_SIZE].hex() == (
        "6e64"  # magic
        "01"  # format
        "00"  # padding
        "0000000000000002"
        "0000000000000003"
        "0000000000000004"
        "00000002"
        "000102030405060708090a0b0c0d0e0f"
        "7879"
    )
    assert digest_of(data) == blake2b(data[:-DIGEST_SIZE], digest_size=16).digest()
