"""A drawn number is the one that the standard library's own method draws, and leaves the same behind."""

from random import Random

import pytest

from nightdesk.simulation.chance import between


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 3), (-5, 2), (60_000, 200_000), (0, 2**40)])
def test_it_draws_what_randint_draws(low: int, high: int) -> None:
    ours, theirs = Random(f"{low}/{high}"), Random(f"{low}/{high}")
    drawn = [between(ours, low, high) for _ in range(200)]
    assert drawn == [theirs.randint(low, high) for _ in range(200)]
    assert ours.getstate() == theirs.getstate()
