"""What nodes say of themselves beside a journal: each its own, read by all; a torn file is nobody's word."""

from pathlib import Path

import msgspec
import pytest

from nightdesk.adapters.nodes_folder import OLD_NS, NodesFolder
from nightdesk.model.errors import AppendRefused
from nightdesk.model.ids import Seq
from nightdesk.model.time import Mono
from nightdesk.ports.journal import Holder, Presence


def presence(pid: int, seq: int = 1) -> Presence:
    holder = Holder(name="desk on here", machine="here", boot="b", pid=pid, started=1)
    return Presence(holder=holder, leads=False, seq=Seq(seq), at=Mono(5), rank=1)


def test_each_writes_its_own_and_reads_all(tmp_path: Path) -> None:
    one, two = NodesFolder(str(tmp_path / "j")), NodesFolder(str(tmp_path / "j"))
    assert one.told() == []
    one.tell(presence(1))
    two.tell(presence(2))
    one.tell(presence(1, seq=9))
    assert one.told() == two.told() == [presence(1, seq=9), presence(2)]


def test_what_was_left_by_an_earlier_boot_or_long_ago_is_removed_at_a_start(tmp_path: Path) -> None:
    before = NodesFolder(str(tmp_path / "j"))
    old = msgspec.structs.replace(presence(1), at=Mono(0))
    other = presence(2)
    booted = msgspec.structs.replace(
        other, holder=msgspec.structs.replace(other.holder, boot="another")
    )
    young = msgspec.structs.replace(presence(3), at=Mono(OLD_NS))
    for each in (old, booted, young):
        before.tell(each)
    ours = msgspec.structs.replace(presence(4), at=Mono(OLD_NS + 1))
    NodesFolder(str(tmp_path / "j")).tell(ours)
    assert before.told() == [young, ours]


@pytest.mark.parametrize("text", ["", "{", '{"holder": 1}', "\x00"])
def test_a_file_that_cannot_be_read_is_nobodys_word(tmp_path: Path, text: str) -> None:
    nodes = NodesFolder(str(tmp_path / "j"))
    nodes.tell(presence(1))
    (tmp_path / "j.nodes" / "2.json").write_text(text)
    assert nodes.told() == [presence(1)]


def test_where_it_cannot_be_written_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j.nodes").write_text("a file")
    with pytest.raises(AppendRefused, match=r"j\.nodes"):
        NodesFolder(str(tmp_path / "j")).tell(presence(1))
