"""Journals of realistic records on disk, with the snapshots a node would have kept; built once per run."""

from itertools import islice
from pathlib import Path

from bench.core import Core, life
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.desk.image import encode_state
from nightdesk.journal.frame import GENESIS, digest_of, encode_frame
from nightdesk.journal.snapshot import KEPT, Snapshot, seal
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import encode_record
from nightdesk.node.plan import SNAPSHOT_EVERY
from nightdesk.ports.journal import Holder

BATCH = 10_000


def built(folder: Path, records: int) -> Path:
    """The journal of so many records, whose last snapshot is as old as a node lets it get."""
    path = folder / f"{records}.journal"
    if not path.exists():
        part = path.with_suffix(".part")
        _build(part, records)
        part.rename(path)
    return path


def _build(path: Path, records: int) -> None:
    journal = SqliteJournal(str(path))
    journal.acquire(journal.lease(), Holder(name="bench"), 1)
    epoch, core = Epoch(1), Core()
    due = [records + 1 - SNAPSHOT_EVERY * back for back in range(1, KEPT + 1)]
    due = [seq for seq in due if seq > 0]
    previous, seq, frames = GENESIS, Seq(0), list[bytes]()
    snapshots: list[Snapshot] = []
    for at, record in islice(life(core), records):
        body = encode_record(record)
        seq = Seq(seq + 1)
        frame = encode_frame(seq=seq, epoch=epoch, at=at, previous=previous, body=body)
        previous = digest_of(frame)
        frames.append(frame)
        # Only between decisions is the state the fold of what was written.
        if due and seq >= due[-1] and core.desk.state.seq == seq:
            due.pop()
            state = encode_state(core.desk.state)
            snapshots.append(seal(seq=seq, epoch=epoch, chain=previous, body=state))
        if len(frames) == BATCH or seq == records:
            journal.append(epoch, Seq(seq - len(frames)), frames)
            frames.clear()
    for snapshot in snapshots:
        journal.save_snapshot(epoch, snapshot)
    journal.release(epoch)
    journal.close()
