"""A real file system that can be full."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """`folder` on a disk of its own; raises `OSError` where none can be mounted."""
    options = ["-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        raise OSError(f"no tmpfs can be mounted: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write until there is no room."""
    with file.open("wb", buffering=0) as into, suppress(OSError):
        while True:
            into.write(bytes(1 << 16))
