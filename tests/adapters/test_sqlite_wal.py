"""The bytes of a WAL: written again as they are, each of them, and longer only by zeros."""

import os
from pathlib import Path
from random import Random

import pytest

from nightdesk.adapters import sqlite_wal
from nightdesk.adapters.sqlite_wal import grow, write_again


@pytest.mark.parametrize("size", [0, 1, 4_096, 10_000])
def test_every_byte_is_written_over_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path, told, written = tmp_path / "wal", Random(1).randbytes(size), 0
    path.write_bytes(told)
    write = os.pwrite

    def counted(file: int, data: bytes, at: int) -> int:
        nonlocal written
        written += len(data)
        return write(file, data, at)

    monkeypatch.setattr(sqlite_wal.os, "pwrite", counted)
    write_again(str(path))
    assert path.read_bytes() == told
    assert written == size


def test_it_grows_by_zeros_and_never_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(b"frames" * 1_000)
    grow(str(path), 20_000)
    assert path.read_bytes() == b"frames" * 1_000 + bytes(path.stat().st_size - 6_000)
    assert path.stat().st_size >= 20_000
    grow(str(path), 100)
    assert path.stat().st_size >= 20_000


def test_one_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_again(str(tmp_path / "wal"))
