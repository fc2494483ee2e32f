"""A full disk is a definite refusal: the desk goes on with exits only, and comes back when there is room."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.harness import Rig

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.control.messages import Request, Sample, sample_of

pytestmark = pytest.mark.process

SIZE_MIB = 40
WITHIN_S = 40.0


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


def sample(rig: Rig) -> Sample | None:
    try:
        client = ControlClient(rig.folder / "desk.sock", timeout_s=2.0)
    except NoNode:
        return None
    try:
        return sample_of(client.ask(Request(verb="status")))
    except (NoNode, TimeoutError):
        return None
    finally:
        client.close()


def until(rig: Rig, wanted: str) -> Sample:
    """Wait until the desk is in a mode; the condition is polled, the deadline is a failure."""
    deadline = time.monotonic() + WITHIN_S
    last: Sample | None = None
    while time.monotonic() < deadline:
        assert rig.node is not None
        assert rig.node.poll() is None, (rig.folder / "node.log").read_text()[-2000:]
        last = sample(rig) or last
        if last is not None and last.trading and last.mode == wanted and last.epoch:
            return last
        time.sleep(0.1)
    raise AssertionError(f"not {wanted} within {WITHIN_S} s; last: {last}")


def test_a_full_disk_leaves_exits_only_and_room_brings_entries_back(small_disk: Path) -> None:
    rig = Rig(small_disk, seed=5)
    try:
        rig.start()
        before = until(rig, "NORMAL")
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            except OSError:
                pass
        full = until(rig, "REDUCE_ONLY")
        assert {cause.cause for cause in full.causes} >= {"disk"}
        assert full.epoch > before.epoch, "a refused append ends the incarnation"
        filler.unlink()
        after = until(rig, "NORMAL")
        assert after.journal["durable"] >= full.journal["durable"] > before.journal["durable"]
        _, result = rig.finish_running()
        assert result.findings == []
        assert result.unknown == 0
        assert set(map(str, result.position_diff.values())) == {"0"}
    finally:
        rig.close()
