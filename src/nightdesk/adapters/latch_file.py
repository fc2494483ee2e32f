"""The latch of a desk as a file beside its journal; see `control.latch`."""

import os
from pathlib import Path

from nightdesk.control.latch import Latch, decode_latch


class LatchFile:
    """Reads it, and removes it durably."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def found(self) -> Latch | None:
        """What lies there; what is there and cannot be read forbids the most."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            text = str(error).encode()
        return decode_latch(text)

    def take_away(self, latch: Latch) -> None:
        """Remove it, unless another one lies there by now; where that fails, it is found again."""
        if self.found() != latch:
            return
        try:
            self._path.unlink()
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
