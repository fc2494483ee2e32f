"""What is seen of a desk's nodes from outside: a process that lives and does not renew stands still."""

import json
from pathlib import Path
from threading import Timer

import pytest

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.system import SystemProcesses
from nightdesk.cli.cluster import seen, show_cluster
from nightdesk.control.messages import ExitCode
from nightdesk.model.ids import Seq
from nightdesk.model.time import MS_NS

TTL_NS = 400 * MS_NS


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    """Led by this very process."""
    made = SqliteJournal(str(tmp_path / "desk.journal"))
    made.acquire(made.lease(), SystemProcesses().me("desk"), TTL_NS)
    return made


def test_who_renews_leads(journal: SqliteJournal) -> None:
    path = Path(journal.path)
    journal.close()

    def renew() -> None:
        late = SqliteJournal(str(path))
        late.renew(late.lease().epoch, 1)
        late.close()

    renewing = Timer(0.05, renew)
    renewing.start()
    found = seen(path)
    renewing.join()
    assert (found.lives, found.renews, found.epoch) == (True, True, 1)


def test_who_lives_and_does_not_renew_stands_still_and_that_is_an_exit_code(
    journal: SqliteJournal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_cluster(None, tmp_path, as_json=True) == ExitCode.FAILED
    told = json.loads(capsys.readouterr().out)
    assert (told["lives"], told["renews"]) == (True, False)
    show_cluster(None, tmp_path, as_json=False)
    assert "stands still" in capsys.readouterr().out.replace("\n", " ")
    journal.close()


def test_a_torn_end_hides_nothing_else(journal: SqliteJournal) -> None:
    journal.append(journal.lease().epoch, Seq(0), [b"half a fra"])
    found = seen(Path(journal.path))
    assert (found.head, found.led_because) == (1, "")
    journal.close()
