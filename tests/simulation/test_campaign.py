"""Many worlds: which seeds, and what one of them comes to."""

import re

import msgspec
import pytest

from nightdesk.audit.invariant import Finding
from nightdesk.simulation.campaign import (
    Outcome,
    SeedOptions,
    broken,
    run_seed,
    seeds_of,
)
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.setting import Ended
from nightdesk.simulation.trading_world import REST_S

SHORT = SeedOptions(profile="swarm", seconds=15.0)
QUIET = SeedOptions(profile="quiet", seconds=15.0)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("7", [7]),
        ("0", [0]),
        ("0..3", [0, 1, 2, 3]),
        ("5..5", [5]),
        ("1,5,9", [1, 5, 9]),
        ("1..3,10,20..21", [1, 2, 3, 10, 20, 21]),
        (" 1 , 2 .. 3 ", [1, 2, 3]),
    ],
)
def test_seeds_are_numbers_and_ranges(text: str, seeds: list[int]) -> None:
    assert seeds_of(text) == seeds


@pytest.mark.parametrize(
    "text",
    ["", "a", "1,", ",1", "1..", "..1", "3..1", "-1", "-2..3", "1.5", "1...3", "1-3", "1..2..3"],
)
def test_anything_else_is_no_seeds(text: str) -> None:
    with pytest.raises(ValueError):
        seeds_of(text)


def an_outcome(seed: int, **changed: object) -> Outcome:
    """A clean world that was flat two seconds after its faults ended."""
    ended = Ended(
        virtual_s=60.0,
        turns=1,
        trace="",
        flat_s=2.0,
        orders={"intended": 5, "fills": 3},
        fills=3,
        epochs=1,
        torn=0,
    )
    for name in set(changed) & {"flat_s", "broke", "orders"}:
        setattr(ended, name, changed.pop(name))
    outcome = Outcome(
        seed=seed,
        faults=[],
        findings=[],
        ended=ended,
        sometimes={"seen": 1},
        struck={"net.cut": [2, 1]},
        checked={"I1 one": True, "I10 ten": True, "I2 two": False},
        lines=[],
        wall_s=0.5,
    )
    return msgspec.structs.replace(outcome, **changed)


def a_finding(law: str) -> Finding:
    return Finding(law=law, at_ns=5, order="x-1", what="wrong")


@pytest.mark.parametrize(
    ("changed", "clean", "law", "what"),
    [
        ({}, True, "", ""),
        ({"broke": "boom"}, False, "no unexpected exception", "boom"),
        ({"findings": [a_finding("I3")], "broke": "boom"}, False, "I3", "x-1 wrong"),
    ],
)
def test_an_outcome_names_what_broke(
    changed: dict[str, object], clean: bool, law: str, what: str
) -> None:
    outcome = an_outcome(1, **changed)
    assert (outcome.clean, outcome.law, outcome.what) == (clean, law, what)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_world_without_faults_is_clean_and_ends_flat(seed: int) -> None:
    outcome = run_seed(seed, QUIET)
    assert (outcome.clean, outcome.law, outcome.what) == (True, "", "")
    assert outcome.faults == []
    assert outcome.struck == {}
    assert outcome.ended.virtual_s == QUIET.seconds + REST_S
    assert outcome.ended.flat_s is not None
    assert outcome.ended.fills > 0
    assert sum(outcome.checked.values()) >= 5


def test_a_seed_is_one_world_and_another_seed_another() -> None:
    first, again = ([run_seed(seed, SHORT) for seed in range(3)] for _ in range(2))
    told = [[(o.ended.trace, o.ended.turns, o.lines) for o in run] for run in (first, again)]
    assert told[0] == told[1]
    assert len({o.ended.trace for o in first}) == 3


def test_a_drawn_order_of_what_is_ready_is_another_world_and_as_repeatable() -> None:
    shuffled = msgspec.structs.replace(SHORT, shuffle=True)
    first, again, plain = run_seed(1, shuffled), run_seed(1, shuffled), run_seed(1, SHORT)
    assert first.ended.trace == again.ended.trace != plain.ended.trace
    assert first.clean


def test_given_faults_take_the_place_of_the_drawn_ones() -> None:
    kill = Fault(kind="process.kill", at_s=5.0)
    outcome = run_seed(3, msgspec.structs.replace(SHORT, faults=(kill,)))
    assert outcome.faults == [kill]
    assert {kind: times for kind, (times, _) in outcome.struck.items()} == {"process.kill": 1}
    assert outcome.ended.epochs == 2


def test_only_so_many_lines_are_kept_as_were_asked_for() -> None:
    assert len(run_seed(2, QUIET, keep=7).lines) == 7


def test_a_brief_outcome_says_the_same_without_what_another_run_tells_again() -> None:
    full = run_seed(3, SHORT)
    brief = full.brief()
    assert (brief.seed, brief.law, brief.clean) == (full.seed, full.law, full.clean)
    assert (brief.faults, brief.lines) == ([], [])
    assert 0 not in brief.sometimes.values()
    assert brief.sometimes.items() <= full.sometimes.items()
    assert (brief.ended, brief.struck, brief.checked) == (full.ended, full.struck, full.checked)


def test_a_world_that_does_not_end_has_failed_and_says_where_it_was() -> None:
    outcome = run_seed(1, msgspec.structs.replace(QUIET, seconds=36_000.0), wall_s_max=0.5)
    assert not outcome.clean
    assert outcome.law == "every world ends"
    assert re.fullmatch(
        r"not over after 0.5 s of wall time: it was in \S+\.py:\d+ \S+", outcome.what
    )
    assert run_seed(1, QUIET).clean


def test_a_world_that_raised_is_a_failure_that_names_the_place() -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        outcome = broken(7, error)
    assert (outcome.seed, outcome.clean, outcome.law) == (7, False, "no unexpected exception")
    assert re.fullmatch(r"KeyError\('x'\) at test_campaign\.py:\d+", outcome.what)


def test_a_world_of_one_symbol_is_another_one() -> None:
    both = run_seed(2, QUIET)
    one = run_seed(2, msgspec.structs.replace(QUIET, symbols=("ETHUSDT",)))
    assert one.clean
    assert 0 < one.ended.fills < both.ended.fills
