"""One record on disk: version, slot, epoch, time, the previous frame's digest, the body, its own digest.

The digest covers everything before it, so it is checksum and chain in one: a flipped bit, a missing frame
and a frame of another journal are all found at the first frame that disagrees.
"""

from hashlib import blake2b
from struct import Struct

import msgspec

from nightdesk.model.errors import CorruptionError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Record, decode_record
from nightdesk.model.time import Wall

FORMAT = 1
BODY_MAX = (
    1 << 20
)  # a megabyte: a strategy's state may be large, a runaway one must not fill the disk
DIGEST_SIZE = 16
GENESIS = bytes(DIGEST_SIZE)

_HEAD = Struct(">2sBxQQqI16s")  # magic, format, slot, epoch, UTC ns, body length, previous digest
_MAGIC = b"nd"
FRONT_SIZE = _HEAD.size  # what comes before the body


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that was read and whose digest held."""

    seq: Seq
    epoch: Epoch
    at: Wall
    previous: bytes
    body: bytes
    digest: bytes


def encode_frame(*, seq: Seq, epoch: Epoch, at: Wall, previous: bytes, body: bytes) -> bytes:
    """The bytes of one frame; its digest is the last `DIGEST_SIZE` of them."""
    if len(body) > BODY_MAX:
        raise ValueError(f"record of {len(body)} bytes is over the frame's {BODY_MAX}")
    front = _HEAD.pack(_MAGIC, FORMAT, seq, epoch, at, len(body), previous) + body
    return front + blake2b(front, digest_size=DIGEST_SIZE).digest()


def digest_of(frame: bytes) -> bytes:
    """The digest at the end of an encoded frame."""
    return frame[-DIGEST_SIZE:]


def length_of(front: bytes) -> int | None:
    """How long the frame says that it is whose first `FRONT_SIZE` bytes are these; None where it is none."""
    if len(front) < FRONT_SIZE or not front.startswith(_MAGIC):
        return None
    length: int = _HEAD.unpack_from(front)[5]
    return FRONT_SIZE + length + DIGEST_SIZE


def decode_frame(data: bytes) -> Frame:
    """The frame in `data`; raises `CorruptionError` saying what is wrong with it."""
    if len(data) < _HEAD.size + DIGEST_SIZE:
        raise CorruptionError(f"frame of {len(data)} bytes is shorter than any frame")
    magic, version, seq, epoch, at, length, previous = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise CorruptionError("not a Nightdesk frame")
    if version != FORMAT:
        raise CorruptionError(f"frame format {version}; this release reads {FORMAT}")
    if len(data) != _HEAD.size + length + DIGEST_SIZE:
        raise CorruptionError(f"frame says {length} bytes of body and has another length")
    front, digest = data[:-DIGEST_SIZE], data[-DIGEST_SIZE:]
    if blake2b(front, digest_size=DIGEST_SIZE).digest() != digest:
        raise CorruptionError("checksum does not match")
    return Frame(
        seq=Seq(seq),
        epoch=Epoch(epoch),
        at=Wall(at),
        previous=previous,
        body=data[_HEAD.size : -DIGEST_SIZE],
        digest=digest,
    )


def record_of(frame: Frame, called: str = "slot") -> Record:
    """The record in a frame; raises `CorruptionError` with its place where this release knows none like it."""
    try:
        return decode_record(frame.body)
    except msgspec.MsgspecError as error:
        raise CorruptionError(
            f"{called} {frame.seq}: a whole frame holds no record this release knows: {error}"
        ) from error
