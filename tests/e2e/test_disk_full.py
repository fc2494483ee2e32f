"""A full disk is a definite refusal: the desk goes on with exits only, and comes back when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.harness import Rig
from tests.e2e.disk import fill, needed_disk
from tests.e2e.status import until

from nightdesk.control.messages import Sample

pytestmark = pytest.mark.process

SIZE_MIB = 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with needed_disk(tmp_path, SIZE_MIB):
        yield tmp_path


def in_mode(rig: Rig, wanted: str) -> Sample:
    return until(rig, lambda told: told.mode == wanted and told.epoch > 0, f"the mode {wanted}")


def test_a_full_disk_leaves_exits_only_and_room_brings_entries_back(disk: Path) -> None:
    rig = Rig(disk, seed=5)
    try:
        rig.start()
        before = in_mode(rig, "NORMAL")
        filler = disk / "filler"
        fill(filler)
        full = in_mode(rig, "REDUCE_ONLY")
        assert {cause.cause for cause in full.causes} >= {"disk"}
        filler.unlink()
        after = in_mode(rig, "NORMAL")
        assert after.journal["durable"] >= full.journal["durable"] > before.journal["durable"]
        _, result = rig.finish_running()
        assert result.findings == []
        assert result.unknown == 0
        assert set(map(str, result.position_diff.values())) == {"0"}
    finally:
        rig.close()
