"""A pair outlives what is done to it: one node leads, nothing is doubled, nothing is lost."""

import os
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.drill import pair
from tests.drill.deeds import KINDS
from tests.drill.harness import drill, findings, in_flight_percent, rows, table_of
from tests.e2e.disk import small_disk, stalling_disk
from tests.e2e.links import Links

pytestmark = pytest.mark.process

EACH = 5
LONGEST_S = 7.0  # as many as not stand still for longer than a lease lasts
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "drills.md"


def can_be_made(kind: str, folder: Path) -> str:
    """Why this kind of drill cannot be made here, or nothing."""
    try:
        with ExitStack() as undo:
            if kind == "link_cut":
                Links(apart=True).make(undo)
            if kind == "disk_full":
                undo.enter_context(small_disk(folder, 1))
            if kind == "stall":
                below, disk = folder / "below", folder / "disk"
                below.mkdir()
                disk.mkdir()
                undo.enter_context(stalling_disk(disk, below, 8))
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{kind}: {getattr(error, 'stderr', '') or error}"
    return ""


def test_five_of_each_kind_leave_nothing_doubled_lost_or_unsaid(tmp_path: Path) -> None:
    missing = [why for why in (can_be_made(kind, tmp_path) for kind in KINDS) if why]
    assert not (missing and os.environ.get("CI") == "true"), missing
    kinds = [kind for kind in KINDS if not any(why.startswith(kind) for why in missing)]
    keep = tmp_path / "drill.jsonl"  # what failed leaves its folder beside it
    lines = drill(EACH * len(kinds), kinds, 1, keep, each=EACH, longest_s=LONGEST_S, jobs=4)
    assert findings(lines) == []
    done = Counter(line["kind"] for line in lines if "kind" in line)
    assert done == dict.fromkeys(kinds, EACH)
    assert Counter(line["audit"] for line in lines if "audit" in line) == dict.fromkeys(kinds, 1)
    assert in_flight_percent(lines) > 50, "it would prove too little"
    for line in lines:
        if "kind" in line and line["kind"] in ("kill", "switchover", "both_kill"):
            assert line["took_over"], line
        if "kind" in line and line["kind"] == "standby_kill":
            assert not line["took_over"], line
    assert table_of(lines).row_count == len(rows(lines))
    if missing:
        pytest.skip(f"but for {missing}")


def test_a_leader_that_is_deaf_to_the_fence_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "WITHIN_S", 30.0)
    keep = tmp_path / "drill.jsonl"
    lines = drill(1, ["freeze"], 3, keep, longest_s=6.0, plant="deaf to the fence")
    (freeze,) = [line for line in lines if "kind" in line]
    assert freeze["took_over"], "the other leads, and this one wakes"
    (found,) = findings(lines)
    assert "a node leads and the other stands by" in found, "both lead"


def test_what_was_audited_is_not_done_again_and_what_was_not_is(tmp_path: Path) -> None:
    keep = tmp_path / "drill.jsonl"
    audited = drill(2, ["standby_kill"], 3, keep, each=2)
    with keep.open("a") as file:
        file.write('{"kind": "standby_kill", "number": 2, "findings": []}\n')
    again = drill(2, ["standby_kill"], 3, keep, each=2)
    assert again == audited
    assert len(keep.read_text().splitlines()) == 3


def test_every_kind_is_told_of() -> None:
    text = DOCUMENT.read_text()
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []
