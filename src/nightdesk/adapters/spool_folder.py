"""The spool as files in a folder, on another disk than the journal's: one file for each life of a desk.

A file is opened before it is needed and written by one thread; what is acknowledged was synced. The folder is
never made: an empty mount point must not pass for the disk that belongs there. What has failed once takes
nothing more: what would stand behind a gap could not be read.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from nightdesk.adapters.worker import Worker
from nightdesk.ports.spool import Left

SUFFIX = ".spool"


class SpoolFolder:
    """One life's; `desk` names the files of its desk among those of others. `say` hears, on the loop, of a
    folder on the disk of the `journal`: it would stall with that."""

    def __init__(self, folder: Path, desk: str, journal: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._desk = desk
        self._journal = journal
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._own: Path | None = None
        self._file = -1
        self._size = 0
        self._failed = ""
        self._worker = Worker("spool")

    def open(self, life: str) -> asyncio.Future[list[Left]]:
        """See the port."""
        return self._worker.do(lambda: self._open(life))

    def keep(self, data: bytes) -> asyncio.Future[None]:
        """See the port."""
        return self._worker.do(lambda: self._changed(lambda: self._keep(data)))

    def empty(self) -> asyncio.Future[None]:
        """See the port."""
        return self._worker.do(lambda: self._changed(self._empty))

    def drop(self, lives: Sequence[str]) -> asyncio.Future[None]:
        """See the port."""
        return self._worker.do(lambda: self._drop(lives))

    def close(self) -> None:
        """Let go of the file, and remove it if nothing is in it."""
        _ = self._worker.do(self._close)
        self._worker.end()

    def _open(self, life: str) -> list[Left]:
        left = list(self._left(life))
        if self._file < 0:
            path = self._path(life)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._sync_folder()
            except OSError:
                os.close(file)
                raise
            self._own, self._file = path, file
            if self._folder.stat().st_dev == self._journal.parent.stat().st_dev:
                self._loop.call_soon_threadsafe(self._say, str(self._folder))
        return left

    def _left(self, own: str) -> Iterator[Left]:
        for path in sorted(self._folder.glob(f"{self._desk}.*{SUFFIX}")):
            life = path.name.removeprefix(f"{self._desk}.").removesuffix(SUFFIX)
            if life != own:
                with suppress(FileNotFoundError):  # its life has ended in order just now
                    yield Left(life=life, data=path.read_bytes())

    def _changed(self, change: Callable[[], None]) -> None:
        if self._failed:
            raise OSError(f"it failed before: {self._failed}")
        try:
            change()
        except OSError as error:
            self._failed = str(error)
            raise

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

    def _drop(self, lives: Sequence[str]) -> None:
        for life in lives:
            self._path(life).unlink(missing_ok=True)
        self._sync_folder()

    def _close(self) -> None:
        if self._file < 0:
            return
        os.close(self._file)
        self._file = -1
        if not self._size and self._own is not None:
            self._own.unlink(missing_ok=True)

    def _path(self, life: str) -> Path:
        return self._folder / f"{self._desk}.{life}{SUFFIX}"

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
