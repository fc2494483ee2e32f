"""The journal behind its thread: what nodes say of themselves keeps no append waiting."""

import asyncio
import threading
from pathlib import Path

import pytest

from nightdesk.adapters.nodes_folder import NodesFolder
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.model.ids import Seq
from nightdesk.model.time import Mono
from nightdesk.ports.journal import Holder, Presence

SAID = Presence(holder=Holder(name="n"), leads=False, seq=Seq(0), at=Mono(0))


def test_a_folder_that_does_not_answer_keeps_no_statement_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(NodesFolder, "tell", lambda *_: gate.wait())

    async def main() -> None:
        journal = ThreadedJournal(str(tmp_path / "desk.journal"))
        await journal.open()
        telling = asyncio.ensure_future(journal.tell(SAID))
        assert (await journal.lease()).epoch == 0
        assert not telling.done()
        gate.set()
        await telling
        await journal.close()

    asyncio.run(main())
