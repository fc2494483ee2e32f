"""Faults from a seed: which kinds there are, when they strike, and that one kind does not move another."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.errors import BadInput
from nightdesk.simulation import faults
from nightdesk.simulation.faults import (
    KINDS,
    LEFT,
    LEFT_AFTER_S,
    LEFT_FOR_S,
    PROFILES,
    Fault,
    draw_faults,
)
from nightdesk.simulation.strikes import _STRIKES

seeds = st.integers(0, 10**6)
profiles = st.sampled_from(list(PROFILES))


@given(seeds, profiles, st.floats(1, 3_600))
def test_a_seed_has_one_set_of_faults(seed: int, profile: str, seconds: float) -> None:
    assert draw_faults(seed, profile, seconds) == draw_faults(seed, profile, seconds)


@given(seeds, profiles, st.floats(1, 3_600))
def test_faults_strike_and_end_within_the_horizon_and_are_told_in_order(
    seed: int, profile: str, seconds: float
) -> None:
    drawn = draw_faults(seed, profile, seconds)
    assert [f.at_s for f in drawn] == sorted(f.at_s for f in drawn)
    for fault in drawn:
        if fault.at_s == seconds + LEFT_AFTER_S:
            assert fault.kind in LEFT
            assert fault.for_s == LEFT_FOR_S
            continue
        assert 0 <= fault.at_s <= seconds + 1e-6
        assert fault.at_s + fault.for_s <= seconds + 2e-6
        assert fault.for_s <= KINDS[fault.kind].lasts_s[1]
        assert fault.kind in PROFILES[profile]


@given(seeds, profiles)
def test_what_is_drawn_with_a_fault_is_within_its_range(seed: int, profile: str) -> None:
    for fault in draw_faults(seed, profile, 300):
        kind = KINDS[fault.kind]
        ranges = LEFT[fault.kind] if fault.at_s > 300 else kind.args
        assert fault.args.keys() == kind.args.keys() | kind.always.keys()
        assert all(fault.args[name] == value for name, value in kind.always.items())
        for name, values in ranges.items():
            value, low, high = fault.args[name], values[0], values[-1]
            if isinstance(value, int) and isinstance(low, int) and isinstance(high, int):
                assert low <= value <= high
            else:
                assert value in values


def test_what_may_stay_broken_has_all_that_its_kind_needs_and_stays_broken_in_some_seed() -> None:
    assert all(LEFT[name].keys() == KINDS[name].args.keys() for name in LEFT)
    drawn = {f.kind for s in range(200) for f in draw_faults(s, "swarm", 60) if f.at_s > 60}
    assert drawn == set(LEFT)


def test_other_seeds_have_other_faults() -> None:
    told = {tuple(f.told() for f in draw_faults(seed, "swarm", 300)) for seed in range(100)}
    assert len(told) > 90  # a few worlds are spared everything


def test_every_kind_is_drawn_by_some_seed_and_by_no_seed_every_kind() -> None:
    drawn = [{f.kind for f in draw_faults(seed, "swarm", 300)} for seed in range(401)]
    assert set().union(*drawn) == set(PROFILES["swarm"])
    assert all(kinds < set(KINDS) for kinds in drawn)


def test_every_kind_belongs_to_a_profile() -> None:
    assert set().union(*PROFILES.values()) == set(KINDS)


@pytest.mark.parametrize("profile", list(PROFILES))
def test_a_profile_names_only_kinds_that_there_are_and_each_once(profile: str) -> None:
    kinds = PROFILES[profile]
    assert set(kinds) <= set(KINDS)
    assert len(set(kinds)) == len(kinds)
    assert (not kinds) == (profile == "quiet")


def test_every_kind_has_a_family_that_can_strike() -> None:
    assert {kind.partition(".")[0] for kind in KINDS} == set(_STRIKES)


def test_the_quiet_profile_has_no_fault() -> None:
    assert all(draw_faults(seed, "quiet", 300) == [] for seed in range(50))


@pytest.mark.parametrize("profile", ["", "Swarm", "swarm ", "nope"])
def test_an_unknown_profile_is_refused_with_the_names_there_are(profile: str) -> None:
    with pytest.raises(BadInput) as refused:
        draw_faults(1, profile, 300)
    assert repr(profile) in str(refused.value)
    assert all(name in str(refused.value) for name in PROFILES)


@given(seeds)
def test_a_kind_strikes_at_the_same_times_whatever_else_is_drawn(seed: int) -> None:
    everything = draw_faults(seed, "swarm", 300)
    for profile in PROFILES:
        drawn = draw_faults(seed, profile, 300)
        for kind in {f.kind for f in drawn}:
            mine = [f for f in drawn if f.kind == kind]
            among_all = [f for f in everything if f.kind == kind]
            assert among_all in ([], mine)


@pytest.mark.parametrize("gone", ["venue.lost_request", "net.cut", "process.kill"])
def test_without_one_kind_the_others_are_where_they_were(
    gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {seed: draw_faults(seed, "swarm", 300) for seed in range(40)}
    others = tuple(kind for kind in PROFILES["swarm"] if kind != gone)
    monkeypatch.setattr(faults, "PROFILES", {"swarm": others})
    for seed, drawn in before.items():
        assert draw_faults(seed, "swarm", 300) == [f for f in drawn if f.kind != gone]


def test_the_last_kind_can_go_without_moving_another(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {seed: draw_faults(seed, "swarm", 300) for seed in range(40)}
    *others, last = PROFILES["swarm"]
    monkeypatch.setattr(faults, "PROFILES", {"swarm": tuple(others)})
    for seed, drawn in before.items():
        assert draw_faults(seed, "swarm", 300) == [f for f in drawn if f.kind != last]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(kind="net.reset", at_s=1), "   1.000 s net.reset"),
        (Fault(kind="net.cut", at_s=12.3456, for_s=2), "  12.346 s net.cut for 2.00 s"),
        (
            Fault(kind="net.latency", at_s=0, for_s=1.5, args={"ms": 20, "a": "b"}),
            "   0.000 s net.latency for 1.50 s a=b ms=20",
        ),
    ],
)
def test_a_fault_is_told_in_a_line(fault: Fault, told: str) -> None:
    assert fault.told() == told


def test_what_may_go_either_way_is_never_drawn_as_nothing() -> None:
    kind = faults.Kind(per_minute=1.0, args={"bps": (-1, 1)})
    drawn = {faults._args(kind, kind.args, Random(seed))["bps"] for seed in range(50)}
    assert drawn == {-1, 1}
