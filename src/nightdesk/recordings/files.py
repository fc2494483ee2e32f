"""Files of recorded data, plain, gzip or zip, as lines.

Owns opening files, and how far reading has come. Refuses to look into a line. Nothing else in this room
touches a file.
"""

import gzip
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from nightdesk.recordings.report import BrokenCapture

_GZIP, _ZIP = b"\x1f\x8b", b"PK"
# What the standard library raises where a compressed file stops or breaks.
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError)
# A zip that is whole and still cannot be read: encrypted, or packed in a way nobody here knows.
_UNREADABLE = (RuntimeError, NotImplementedError)


@dataclass(slots=True)
class Meter:
    """How many bytes of the files on disk were read, of how many there are."""

    read: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.read / self.total if self.total else 0.0


def open_lines(path: str, meter: Meter | None = None) -> Iterator[bytes]:
    """The lines of a file; of a zip, those of its only member. `meter` grows while they are taken.

    Raises `BrokenCapture` where a compressed file stops in the middle, after all lines before it, and
    `OSError` where there is nothing to open.
    """
    with open(path, "rb") as plain:
        start = plain.read(2)
        plain.seek(0)
        if meter is not None:
            meter.total += os.fstat(plain.fileno()).st_size
        lines = _unpacked(plain, start)
        yield from lines if meter is None else _metered(lines, plain, meter)


def _unpacked(plain: BinaryIO, start: bytes) -> Iterator[bytes]:
    if start not in (_GZIP, _ZIP):
        yield from plain
        return
    name = "gzip" if start == _GZIP else "zip"
    try:
        if start == _GZIP:
            with gzip.open(plain, "rb") as unzipped:
                yield from unzipped
        else:
            yield from _member(plain)
    except _BROKEN as e:
        raise BrokenCapture(f"the {name} file is broken here: {e}") from e
    except _UNREADABLE as e:
        raise BrokenCapture(f"the {name} file cannot be read: {e}") from e


def _member(plain: BinaryIO) -> Iterator[bytes]:
    with zipfile.ZipFile(plain) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if len(names) != 1:
            held = ", ".join(names[:3]) or "none"
            raise BrokenCapture(f"a zip with one file is expected; this has {len(names)}: {held}")
        with archive.open(names[0]) as member:
            yield from member


def _metered(lines: Iterator[bytes], plain: BinaryIO, meter: Meter) -> Iterator[bytes]:
    counted = 0
    for number, line in enumerate(lines):
        if number % 256 == 0:  # asking the file costs more than a line
            at = plain.tell()
            meter.read += at - counted
            counted = at
        yield line
    meter.read += plain.seek(0, os.SEEK_END) - counted
