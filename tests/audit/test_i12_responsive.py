"""A node's lag and its silences."""

import pytest

from audit.told import MS_NS, commanded, published, whats
from nightdesk.audit.facts import Fact
from nightdesk.audit.i12_responsive import Responsive


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([published(0, loop_lag_ns=50 * MS_NS)], 0),
        ([published(0, loop_lag_ns=50 * MS_NS + 1)], 1),
        ([published(0), published(2_000)], 0),
        ([published(0), published(2_001)], 1),
        ([published(0), published(1_000, node="b"), published(2_001)], 1),
        ([published(0), published(9_000, epoch=2)], 0),
        ([published(0), commanded("pause", 9_000)], 0),
    ],
)
def test_lag_and_silence_are_bounded(facts: list[Fact], found: int) -> None:
    law = Responsive(lag_max_ns=50 * MS_NS, gap_max_ns=2_000 * MS_NS)
    assert len(whats(law, facts, rest_ms=99_000)) == found
    assert law.checked


@pytest.mark.parametrize("bound", ["lag_max_ns", "gap_max_ns"])
def test_one_bound_is_enough_to_check(bound: str) -> None:
    law = Responsive(**{bound: 1})
    whats(law, [published()])
    assert law.checked


def test_without_bounds_it_is_off() -> None:
    law = Responsive()
    assert whats(law, [published(0, loop_lag_ns=10**12), published(10**6)]) == []
    assert not law.checked
