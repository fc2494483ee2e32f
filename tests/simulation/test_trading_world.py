"""Worlds of the product as it is break no law, as the command that users type tells it."""

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from nightdesk.simulation.campaign import SeedOptions, run_seed
from simulation.planted import SCENARIOS, world_of

FRESH = 20
MINUTES = "1"


def simulated(*words: str) -> dict[str, object]:
    """What the command tells; fails with what it said when it does not end well."""
    command = [
        sys.executable,
        "-m",
        "nightdesk.cli.main",
        "simulate",
        *words,
        "--minutes",
        MINUTES,
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-3_000:]}"
    return msgspec.json.decode(done.stdout)  # type: ignore[no-any-return]  # JSON is what it is


def test_no_law_is_broken_in_three_hundred_worlds() -> None:
    told = simulated("--seeds", "0..299", "--jobs", "2")
    assert (told["seeds"], told["violations"]) == (300, [])


def test_no_law_is_broken_in_worlds_that_nobody_has_seen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = random.SystemRandom().randrange(10**6, 10**9)
    seeds = f"{first}..{first + FRESH - 1}"
    with capsys.disabled():
        print(f"\nfresh worlds: nightdesk simulate --seeds {seeds} --minutes {MINUTES}")
    told = simulated("--seeds", seeds, "--jobs", "2")
    assert (told["seeds"], told["violations"]) == (FRESH, [])


def test_a_world_does_not_depend_on_hash_seed_zone_heap_or_collector() -> None:
    told = simulated("check-determinism", "--seeds", str(FRESH))
    assert told["different"] == []


@pytest.mark.parametrize("profile", ["outage", "flash-crash", "slow-disk", "rate-limit", "clock"])
def test_no_law_is_broken_in_any_profile(profile: str) -> None:
    told = simulated("--seeds", "500..509", "--profile", profile, "--jobs", "2")
    assert (told["seeds"], told["violations"]) == (10, [])


def test_a_shuffled_order_breaks_no_law_either() -> None:
    told = simulated("--seeds", "0..19", "--shuffle", "--jobs", "2")
    assert (told["seeds"], told["violations"]) == (20, [])


def test_a_world_comes_to_rest_flat() -> None:
    outcome = run_seed(0, SeedOptions(seconds=20.0))
    assert outcome.clean, f"{outcome.law}: {outcome.what}"
    assert outcome.ended.flat_s is not None


REGRESSIONS = sorted((SCENARIOS / "regressions").glob("*.toml"))


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_once_broke_a_law_breaks_none_any_more(path: Path) -> None:
    scenario, options = world_of(path)
    outcome = run_seed(scenario.seed, options)
    assert outcome.clean, f"{outcome.law}: {outcome.what}"
