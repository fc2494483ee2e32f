"""The journal as the guardian sees it: opened to be read, anew for each look, so that it is always the file
that a desk would find there.
"""

from pathlib import Path

import msgspec

from nightdesk.adapters.nodes_folder import NodesFolder
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.model.errors import AppendRefused, BadInput, CorruptionError
from nightdesk.model.ids import Epoch
from nightdesk.ports.journal import LeaseView, Presence

GUARDED = ".guarded"


class Lookout:
    """Reads the lease, hears the nodes, and keeps in a file beside the journal which outage was seen to."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
        self._nodes = NodesFolder(str(journal))
        self._guarded = journal.with_name(journal.name + GUARDED)
        self._file: tuple[int, int] | None = None

    def lease(self) -> LeaseView | str:
        """As it stands, or why it cannot be read; another file in its place is told once."""
        try:
            found = self._path.stat()
            before, self._file = self._file, (found.st_dev, found.st_ino)
            if before not in (None, self._file):
                return f"journal {self._path}: another file lies there now"
            journal = SqliteJournal(str(self._path), readonly=True)
            try:
                return journal.lease()
            finally:
                journal.close()
        except OSError as error:
            return f"journal {self._path}: {error.strerror or error}"
        except msgspec.MsgspecError as error:
            return f"journal {self._path}: its lease names a holder that cannot be read: {error}"
        except (BadInput, AppendRefused, CorruptionError) as error:
            return str(error)

    def nodes(self) -> list[Presence]:
        """What each node said last."""
        return self._nodes.told()

    def seen_to(self) -> Epoch | None:
        """The epoch of the last outage that was seen to, if any was."""
        try:
            return Epoch(int(self._guarded.read_text()))
        except (OSError, ValueError):
            return None

    def mark(self, epoch: Epoch) -> None:
        """Keep it for the guardian's next life. Raises `AppendRefused` where it cannot be kept."""
        draft = self._guarded.with_name(self._guarded.name + ".new")
        try:
            draft.write_text(f"{epoch}\n")
            draft.replace(self._guarded)
        except OSError as error:
            raise AppendRefused(f"{self._guarded}: {error.strerror or error}") from error
