"""Who holds SQLite's locks on a database, as the kernel tells: no file of the database is opened to find out,
since closing it would give up this process's own locks."""

from pathlib import Path

# SQLite's locks on the file of shared memory (walIndex, "Wal-Index Lock Bytes", https://sqlite.org/walformat.html):
# 120 is the writer's, those behind it checkpoints' and readers', 128 of whoever has it open.
_LOCKS_FIRST, _LOCK_OF_THE_OPEN = 120, 128
_LOCK_FIELDS = 8


def lockers(path: str) -> set[int]:
    """The pids that hold locks on this file of shared memory; who merely has it open is not meant. Empty where
    nobody can tell."""
    try:
        inode = Path(path).stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return set()
    found = set[int]()
    for line in lines:  # "1: POSIX  ADVISORY  WRITE 1234 fe:00:5678 120 120"
        fields = line.split()
        if len(fields) != _LOCK_FIELDS or fields[5].rpartition(":")[2] != str(inode):
            continue
        first = int(fields[6])
        if _LOCKS_FIRST <= first < _LOCK_OF_THE_OPEN:
            found.add(int(fields[4]))
    return found
