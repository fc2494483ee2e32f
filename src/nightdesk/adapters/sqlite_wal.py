"""The bytes of SQLite's WAL file: made long enough once, and written again as they are.

Only whoever holds the lock of writers may do either. No lock of SQLite's is on this file, so that closing it
gives up none. One block per write: the kernel would keep larger ones in pages so large that each commit pays
for them.
"""

import os

_BLOCK = 4096
_ZEROS = bytes(_BLOCK)


def grow(path: str, size: int) -> None:
    """Zeros from its end to `size`; all of them or none. Raises `OSError`.

    SQLite reads no further than the first frame whose salt is not the header's, so zeros behind the end are
    nothing.
    """
    file = os.open(path, os.O_WRONLY)
    try:
        begin = end = os.fstat(file).st_size
        try:
            while end < size:
                end += os.pwrite(file, _ZEROS[end % _BLOCK :], end)
        except OSError:
            os.ftruncate(file, begin)
            raise
    finally:
        os.close(file)


def write_again(path: str) -> None:
    """Every byte over itself: a page that the kernel calls clean, and that never reached the disk, is a new
    write, which the next sync makes durable. Raises `OSError`."""
    file = os.open(path, os.O_RDWR)
    try:
        at = 0
        while block := os.pread(file, _BLOCK, at):
            at += os.pwrite(file, block, at)
    finally:
        os.close(file)
