"""The guardian beside real nodes: what it does when they are killed, stand still, or cannot be seen."""

import signal

import pytest
from tests.e2e.pair import Pair, pair

from nightdesk.adapters.journal_file import JournalFile

pytestmark = pytest.mark.process


def killed(desk: Pair, policy: str) -> str:
    """A pair that has built its position is killed; its guardian."""
    desk.node("--lead", "--stand-by")
    desk.node("--stand-by", "--rank", "1")
    desk.until_built()
    name = desk.guardian(policy)
    desk.kill_nodes()
    desk.until_said(name, "guardian.done")
    return name


def halted(desk: Pair, name: str) -> None:
    """A desk that starts goes on from the journal, is HALTED, and says why."""
    told = (desk.folder / f"{name}.told").read_text()
    assert "nobody leads" in told
    assert "done, and it stayed so" in told
    desk.node()
    status = desk.until(desk.status, "an answer of the desk that was started afterwards")
    assert status["mode"] == "HALTED"
    (why,) = [row["why"] for row in status["causes"] if row["mode"] == "HALTED"]
    assert "the guardian left a latch: nobody leads" in why
    assert status["epoch"] == 3, "the guardian's was the second"
    desk.nodes[-1].send_signal(signal.SIGTERM)
    desk.nodes[-1].wait()
    journal = JournalFile(desk.folder / "desk.journal")
    assert journal.verify().epochs == 2, "the guardian wrote no record"
    journal.close()


def test_where_a_pair_is_killed_it_cancels_the_entries_and_leaves_what_protects() -> None:
    with pair() as desk:
        name = killed(desk, "cancel")
        assert "same_key" in desk.events(name), "here it has the desk's"
        left = desk.account()
        assert left["entries"] == []
        assert [len(left["stops"]), len(left["held"])] == [2, 2]
        halted(desk, name)
        assert desk.events(name).count("acts") == 1
        assert [len(rows) for rows in desk.account().values()] == [0, 2, 2]


def test_where_a_pair_is_killed_it_flattens() -> None:
    with pair() as desk:
        name = killed(desk, "flatten")
        assert [len(rows) for rows in desk.account().values()] == [0, 0, 0]
        halted(desk, name)


def test_a_leader_that_stands_still_for_a_while_is_let_be() -> None:
    with pair() as desk:
        leader = desk.node()
        desk.until_built()
        name = desk.guardian("flatten")
        leader.send_signal(signal.SIGSTOP)
        desk.until_said(name, "guardian.unled")
        leader.send_signal(signal.SIGCONT)
        desk.until_said(name, "guardian.led")
        desk.until(lambda: "uncovered" in desk.events(name), "that nobody stands by")
        assert "acts" not in desk.events(name)
        assert [len(rows) for rows in desk.account().values()] == [2, 2, 2]
        desk.guardians[name].terminate()
        assert desk.guardians[name].wait(20) == 0


def test_who_cannot_read_does_nothing_unless_a_person_said_so() -> None:
    with pair() as desk:
        desk.node()
        desk.until_built()
        tells, blind = desk.guardian("flatten"), desk.guardian("cancel", blind=True)
        desk.kill_nodes()
        for suffix in ("", "-wal", "-shm"):
            file = desk.folder / f"desk.journal{suffix}"
            file.rename(file.with_name(f"elsewhere{suffix}"))
        desk.until_said(blind, "guardian.done")
        assert "acts" not in desk.events(tells), "it had as long"
        assert desk.events(tells)[-1] == "blind", desk.said(tells)
        assert [len(rows) for rows in desk.account().values()] == [0, 2, 2]
