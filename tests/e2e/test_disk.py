"""A disk of its own ends with whoever made it, in whatever way that one ends."""

import select
import subprocess
import sys
from pathlib import Path

import pytest
from tests.crash.harness import ROOT
from tests.e2e.disk import needed_disk

pytestmark = pytest.mark.process

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.e2e.disk import small_disk
with small_disk(Path(sys.argv[1]), 1):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def mounted(folder: Path) -> bool:
    return any(line.split()[1] == str(folder) for line in Path("/proc/self/mounts").open())


def test_a_killed_run_leaves_nothing_mounted(tmp_path: Path) -> None:
    with needed_disk(tmp_path, 1):
        pass  # skipped where none can be mounted
    with Path("/proc/self/mounts").open() as mounts:
        changes = select.poll()
        changes.register(mounts, select.POLLERR | select.POLLPRI)
        changes.poll(0)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False)
        assert ended.returncode == -9
        while mounted(tmp_path):
            assert changes.poll(10_000), f"{tmp_path} stayed mounted"


def test_it_is_gone_behind_its_block(tmp_path: Path) -> None:
    with needed_disk(tmp_path, 1):
        assert mounted(tmp_path)
    assert not mounted(tmp_path)
