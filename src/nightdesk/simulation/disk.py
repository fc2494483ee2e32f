"""A machine's disk under SQLite: what is written is seen at once, and survives a power loss only after a sync.

An apsw VFS, so that the production journal's own statements run on it. A power loss keeps, per file, the writes
up to the last sync and some of those behind it, the last of them perhaps torn. SQLite's shared memory is not
simulated: one connection has the file to itself.
"""

from random import Random

import apsw

SECTOR = 512
PENDING = tuple[int, bytes | None]  # (offset, data), or (size, None) for a truncation


class DiskFile:
    """One file: what processes see, what a power loss leaves, and the writes between the two."""

    def __init__(self, data: bytes = b"") -> None:
        self.seen = bytearray(data)
        self.durable = bytearray(data)
        self.pending: list[PENDING] = []
        self.failed = 0  # how many syncs of it failed
        self.abandoned = False  # its process is gone: nothing done to it matters, or fails

    def copy(self) -> "DiskFile":
        """The same file under new handles."""
        other = DiskFile()
        other.seen, other.durable = bytearray(self.seen), bytearray(self.durable)
        other.pending, other.failed = list(self.pending), self.failed
        return other

    def sync(self) -> None:
        """Everything written so far survives."""
        durable = self.durable
        for where, data in self.pending:
            if data is None or where > len(durable):
                _put(durable, where, data)
            else:
                durable[where : where + len(data)] = data
        self.pending.clear()

    def lose_power(self, draw: Random) -> bool:
        """Keep what was synced and a part of the rest; True when a write was torn."""
        kept = draw.randint(0, len(self.pending))
        for where, data in self.pending[:kept]:
            _put(self.durable, where, data)
        torn = False
        if kept < len(self.pending) and draw.random() < 0.5:
            where, data = self.pending[kept]
            if data is not None and len(data) > SECTOR:
                cut = draw.randrange(1, len(data) // SECTOR + 1) * SECTOR
                _put(self.durable, where, data[:cut])
                torn = cut < len(data)
        self.pending.clear()
        self.seen = bytearray(self.durable)
        return torn


class Disk(apsw.VFS):
    """The files of one machine, and what is wrong with its disk now."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, DiskFile] = {}
        self.full = False
        self.sync_fails = False
        self.over = False  # the world has ended: nothing is deleted any more
        self.syncs = 0
        # Failed syncs, by file, as the process at work was told of them.
        self.told: dict[str, int] = {}
        super().__init__(name, "", iVersion=2)

    def lose_power(self, draw: Random) -> int:
        """What a power loss leaves of every file; how many writes were torn."""
        self.abandon()
        return sum(file.lose_power(draw) for _, file in sorted(self.files.items()))

    def abandon(self) -> None:
        """Who holds a file open now keeps a copy that nobody else will ever read."""
        for file in self.files.values():
            file.abandoned = True
        self.files = {path: file.copy() for path, file in self.files.items()}

    def failed(self) -> dict[str, int]:
        """What a process that opens the files now is not told of any more."""
        return {path: file.failed for path, file in self.files.items()}

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "OpenFile":
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or "(temporary)"
        flags[1] = flags[0]
        return OpenFile(self, path, self.files.setdefault(path, DiskFile()))

    def xAccess(self, path: str, flags: int) -> bool:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return path in self.files

    def xDelete(self, path: str, sync_dir: bool) -> None:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        if not self.over:
            self.files.pop(path, None)

    def xFullPathname(self, name: str) -> str:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return name

    def xRandomness(self, count: int) -> bytes:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return b"\x5a" * count

    def xSleep(self, microseconds: int) -> int:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return microseconds

    def xCurrentTime(self) -> float:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return 2_460_000.5

    def xCurrentTimeInt64(self) -> int:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return 212_544_043_200_000

    def xGetLastError(self) -> tuple[int, str]:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return (0, "")


class OpenFile(apsw.VFSFile):
    """A file as SQLite holds it open."""

    def __init__(  # the base would open a file of its own
        self, disk: Disk, path: str, file: DiskFile
    ) -> None:
        self._disk = disk
        self._path = path
        self._file = file

    def xRead(self, amount: int, offset: int) -> bytes:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        file, end = self._file, offset + len(data)
        if self._disk.full and not file.abandoned and end > len(file.seen):
            raise apsw.FullError("no space left on the simulated disk")
        written = bytes(data)
        if offset > len(file.seen):
            _put(file.seen, offset, written)
        else:
            file.seen[offset:end] = written
        file.pending.append((offset, written))

    def xTruncate(self, size: int) -> None:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        _put(self._file.seen, size, None)
        self._file.pending.append((size, None))

    def xSync(self, flags: int) -> None:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        self._disk.syncs += 1
        file, told = self._file, self._disk.told
        fails = self._disk.sync_fails and not file.abandoned
        if fails:
            # As Linux does it: the pages are clean now, and their data is gone.
            file.pending.clear()
            file.failed += 1
        file.sync()
        if fails or (told.get(self._path, 0) != file.failed and not file.abandoned):
            # Each process that had the file open is told of it once, by its own next sync: Linux's errseq, seen
            # on 6.18 with ext4 on a loop device whose backing file had no room.
            told[self._path] = file.failed
            raise apsw.IOError("fsync failed on the simulated disk")

    def xFileSize(self) -> int:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return len(self._file.seen)

    def xLock(self, level: int) -> None:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return

    def xUnlock(self, level: int) -> None:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return

    def xCheckReservedLock(self) -> bool:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return False

    def xSectorSize(self) -> int:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return 4096

    def xDeviceCharacteristics(self) -> int:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return 0

    def xClose(self) -> None:
        """See SQLite's sqlite3_vfs and sqlite3_io_methods."""
        return


def _put(image: bytearray, where: int, data: bytes | None) -> None:
    if data is None:
        del image[where:]
        return
    if where > len(image):
        image.extend(bytes(where - len(image)))
    image[where : where + len(data)] = data
