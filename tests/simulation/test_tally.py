"""What many worlds add up to, in whatever order they end, and what never happened in any of them."""

from random import Random

import pytest

from nightdesk.audit.sometimes import DECLARED
from nightdesk.simulation.faults import KINDS
from nightdesk.simulation.judge import ALSO
from nightdesk.simulation.tally import Tally, quantiles, summed
from simulation.test_campaign import a_finding, an_outcome


def test_clean_worlds_add_up() -> None:
    total = summed([an_outcome(seed) for seed in range(30)])
    assert total.clean
    assert (total.seeds, total.fills, total.orders) == (30, 90, 150)
    assert (total.simulated_s, total.wall_s) == (1_800.0, 15.0)
    assert total.bound == pytest.approx(0.1)
    assert total.flat_s == {"p50": 2.0, "p95": 2.0, "max": 2.0}
    assert total.sometimes["seen"] == 30
    assert sum(total.sometimes.values()) == 30
    (row,) = total.faults
    assert (row.kind, row.worlds, row.struck, row.with_order_in_flight) == ("net.cut", 30, 60, 30)
    assert [(r.law, r.checked, r.violated, r.first_seed) for r in total.laws] == [
        ("I1 one", 30, 0, None),
        ("I2 two", 0, 0, None),
        ("I10 ten", 30, 0, None),
    ]


def test_a_broken_law_is_told_with_the_first_seed_that_breaks_it_and_excludes_nothing() -> None:
    bad = [an_outcome(seed, findings=[a_finding("I2 two"), a_finding("I1 one")]) for seed in (9, 4)]
    total = summed([an_outcome(1), *bad, an_outcome(5, broke="KeyError('x')")])
    assert not total.clean
    assert total.violations == [
        (4, "I2 two", "wrong"),
        (5, "no unexpected exception", "KeyError('x')"),
        (9, "I2 two", "wrong"),
    ]
    rows = {row.law: (row.violated, row.first_seed) for row in total.laws}
    assert rows["I2 two"] == (2, 4)
    assert rows["I1 one"] == (0, None)
    assert rows["no unexpected exception"] == (1, 5)
    assert total.laws[-1].law == "no unexpected exception"
    assert total.bound == 1.0


def test_times_to_flat_are_of_the_worlds_that_were() -> None:
    times = [*(float(n) for n in range(100)), None]
    total = summed([an_outcome(n, flat_s=flat) for n, flat in enumerate(times)])
    assert total.flat_s == {"p50": 50.0, "p95": 95.0, "max": 99.0}


def test_nothing_adds_up_to_nothing() -> None:
    total = summed([])
    assert total.clean
    assert (total.seeds, total.bound, total.laws, total.faults) == (0, 1.0, [], [])
    assert total.sometimes == {}


def test_the_order_in_which_worlds_end_changes_nothing() -> None:
    worlds = [an_outcome(n, flat_s=float(n), resolved_s=[n / 7]) for n in range(40)]
    worlds += [an_outcome(n, findings=[a_finding(f"I{n % 3}")]) for n in range(40, 50)]
    mixed = list(worlds)
    Random(3).shuffle(mixed)
    assert summed(mixed) == summed(worlds)


def test_briefs_add_up_to_what_whole_outcomes_do() -> None:
    worlds = [an_outcome(n, sometimes={"seen": n % 2, "other": 0}) for n in range(4)]
    brief = summed(world.brief() for world in worlds)
    whole = summed(worlds)
    assert {**whole.sometimes, **brief.sometimes} == whole.sometimes
    assert brief.sometimes["seen"] == 2
    assert (brief.never, brief.flat_s, brief.laws) == (whole.never, whole.flat_s, whole.laws)


def everything(profile: str, **left_out: object) -> Tally:
    """A world in which all that is declared was met, but for what is named."""
    tally = Tally(profile)
    struck = {kind: [1, 1] for kind in KINDS} | left_out.get("struck", {})  # type: ignore[operator]
    counted = {name: 1 for name in (*DECLARED, *ALSO) if name != left_out.get("counter")}
    tally.add(an_outcome(1, sometimes=counted, struck=struck))
    return tally


def test_nothing_is_missing_where_everything_was_met() -> None:
    assert everything("swarm").summary().never == []


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        ({"counter": DECLARED[0]}, DECLARED[0]),
        ({"struck": {"net.cut": [0, 0]}}, "net.cut struck"),
        ({"struck": {"net.cut": [9, 0]}}, "net.cut struck with an order in flight"),
    ],
)
def test_what_was_never_met_is_named(left_out: dict[str, object], told: str) -> None:
    assert everything("swarm", **left_out).summary().never == [told]


def test_of_another_profile_only_its_own_kinds_are_expected() -> None:
    left_out = {"struck": {"net.cut": [0, 0], "disk.full": [0, 0]}}
    assert everything("slow-disk", **left_out).summary().never == ["disk.full struck"]
    assert everything("", **left_out).summary().never == []


def test_the_largest_share_of_each_limit_is_of_all_worlds() -> None:
    shares = [{"gross": 0.5}, {"gross": 0.7, "position": 0.1}, {"gross": 0.6}]
    total = summed(an_outcome(n, worst=worst) for n, worst in enumerate(shares))
    assert total.worst == {"gross": 0.7, "position": 0.1}


def test_times_of_orders_that_were_unknown_are_of_all_orders() -> None:
    total = summed(an_outcome(n, resolved_s=[float(n), 1.0]) for n in range(10))
    assert total.resolved == 20
    assert total.resolved_s == {"p50": 1.0, "p95": 9.0, "max": 9.0}


def test_of_nothing_every_quantile_is_zero() -> None:
    assert quantiles([]) == {"p50": 0.0, "p95": 0.0, "max": 0.0}
