"""What the guardian reads, and that reading never writes."""

from pathlib import Path

import pytest

from nightdesk.adapters.nodes_folder import NodesFolder
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.guardian.lookout import Lookout
from nightdesk.model.errors import AppendRefused
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import Mono
from nightdesk.ports.journal import Holder, Presence
from nightdesk.runtime.lease import TTL_NS

NODE = Holder(name="node on here", machine="here", boot="b", pid=2, started=2)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "desk.journal"
    file = SqliteJournal(str(path))
    file.acquire(file.lease(), NODE, TTL_NS)
    file.close()
    return path


def why(lookout: Lookout) -> str:
    told = lookout.lease()
    assert isinstance(told, str), told
    return told


def test_the_lease_is_read_of_a_desk_that_stopped_and_of_one_that_runs(journal: Path) -> None:
    lookout = Lookout(journal)
    stopped = lookout.lease()
    file = SqliteJournal(str(journal))
    file.renew(Epoch(1), 1)
    runs = lookout.lease()
    file.close()
    assert not isinstance(stopped, str)
    assert not isinstance(runs, str)
    assert (stopped.epoch, stopped.holder, stopped.renewals) == (1, NODE, 0)
    assert runs.renewals == 1


def test_a_journal_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "desk.journal"
    assert why(Lookout(path)) == f"journal {path}: No such file or directory"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"no database at all, of any kind" * 100])
def test_what_is_no_journal_is_told(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "desk.journal"
    path.write_bytes(text)
    assert str(path) in why(Lookout(path))
    assert path.read_bytes() == text


def test_another_file_in_its_place_is_told_once(journal: Path) -> None:
    lookout = Lookout(journal)
    lookout.lease()
    copy = journal.with_name("copy")
    copy.write_bytes(journal.read_bytes())
    copy.replace(journal)
    assert "another file lies there now" in why(lookout)
    assert not isinstance(lookout.lease(), str)


def test_a_holder_that_cannot_be_read_is_told(journal: Path) -> None:
    file = SqliteJournal(str(journal))
    file._db.execute("UPDATE lease SET holder = x'7b'")
    file.close()
    assert "holder that cannot be read" in why(Lookout(journal))


def test_the_nodes_are_heard(journal: Path) -> None:
    here = Presence(holder=NODE, leads=True, seq=Seq(1), at=Mono(1))
    NodesFolder(str(journal)).tell(here)
    assert Lookout(journal).nodes() == [here]


def test_an_outage_that_was_seen_to_is_kept(journal: Path) -> None:
    assert Lookout(journal).seen_to() is None
    Lookout(journal).mark(Epoch(7))
    assert Lookout(journal).seen_to() == 7
    journal.with_name("desk.journal.guarded").write_text("x")
    assert Lookout(journal).seen_to() is None


def test_a_mark_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    with pytest.raises(AppendRefused, match=r"desk\.journal\.guarded: No such file"):
        Lookout(tmp_path / "nowhere" / "desk.journal").mark(Epoch(7))
