"""Each bug that somebody once made is caught by a law in a small world; the same world without it is clean.

A bug that is not caught means that a fault or a checker is missing.
"""

import pytest

from nightdesk.simulation.campaign import run_seed
from simulation.planted import PLANTS, scenario_of
from simulation.planting import Plant

FAULTS_MAX = 3


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught_in_a_small_world(plant: Plant) -> None:
    small, options = scenario_of(plant)
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        outcome = run_seed(small.seed, options)
    assert outcome.law == small.law, f"{outcome.law}: {outcome.what}"
    assert len(small.faults) <= FAULTS_MAX
    control = run_seed(small.seed, options)
    assert control.clean, f"without the bug: {control.law}: {control.what}"
