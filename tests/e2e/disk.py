"""A real file system that can be full."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
STALLS_MOST_S = 150.0
# It undoes what was done once its input ends, which it does with us however we die: what stayed mounted would
# keep anybody from removing the folder, and what stayed frozen whoever waits for it from ending.
_WARDEN = "read -r _; {undo}"


@contextmanager
def _warden(undo: str, *folders: Path) -> Iterator[None]:
    """`undo` is of sh, with `folders` as its $1, $2."""
    command = ["sh", "-c", _WARDEN.format(undo=undo), "sh", *map(str, folders)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, start_new_session=True, cwd="/"
    ) as warden:
        try:
            yield
        finally:
            warden.communicate()
    assert warden.returncode == 0, f"{folders} were still in use"


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """`folder` on a disk of its own; raises `OSError` where none can be mounted."""
    _mount("-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder))
    with _warden('umount "$1" || { umount -l "$1"; exit 1; }', folder):
        yield folder


class StallingDisk:
    """A file system whose device stops answering: what is read comes from memory, what is synced waits."""

    def __init__(self, below: Path) -> None:
        self._below = below
        self._stalls = False
        self._most: threading.Timer

    def stall(self) -> None:
        """From now on, until it answers."""
        self._stalls = True
        self._most = threading.Timer(
            STALLS_MOST_S, self.answer
        )  # where it is ours that waits for it
        self._most.daemon = True
        self._most.start()
        subprocess.run(["fsfreeze", "--freeze", str(self._below)], check=True)

    def answer(self) -> None:
        """What waited goes on; nothing, where it does not stall."""
        if not self._stalls:
            return
        self._stalls = False
        self._most.cancel()
        subprocess.run(["fsfreeze", "--unfreeze", str(self._below)], check=True)


@contextmanager
def stalling_disk(folder: Path, below: Path, size_mib: int) -> Iterator[StallingDisk]:
    """`folder` on a device that is a file of another one: freezing that stops this one's device. Both lie in
    `below`, an empty folder. Raises `OSError` where there can be none."""
    if shutil.which("fsfreeze") is None:
        raise OSError("there is no fsfreeze")
    outer = below / "outer"
    outer.mkdir()
    with ExitStack() as undo:
        for image, place, size in (
            (below / "outer.img", outer, 2 * size_mib),
            (outer / "inner.img", folder, size_mib),
        ):
            with image.open("wb") as file:
                file.truncate(size << 20)
            made = subprocess.run(["mkfs.ext4", "-q", str(image)], capture_output=True, check=False)
            if made.returncode:
                raise OSError(f"no file system can be made: {made.stderr.decode().strip()}")
            _mount("-o", "loop", str(image), str(place))
            ends = 'umount "$1" || { umount -l "$1"; exit 1; }'
            undo.enter_context(_warden(f'fsfreeze -u "$2" 2>/dev/null; {ends}', place, outer))
        yield StallingDisk(outer)


def _mount(*options: str) -> None:
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        raise OSError(f"nothing can be mounted: {mounted.stderr.decode().strip()}")


@contextmanager
def or_skip(disk: AbstractContextManager[T]) -> Iterator[T]:
    """The same for a test, which is skipped where there can be none, but not in CI."""
    with ExitStack() as undo:
        try:
            made = undo.enter_context(disk)
        except OSError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
        yield made


def needed_disk(folder: Path, size_mib: int) -> AbstractContextManager[Path]:
    """A small disk that a test needs."""
    return or_skip(small_disk(folder, size_mib))


def fill(file: Path) -> None:
    """Write until there is no room."""
    with file.open("wb", buffering=0) as into, suppress(OSError):
        while True:
            into.write(bytes(1 << 16))
