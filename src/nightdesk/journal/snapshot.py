"""Snapshots of the durable state: where they stand in the chain, and when one may be believed."""

from hashlib import sha256

import msgspec

from nightdesk.model.ids import Epoch, Seq

SCHEMA = 1
KEPT = 3  # one may be damaged and one may be half-written; the third still opens the desk


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of every record up to slot `seq`, whose frame's digest is `chain`."""

    seq: Seq
    epoch: Epoch
    chain: bytes
    schema: int
    checksum: bytes
    body: bytes


def seal(*, seq: Seq, epoch: Epoch, chain: bytes, body: bytes) -> Snapshot:
    """A snapshot with its checksum."""
    return Snapshot(
        seq=seq,
        epoch=epoch,
        chain=chain,
        schema=SCHEMA,
        checksum=_sum(SCHEMA, seq, epoch, chain, body),
        body=body,
    )


def fault_of(snapshot: Snapshot, frame_digest: bytes | None) -> str | None:
    """Why `snapshot` cannot be used, or None; `frame_digest` is that of the frame in its slot."""
    if snapshot.schema != SCHEMA:
        return f"snapshot schema {snapshot.schema}; this release reads {SCHEMA}"
    if _sum_of(snapshot) != snapshot.checksum:
        return "checksum does not match"
    if frame_digest != snapshot.chain:
        return f"slot {snapshot.seq} holds another frame than the one it folds up to"
    return None


def _sum_of(s: Snapshot) -> bytes:
    return _sum(s.schema, s.seq, s.epoch, s.chain, s.body)


def _sum(schema: int, seq: Seq, epoch: Epoch, chain: bytes, body: bytes) -> bytes:
    head = b"".join(number.to_bytes(8, "big") for number in (schema, seq, epoch))
    return sha256(head + chain + body).digest()
