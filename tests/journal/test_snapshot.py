"""When a snapshot may be believed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.journal.snapshot import SCHEMA, fault_of, seal

CHAIN = bytes(range(16))


def sealed(**changed):
    return msgspec.structs.replace(seal(seq=7, epoch=3, chain=CHAIN, body=b"state"), **changed)


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.binary(max_size=100))
def test_a_sealed_snapshot_on_its_own_frame_has_no_fault(seq, epoch, body):
    snapshot = seal(seq=seq, epoch=epoch, chain=CHAIN, body=body)
    assert fault_of(snapshot, CHAIN) is None
    assert (snapshot.seq, snapshot.epoch, snapshot.chain, snapshot.body) == (
        seq,
        epoch,
        CHAIN,
        body,
    )


@pytest.mark.parametrize(
    ("changed", "frame", "fault"),
    [
        ({}, CHAIN, None),
        ({"schema": SCHEMA + 1}, CHAIN, f"schema {SCHEMA + 1}"),
        ({"schema": SCHEMA - 1}, CHAIN, f"schema {SCHEMA - 1}"),
        ({"body": b"stat\x00"}, CHAIN, "checksum"),
        ({"body": b""}, CHAIN, "checksum"),
        ({"seq": 8}, CHAIN, "checksum"),
        ({"chain": bytes(16)}, bytes(16), "checksum"),
        ({"checksum": bytes(32)}, CHAIN, "checksum"),
        ({}, bytes(16), "slot 7 holds another frame"),
        ({}, None, "slot 7 holds another frame"),  # the frame is gone
    ],
)
def test_fault_of_says_why_a_snapshot_cannot_be_used(changed, frame, fault):
    found = fault_of(sealed(**changed), frame)
    if fault is None:
        assert found is None
    else:
        assert fault in found


@given(st.binary(min_size=1, max_size=64), st.data())
def test_any_flipped_bit_of_the_body_is_found(body, data):
    snapshot = seal(seq=1, epoch=1, chain=CHAIN, body=body)
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    bad = bytearray(body)
    bad[bit // 8] ^= 1 << bit % 8
    assert fault_of(msgspec.structs.replace(snapshot, body=bytes(bad)), CHAIN) is not None


def test_an_altered_epoch_is_found():
    assert fault_of(sealed(epoch=2), CHAIN) is not None
