"""What a spool holds: frames one behind the other, each an order that could not wait for the journal.

Whole frames follow each other as in a journal; a beginning of one at the end was never acknowledged, so nothing
that it asks for was sent. A frame that is broken before a whole one was lost after it counted.
"""

from collections.abc import Iterator, Sequence

from nightdesk.journal.chain import Chain, Head, Row, TornTail
from nightdesk.journal.frame import (
    FRONT_SIZE,
    GENESIS,
    decode_frame,
    digest_of,
    encode_frame,
    length_of,
    record_of,
)
from nightdesk.model.errors import CorruptionError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Spooled, encode_record

START = Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0))


def frames_behind(head: Head, entries: Sequence[Spooled]) -> tuple[bytes, Head]:
    """The bytes that go behind `head`, and the head that they make."""
    frames = []
    for entry in entries:
        seq = Seq(head.seq + 1)
        frame = encode_frame(
            seq=seq,
            epoch=entry.epoch,
            at=entry.at,
            previous=head.digest,
            body=encode_record(entry),
        )
        head = Head(seq=seq, digest=digest_of(frame), epoch=entry.epoch)
        frames.append(frame)
    return b"".join(frames), head


def entries_in(data: bytes) -> tuple[list[Spooled], TornTail | None]:
    """The entries of one spool, and what is no entry at its end; raises `CorruptionError` where one that
    counted cannot be read."""
    found, chain = [], Chain(START)
    for frame in chain.read(_rows(data)):
        record = record_of(frame, "entry")
        if not isinstance(record, Spooled):
            raise CorruptionError(f"entry {frame.seq}: {type(record).__name__} is none of a spool")
        found.append(record)
    return found, chain.torn


def _rows(data: bytes) -> Iterator[Row]:
    """Cut where each frame ends; what is no frame reaches to the next that is one, or to the end."""
    seq, start = 0, 0
    while start < len(data):
        end = _end_of(data, start)
        if end is None:
            end = next((at for at in range(start + 1, len(data)) if _end_of(data, at)), len(data))
        seq += 1
        yield Row(seq=Seq(seq), data=data[start:end])
        start = end


def _end_of(data: bytes, start: int) -> int | None:
    """Where the frame ends that begins there, if a whole one does."""
    length = length_of(data[start : start + FRONT_SIZE])
    if length is None:
        return None
    try:
        decode_frame(data[start : start + length])
    except CorruptionError:
        return None
    return start + length
