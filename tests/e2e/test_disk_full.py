"""A full disk is a definite refusal: the desk goes on with exits only, and comes back when there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.harness import Rig
from tests.e2e.status import until

from nightdesk.control.messages import Sample

pytestmark = pytest.mark.process

SIZE_MIB = 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system that can be full."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        reason = f"no tmpfs can be mounted: {mounted.stderr.decode().strip()}"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def in_mode(rig: Rig, wanted: str) -> Sample:
    return until(rig, lambda told: told.mode == wanted and told.epoch > 0, f"the mode {wanted}")


def test_a_full_disk_leaves_exits_only_and_room_brings_entries_back(small_disk: Path) -> None:
    rig = Rig(small_disk, seed=5)
    try:
        rig.start()
        before = in_mode(rig, "NORMAL")
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            except OSError:
                pass
        full = in_mode(rig, "REDUCE_ONLY")
        assert {cause.cause for cause in full.causes} >= {"disk"}
        assert full.epoch > before.epoch, "a refused append ends the incarnation"
        filler.unlink()
        after = in_mode(rig, "NORMAL")
        assert after.journal["durable"] >= full.journal["durable"] > before.journal["durable"]
        _, result = rig.finish_running()
        assert result.findings == []
        assert result.unknown == 0
        assert set(map(str, result.position_diff.values())) == {"0"}
    finally:
        rig.close()
