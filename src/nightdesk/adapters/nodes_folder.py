"""The nodes of one journal as files of a folder beside it: each writes its own, all read all.

Nothing here is durable or waited for: it says who stands by and how far, never who leads. A file is replaced
whole, so that nobody reads half of one; one that cannot be read is nobody's word.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from nightdesk.adapters.sqlite_files import NODES
from nightdesk.model.errors import AppendRefused
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.journal import Presence

OLD_NS = 3_600 * SECOND_NS
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Presence)


class NodesFolder:
    """That folder; made by whoever comes first."""

    def __init__(self, journal: str) -> None:
        self._path = Path(f"{journal}{NODES}")
        self._tidied = False

    def tell(self, presence: Presence) -> None:
        """Write our own, in place of what we wrote before. Raises `AppendRefused` where there is no room."""
        file = self._path / f"{presence.holder.pid}.json"
        fresh = file.with_suffix(".new")
        try:
            self._path.mkdir(mode=0o700, exist_ok=True)
            self._tidy(presence)
            fresh.write_bytes(_ENCODER.encode(presence))
            fresh.replace(file)
        except OSError as error:
            raise AppendRefused(f"{file}: {error.strerror or error}") from error

    def told(self) -> list[Presence]:
        """What every node said last, also those that have ended since."""
        found = []
        for file in sorted(self._path.glob("*.json")):
            with suppress(OSError, msgspec.MsgspecError):
                found.append(_DECODER.decode(file.read_bytes()))
        return found

    def _tidy(self, ours: Presence) -> None:
        """Once in a life: remove what nodes of an earlier boot, or of an hour ago and more, left behind."""
        if self._tidied:
            return
        self._tidied = True
        for each in self.told():
            same = (each.holder.machine, each.holder.boot) == (
                ours.holder.machine,
                ours.holder.boot,
            )
            if not same or ours.at - each.at > OLD_NS:
                (self._path / f"{each.holder.pid}.json").unlink(missing_ok=True)
