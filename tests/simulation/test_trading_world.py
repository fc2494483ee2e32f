"""Worlds of the product as it is break no law; worlds of a product with a planted bug do."""

import pytest

from nightdesk.simulation.campaign import SeedOptions, run_seed
from simulation.planted import PLANTS

SECONDS = 100.0


@pytest.mark.parametrize("tens", range(3))
def test_no_law_is_broken(tens: int) -> None:
    options = SeedOptions(seconds=60.0)
    for seed in range(10 * tens, 10 * tens + 10):
        outcome = run_seed(seed, options)
        assert outcome.clean, f"seed {seed}: {outcome.law}: {outcome.what}"
        assert outcome.ended.flat_s is not None


@pytest.mark.parametrize("profile", ["outage", "flash-crash", "slow-disk", "rate-limit", "clock"])
def test_no_law_is_broken_in_any_profile(profile: str) -> None:
    options = SeedOptions(seconds=60.0, profile=profile)
    for seed in range(500, 502):
        outcome = run_seed(seed, options)
        assert outcome.clean, f"seed {seed}: {outcome.law}: {outcome.what}"


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_a_planted_bug_is_caught(name: str) -> None:
    plant, seed, law, faults = PLANTS[name]
    options = SeedOptions(seconds=SECONDS)
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        outcome = run_seed(seed, options, faults)
    assert outcome.law.startswith(law), f"{outcome.law}: {outcome.what}"
    assert run_seed(seed, options, faults).clean, "the same world without the bug"


def test_a_shuffled_order_breaks_no_law_either() -> None:
    options = SeedOptions(seconds=60.0, shuffle=True)
    for seed in range(5):
        outcome = run_seed(seed, options)
        assert outcome.clean, f"seed {seed}: {outcome.law}: {outcome.what}"
