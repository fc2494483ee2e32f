"""Boards as files of a directory in memory, one for each address and account, a row for each process.

A process holds its row by a lock of the kernel's (F_OFD_SETLK, never waited for), which ends with it. Rows are
read and written by one system call each; where one was torn its check sum says so. A file that is cut, replaced
or not ours makes the board away, never the process end. Refuses to touch what is no board.
"""

import fcntl
import os
import re
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.ports.boards import BoardAway
from nightdesk.resilience.board import Rows, stamp_of

ROWS_MAX = 64  # lives of processes whose use still counts; of more the oldest is forgotten
_MAGIC = b"nightdesk board "
_HEAD_BYTES = 64
_AGAIN_NS = SECOND_NS  # between two tries to open it, and two looks whether it is still there
_MEMORY = Path("/dev/shm")  # the same for every process of a host, whoever started it
_KEPT_S = 3 * 86_400  # twice and more what the longest window counts
_OTHERS_WRITE = 0o022
_BOARD = re.compile(
    r"[\w.-]+\.[0-9a-f]{8}\.[\w-]+\.board", re.ASCII
)  # name, what its rows are, boot


def boards_under(named: Path | None, beside: Path) -> Path:
    """Where the boards of this user lie, always a folder of their own: in the one that somebody named, else in
    memory, else, where the host has no such directory, `beside`."""
    if named is None and _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK):
        named = _MEMORY
    return beside / "boards" if named is None else named / f"nightdesk-{os.getuid()}"


class FileBoard:
    """One board; opened when it is first used, and again where it went away."""

    def __init__(self, path: Path, rows: Rows, boot: str) -> None:
        self.name = path.name
        self.rows = rows
        # What an earlier boot wrote counts no more, and by another clock; another version may have other rows.
        made_for = repr((rows.lengths_ns, rows.bytes)).encode()
        digest = blake2b(made_for, digest_size=4, person=b"nightdesk rows").hexdigest()
        self._path = path.with_name(f"{path.name}.{digest}.{boot}.board")
        self._stride = -(-rows.bytes // 512) * 512
        self._head = (_MAGIC + digest.encode()).ljust(_HEAD_BYTES)
        self._fd = -1
        self._row = 0
        self._tried = LONG_AGO
        self._why = ""

    def read(self, now: Mono) -> Mapping[int, bytes]:
        """See the port."""
        self._ready(now)
        try:
            data = os.pread(self._fd, _HEAD_BYTES + ROWS_MAX * self._stride, 0)
        except OSError as error:
            raise self._away(str(error)) from error
        if not data.startswith(self._head):
            raise self._away("its beginning was overwritten")
        if len(data) < self._at(self._row) + self.rows.bytes:
            raise self._away("it was cut")
        found = {}
        for number in range(ROWS_MAX):
            row = data[self._at(number) : self._at(number) + self.rows.bytes]
            if len(row) < self.rows.bytes:
                break
            if number != self._row and stamp_of(row)[0]:
                found[number] = row
        return found

    def write(self, row: bytes, now: Mono) -> None:
        """See the port."""
        self._ready(now)
        try:
            os.pwrite(self._fd, row, self._at(self._row))
        except OSError as error:
            raise self._away(str(error)) from error

    def mend(self, number: int) -> None:
        """See the port."""
        try:
            if self._fd >= 0 and self._lock(number):
                os.pwrite(self._fd, bytes(self.rows.bytes), self._at(number))
                self._unlock(number)
        except OSError as error:
            raise self._away(str(error)) from error

    def close(self) -> None:
        """Give the row back; what it says counts on."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _ready(self, now: Mono) -> None:
        """Open it where it is not, and see now and then that others would open the same."""
        if now - self._tried < _AGAIN_NS:
            if self._fd < 0:
                raise BoardAway(self._why)
            return
        self._tried = now
        try:
            if self._fd < 0:
                self._open(now)
            elif not os.path.samestat(self._path.stat(), os.fstat(self._fd)):
                raise self._away("it was replaced")
        except OSError as error:
            raise self._away(str(error)) from error

    def _open(self, now: Mono) -> None:
        folder = self._path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self._path, flags, 0o600)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise self._away("it is no file of this user's; remove it")
        if found.st_mode & _OTHERS_WRITE:
            raise self._away("others may write to it; remove it")
        head = os.pread(self._fd, _HEAD_BYTES, 0)
        if not head:
            os.pwrite(self._fd, self._head, 0)  # whoever does so too writes the same
        elif head != self._head:
            raise self._away("it holds something else; remove it")
        os.utime(self._fd)
        self._tidy(os.fstat(self._fd).st_mtime)
        self._row = self._taken(now)
        os.pwrite(self._fd, bytes(self.rows.bytes), self._at(self._row))

    def _tidy(self, now_s: float) -> None:
        """Remove boards that count no more, and nothing else. Who used one all the same opens it anew within a
        second. What cannot be removed stays."""
        before, boot = f"{self.name}.", self._path.suffixes[-2:]
        with suppress(OSError):
            for file in self._path.parent.iterdir():
                with suppress(OSError):
                    earlier = file.name.startswith(before) and file.suffixes[-2:] != boot
                    if (earlier or now_s - file.lstat().st_mtime > _KEPT_S) and _is_board(file):
                        file.unlink()

    def _check_folder(self, folder: Path) -> None:
        found, name = folder.lstat(), folder.absolute()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise self._away(
                f"the folder {name} is not this user's; remove it, or name another place ([desk] boards)"
            )
        if found.st_mode & _OTHERS_WRITE:
            raise self._away(f"others may write to the folder {name}; chmod 700 {name}")

    def _taken(self, now: Mono) -> int:
        """A row that counts no more, else the oldest of those whose process has ended."""
        oldest: tuple[Mono, int] | None = None
        for number in range(ROWS_MAX):
            if not self._lock(number):
                continue
            data = os.pread(self._fd, self.rows.bytes, self._at(number))
            times, written = stamp_of(data) if len(data) == self.rows.bytes else (0, now)
            if not times or not now - self.rows.keep_ns < written <= now:
                return number
            self._unlock(number)
            oldest = min(oldest or (written, number), (written, number))
        if oldest is None or not self._lock(oldest[1]):
            raise self._away(f"{ROWS_MAX} processes use it")
        return oldest[1]

    def _away(self, why: str) -> BoardAway:
        self.close()
        self._why = f"{self._path}: {why}"
        return BoardAway(self._why)

    def _at(self, number: int) -> int:
        return _HEAD_BYTES + number * self._stride

    def _lock(self, number: int) -> bool:
        try:
            self._ask(fcntl.F_WRLCK, number)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(self, number: int) -> None:
        self._ask(fcntl.F_UNLCK, number)

    def _ask(self, kind: int, number: int) -> None:
        """Never waits. As C's `struct flock` on 64 bits."""
        wanted = struct.pack("hhqqi", kind, os.SEEK_SET, self._at(number), self._stride, 0)
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, wanted)


def _is_board(file: Path) -> bool:
    """Whether it is named, and begins, as a board does. Waits for nothing that is no plain file."""
    if not _BOARD.fullmatch(file.name) or not stat.S_ISREG(file.lstat().st_mode):
        return False
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.pread(fd, len(_MAGIC), 0) == _MAGIC
    finally:
        os.close(fd)
