"""The spool as files in a folder, on another disk than the journal's: one file for each life of a desk.

A file is opened before it is needed and written by one thread; what is acknowledged was synced. The folder is
never made: an empty mount point must not pass for the disk that belongs there.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from nightdesk.adapters.worker import Worker
from nightdesk.ports.spool import Left

SUFFIX = ".spool"


class SpoolFolder:
    """One life's; `desk` names the files of its desk among those of others."""

    def __init__(self, folder: Path, desk: str) -> None:
        self._folder = folder
        self._desk = desk
        self._own = ""
        self._file = -1
        self._size = 0
        self._worker = Worker("spool")

    def open(self, life: str) -> asyncio.Future[list[Left]]:
        """See the port."""
        return self._worker.do(lambda: self._open(life))

    def keep(self, data: bytes) -> asyncio.Future[None]:
        """See the port."""
        return self._worker.do(lambda: self._keep(data))

    def empty(self) -> asyncio.Future[None]:
        """See the port."""
        return self._worker.do(self._empty)

    def drop(self, names: Sequence[str]) -> asyncio.Future[None]:
        """See the port."""
        return self._worker.do(lambda: self._drop(names))

    def close(self) -> None:
        """Let go of the file, and remove it if nothing is in it."""
        _ = self._worker.do(self._close)
        self._worker.end()

    def _open(self, life: str) -> list[Left]:
        own = f"{self._desk}.{life}{SUFFIX}"
        left = [
            Left(name=path.name, data=path.read_bytes())
            for path in sorted(self._folder.iterdir())
            if path.name.startswith(f"{self._desk}.") and path.suffix == SUFFIX and path.name != own
        ]
        if self._file < 0:
            self._own = own
            self._file = os.open(self._folder / own, os.O_RDWR | os.O_CREAT, 0o600)
            self._sync_folder()
        return left

    def _keep(self, data: bytes) -> None:
        view, at = memoryview(data), self._size
        try:
            while view:
                written = os.pwrite(self._file, view, at)
                view, at = view[written:], at + written
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size = at

    def _empty(self) -> None:
        os.ftruncate(self._file, 0)
        self._size = 0

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
        self._sync_folder()

    def _close(self) -> None:
        if self._file < 0:
            return
        if not self._size:
            (self._folder / self._own).unlink(missing_ok=True)
        os.close(self._file)
        self._file = -1

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
