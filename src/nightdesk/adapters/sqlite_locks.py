"""Who holds SQLite's locks on a database, as the kernel tells: no file of the database is opened to find out,
since closing it would give up this process's own locks."""

from pathlib import Path

# SQLite's locks on the file of shared memory ("Wal-Index Lock Bytes", https://sqlite.org/walformat.html): 120
# is the writer's, those behind it are checkpoints' and readers', who keep nobody from writing.
_WRITERS = 120
_LOCK_FIELDS = 8


def writers(path: str) -> set[int]:
    """The pids that hold the lock of writers on this file of shared memory: one, or none where nobody can
    tell."""
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
        first, last = int(fields[6]), fields[7]
        if fields[3] == "WRITE" and first <= _WRITERS and (last == "EOF" or int(last) >= _WRITERS):
            found.add(int(fields[4]))
    return found
