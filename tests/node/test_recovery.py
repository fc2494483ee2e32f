"""The one way up: the newest snapshot that holds, then every record; a tail is cut, a hole refused."""

from pathlib import Path
from random import Random

import apsw
import pytest

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.desk.image import encode_state
from nightdesk.journal.frame import GENESIS, digest_of, encode_frame
from nightdesk.journal.snapshot import seal
from nightdesk.model.errors import CorruptionError
from nightdesk.model.records import ModeSet, encode_record
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.node.recovery import Recovered, recover
from nightdesk.ports.journal import Holder
from nightdesk.simulation.engine import InlineJournal
from nightdesk.simulation.loop import run

AT = Wall(1_700_000_000 * SECOND_NS)
RECORDS = 40


def recovered(path: Path) -> Recovered:
    journal = SqliteJournal(str(path))

    async def main() -> Recovered:
        return await recover(InlineJournal(lambda: journal, Random(1)), AT)

    try:
        return run(main)
    finally:
        journal.close()


def frames(count: int) -> list[bytes]:
    made, previous = [], GENESIS
    for seq in range(1, count + 1):
        body = encode_record(
            ModeSet(scope="desk", cause=f"c{seq}", mode="CAUTIOUS", by="t", why="w")
        )
        frame = encode_frame(seq=seq, epoch=1, at=AT, previous=previous, body=body)
        previous = digest_of(frame)
        made.append(frame)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of forty records with snapshots at slots 10, 20 and 30."""
    path = tmp_path / "desk.journal"
    journal = SqliteJournal(str(path))
    journal.acquire(journal.lease(), Holder(name="t"), SECOND_NS)
    made = frames(RECORDS)
    for end in (10, 20, 30):
        journal.append(1, end - 10, made[end - 10 : end])
        state = recovered(path).state
        snapshot = seal(seq=end, epoch=1, chain=digest_of(made[end - 1]), body=encode_state(state))
        journal.save_snapshot(1, snapshot)
    journal.append(1, 30, made[30:])
    journal.close()
    return path


def change(path: Path, statement: str) -> None:
    apsw.Connection(str(path)).execute(statement)


def test_it_opens_from_the_newest_snapshot_and_replays_what_follows(path: Path) -> None:
    found = recovered(path)
    assert (found.snapshot_seq, found.replayed, found.head.seq) == (30, 10, RECORDS)
    assert found.unusable == []
    assert len(found.state.ladder.causes["desk"]) == RECORDS


def test_a_damaged_snapshot_is_named_and_the_one_before_it_opens_the_same_state(path: Path) -> None:
    whole = encode_state(recovered(path).state)
    change(path, "UPDATE snapshot SET body = x'00' WHERE seq = 30")
    found = recovered(path)
    assert (found.snapshot_seq, found.replayed) == (20, 20)
    assert "slot 30" in found.unusable[0]
    assert encode_state(found.state) == whole


def test_without_any_snapshot_every_record_is_replayed_to_the_same_state(path: Path) -> None:
    whole = encode_state(recovered(path).state)
    change(path, "UPDATE snapshot SET checksum = x'00'")
    found = recovered(path)
    assert (found.snapshot_seq, found.replayed, len(found.unusable)) == (0, RECORDS, 3)
    assert encode_state(found.state) == whole


def test_a_torn_tail_is_named_and_what_precedes_it_is_believed(path: Path) -> None:
    change(path, "UPDATE journal SET frame = substr(frame, 1, 20) WHERE seq >= 39")
    found = recovered(path)
    assert found.head.seq == 38
    assert found.torn is not None
    assert found.torn.first == 39


def test_a_hole_behind_the_snapshot_refuses_the_start(path: Path) -> None:
    change(path, "DELETE FROM journal WHERE seq = 35")
    with pytest.raises(CorruptionError, match="slots 35 to 35 are missing"):
        recovered(path)
