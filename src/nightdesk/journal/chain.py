"""Reading frames back: what follows what, which torn tail may be cut, and which hole stops the start.

A tail is torn when the first bad frame has no good one after it: a crash tore the last write, nothing that
was acknowledged is lost. A bad or missing frame *before* a good one is a hole: acknowledged facts are gone,
and no start may pretend otherwise.
"""

from collections.abc import Iterable, Iterator

import msgspec

from nightdesk.journal.frame import Frame, decode_frame
from nightdesk.model.errors import CorruptionError
from nightdesk.model.ids import Epoch, Seq

REBUILD = (
    "The journal cannot be trusted past this point. Keep the file, then start on a new journal path: "
    "the desk adopts the venue's positions and refuses orders it does not know."
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A slot as the engine stores it."""

    seq: Seq
    data: bytes


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The last frame that may be believed; slot 0 is the empty journal."""

    seq: Seq
    digest: bytes
    epoch: Epoch


class TornTail(msgspec.Struct, frozen=True, kw_only=True):
    """Slots from `first` on hold bytes of a write that never finished."""

    first: Seq
    why: str


class Chain:
    """Checks rows one by one behind a head it trusts; `torn` is set when the tail must be cut."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.torn: TornTail | None = None

    def read(self, rows: Iterable[Row]) -> Iterator[Frame]:
        """The frames that may be believed, in order; raises `CorruptionError` at a hole."""
        for row in rows:
            try:
                frame = self._follow(row)
            except CorruptionError as error:
                if self.torn is None:
                    self.torn = TornTail(first=row.seq, why=str(error))
                continue
            if self.torn is not None:
                raise CorruptionError(
                    f"slot {self.torn.first}: {self.torn.why}, and slot {row.seq} after it is whole. {REBUILD}"
                )
            self.head = Head(seq=frame.seq, digest=frame.digest, epoch=frame.epoch)
            yield frame

    def _follow(self, row: Row) -> Frame:
        frame = decode_frame(row.data)
        if frame.seq != row.seq:
            raise CorruptionError(f"the frame says slot {frame.seq}")
        if self.torn is not None:
            return frame
        if row.seq != self.head.seq + 1:
            raise CorruptionError(
                f"slots {self.head.seq + 1} to {row.seq - 1} are missing before slot {row.seq}. {REBUILD}"
            )
        if frame.previous != self.head.digest:
            raise CorruptionError(f"does not follow slot {self.head.seq}")
        if frame.epoch < self.head.epoch:
            raise CorruptionError(f"epoch {frame.epoch} after epoch {self.head.epoch}")
        return frame
