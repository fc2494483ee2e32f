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
                frame = decode_frame(row.data)
            except CorruptionError as error:
                if self.torn is None:
                    self.torn = TornTail(first=row.seq, why=str(error))
                continue
            self._follow(row, frame)
            self.head = Head(seq=frame.seq, digest=frame.digest, epoch=frame.epoch)
            yield frame

    def _follow(self, row: Row, frame: Frame) -> None:
        """A whole frame was acknowledged once: it follows the last one, or something is missing."""
        fault = ""
        if self.torn is not None:
            fault = f"slot {self.torn.first}: {self.torn.why}, and slot {row.seq} after it is whole"
        elif frame.seq != row.seq:
            fault = f"slot {row.seq} holds the frame of slot {frame.seq}"
        elif row.seq != self.head.seq + 1:
            fault = f"slots {self.head.seq + 1} to {row.seq - 1} are missing before slot {row.seq}"
        elif frame.previous != self.head.digest:
            fault = f"slot {row.seq} does not follow slot {self.head.seq}: another journal's frame"
        elif frame.epoch < self.head.epoch:
            fault = f"slot {row.seq}: epoch {frame.epoch} after epoch {self.head.epoch}"
        if fault:
            raise CorruptionError(f"{fault}. {REBUILD}")
