"""A journal file read from outside: while a desk runs or after it died. Takes no lease and writes nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.journal.chain import Chain, Head, TornTail
from nightdesk.journal.frame import GENESIS, Frame, record_of
from nightdesk.journal.snapshot import fault_of
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Record
from nightdesk.model.time import Wall

PAGE = 5_000


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole read of the chain found."""

    frames: int
    epochs: int
    head: Head
    torn: TornTail | None
    snapshots: list[str]  # one line each: usable, or why not
    lease: str
    bytes: int


class JournalFile:
    """Reads one journal; raises `BadInput` when it is none."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise BadInput(
                f"journal {path}: no such file; desk.journal in desk.toml says where it is, and the first "
                "nightdesk up writes it"
            )
        self.path = path
        self._journal = SqliteJournal(str(path), readonly=True)
        self.torn: TornTail | None = None

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def head(self) -> Seq:
        """The last slot, believed or not."""
        return self._journal.stored().head

    def frames(self, progress: Callable[[int], None] = lambda _: None) -> Iterator[Frame]:
        """Every frame from the first slot on, checked; raises `CorruptionError` at a hole."""
        chain = Chain(Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0)))
        after = Seq(0)
        while rows := self._journal.rows(after, PAGE):
            yield from chain.read(rows)
            after = rows[-1].seq
            progress(after)
        self.torn = chain.torn

    def records(self) -> Iterator[tuple[Frame, Record]]:
        """Every frame with its record."""
        for frame in self.frames():
            yield frame, record_of(frame)

    def verify(self, progress: Callable[[int], None] = lambda _: None) -> Verified:
        """Read it all: every checksum, every link, every snapshot."""
        head = Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0))
        epochs: set[int] = set()
        for frame in self.frames(progress):
            record_of(frame)
            epochs.add(frame.epoch)
            head = Head(seq=frame.seq, digest=frame.digest, epoch=frame.epoch)
        stored = self._journal.stored()
        lease = self._journal.lease()
        holder = (
            "nobody" if lease.holder is None else f"{lease.holder.name} (pid {lease.holder.pid})"
        )
        return Verified(
            frames=head.seq,
            epochs=len(epochs),
            head=head,
            torn=self.torn,
            snapshots=[
                f"slot {s.seq}: {fault_of(s, digest) or 'usable'}" for s, digest in stored.snapshots
            ],
            lease=f"{holder}, epoch {lease.epoch}",
            bytes=self.size()["total"],
        )

    def size(self) -> dict[str, int]:
        """Bytes on disk: the file, its WAL, the reserve."""
        parts = {
            name: (other.stat().st_size if (other := Path(f"{self.path}{suffix}")).exists() else 0)
            for name, suffix in (("journal", ""), ("wal", "-wal"), ("ballast", ".ballast"))
        }
        parts["total"] = sum(parts.values())
        return parts


def history_of(path: Path) -> list[tuple[Seq, Epoch, Wall, Record]]:
    """Every record of the journal at `path`, with its slot, epoch and time."""
    journal = JournalFile(path)
    try:
        return [(frame.seq, frame.epoch, frame.at, record) for frame, record in journal.records()]
    finally:
        journal.close()
