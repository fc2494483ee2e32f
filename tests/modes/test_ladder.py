"""The mode ladder against the design's table; causes by scope."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import (
    ALLOWED,
    DESK,
    Action,
    Cause,
    Ladder,
    instrument_scope,
    strategy_scope,
)

# new risk | automatic reduction | automatic cancel | operator's flatten | protective stops, as the design's
# table has them.
# FLATTENING's reduction is "its own" (a flatten's), HALTED's cancel is "by an operator".
TABLE = {
    "NORMAL": "yes yes yes yes yes",
    "CAUTIOUS": "yes yes yes yes yes",
    "REDUCE_ONLY": "no yes yes yes yes",
    "CANCEL_ONLY": "no no yes yes yes",
    "FLATTENING": "no no yes yes yes",
    "HALTED": "no no no yes yes",
}
COLUMNS = [Action.NEW_RISK, Action.REDUCE, Action.CANCEL, Action.FLATTEN, Action.PROTECT]
ROWS = [
    (Mode[mode], action, word == "yes")
    for mode, words in TABLE.items()
    for action, word in zip(COLUMNS, words.split(), strict=True)
]
SCOPES = [DESK, strategy_scope("trend"), instrument_scope("binance:BTCUSDT")]
NAMES = ["feed", "operator", "budget"]


def because(mode: Mode) -> Cause:
    return Cause(mode=mode, by="test", why="test", since=0)


@pytest.mark.parametrize(("mode", "action", "allowed"), ROWS)
def test_a_mode_allows_what_the_designs_table_says(mode, action, allowed):
    ladder = Ladder()
    ladder.set(DESK, "test", because(mode))
    assert ladder.allows(action, DESK) is allowed


def test_the_table_has_every_mode_and_action():
    assert {(mode, action) for mode, action, _ in ROWS} == set(itertools.product(Mode, Action))
    assert set(ALLOWED) == set(Mode)


def test_a_stricter_mode_never_allows_more():
    for looser, stricter in itertools.pairwise(sorted(Mode)):
        assert ALLOWED[stricter] <= ALLOWED[looser]


def test_the_ladder_is_ordered_from_normal_to_halted():
    assert [mode.name for mode in sorted(Mode)] == list(TABLE)


@pytest.mark.parametrize("mode", Mode)
def test_no_mode_blocks_an_operators_flatten(mode):
    assert Action.FLATTEN in ALLOWED[mode]


@given(st.dictionaries(st.sampled_from(SCOPES), st.sampled_from(Mode)))
def test_the_strictest_scope_that_covers_wins(modes):
    ladder = Ladder()
    for scope, mode in modes.items():
        ladder.set(scope, "test", because(mode))
    assert ladder.mode(*SCOPES) is max([Mode.NORMAL, *modes.values()])
    for scope in SCOPES:
        assert ladder.mode(scope) is modes.get(scope, Mode.NORMAL)


def test_a_scope_that_does_not_cover_has_no_say():
    ladder = Ladder()
    ladder.set(strategy_scope("other"), "test", because(Mode.HALTED))
    ladder.set(instrument_scope("trend"), "test", because(Mode.HALTED))
    assert ladder.mode(DESK, strategy_scope("trend")) is Mode.NORMAL
    assert ladder.allows(Action.NEW_RISK, DESK, strategy_scope("trend"))


STEPS = st.lists(
    st.tuples(st.sampled_from(SCOPES), st.sampled_from(NAMES), st.sampled_from(Mode)), max_size=30
)


@given(STEPS)
def test_each_cause_is_raised_changed_and_lifted_by_itself(steps):
    ladder, causes = Ladder(), {}
    for scope, name, mode in steps:
        ladder.set(scope, name, because(mode))
        causes[scope, name] = mode
        for of in SCOPES:
            modes = [m for (s, _), m in causes.items() if s == of]
            assert ladder.mode(of) is max([Mode.NORMAL, *modes])
        for (of, named), demanded in causes.items():
            assert ladder.demands(of, named) is demanded


@given(STEPS)
def test_what_is_told_is_what_is_in_force_in_a_fixed_order(steps):
    ladder, causes = Ladder(), {}
    for scope, name, mode in steps:
        ladder.set(scope, name, because(mode))
        causes[scope, name] = mode
    told = [(scope, name, cause.mode) for scope, name, cause in ladder.told()]
    in_force = [(*key, mode) for key, mode in causes.items() if mode is not Mode.NORMAL]
    assert told == sorted(in_force)


def test_lifting_one_cause_leaves_the_others():
    ladder = Ladder()
    ladder.set(DESK, "operator", because(Mode.HALTED))
    ladder.set(DESK, "feed", because(Mode.REDUCE_ONLY))
    ladder.set(DESK, "feed", because(Mode.NORMAL))
    assert ladder.mode(DESK) is Mode.HALTED
    ladder.set(DESK, "operator", because(Mode.NORMAL))
    assert ladder.mode(DESK) is Mode.NORMAL
    assert ladder.causes == {}


def test_lifting_what_was_never_raised_is_nothing():
    ladder = Ladder()
    ladder.set(DESK, "feed", because(Mode.NORMAL))
    assert ladder.told() == []
    assert ladder.demands(DESK, "feed") is Mode.NORMAL


def test_scopes_are_spelled_as_the_journal_reads_them():
    assert SCOPES == ["desk", "strategy/trend", "instrument/binance:BTCUSDT"]
