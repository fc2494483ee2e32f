"""Two processes that differ in everything but the seeds tell the same worlds."""

import json
import os
import subprocess
import sys

import msgspec
import pytest

from nightdesk.simulation.campaign import SeedOptions

pytestmark = pytest.mark.process
OPTIONS = msgspec.json.encode(SeedOptions(seconds=30.0)).decode()
TWIN = [sys.executable, "-m", "nightdesk.simulation.twin", "--options", OPTIONS]


def twin(*arguments: str, **env: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*TWIN, *arguments],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_worlds_are_the_same_under_another_hash_seed_zone_and_heap() -> None:
    twins = [
        twin("--seeds", "40..43", PYTHONHASHSEED="0", TZ="UTC"),
        twin("--seeds", "40..43", "--perturb", "17", PYTHONHASHSEED="4242", TZ="Asia/Tokyo"),
    ]
    told = []
    for each in twins:
        out, err = each.communicate(timeout=900)
        assert each.returncode == 0, err
        told.append([json.loads(line) for line in out.splitlines()])
    assert told[0] == told[1]
    assert [line["seed"] for line in told[0]] == [40, 41, 42, 43]
    assert len({line["trace"] for line in told[0]}) == 4
    assert all(line["turns"] > 1_000 for line in told[0])
    assert {line["law"] for line in told[0]} == {""}
