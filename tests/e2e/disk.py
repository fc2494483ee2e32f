"""A real file system that can be full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

# It ends the mount once its input ends, which it does with us however we die: what stayed mounted would keep
# anybody from removing the folder.
_WARDEN = 'read -r _; umount "$1" || { umount -l "$1"; exit 1; }'


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """`folder` on a disk of its own; raises `OSError` where none can be mounted."""
    options = ["-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        raise OSError(f"no tmpfs can be mounted: {mounted.stderr.decode().strip()}")
    with subprocess.Popen(
        ["sh", "-c", _WARDEN, "sh", str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    ) as warden:
        try:
            yield folder
        finally:
            warden.communicate()
    assert warden.returncode == 0, f"{folder} was still in use"


@contextmanager
def needed_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """The same for a test, which is skipped where there can be none, but not in CI."""
    with ExitStack() as undo:
        try:
            undo.enter_context(small_disk(folder, size_mib))
        except OSError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
        yield folder


def fill(file: Path) -> None:
    """Write until there is no room."""
    with file.open("wb", buffering=0) as into, suppress(OSError):
        while True:
            into.write(bytes(1 << 16))
