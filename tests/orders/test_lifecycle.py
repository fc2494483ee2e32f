"""The order's life, every state against every fact, by a table written from the design and not from the code.

The design's sentences behind it:
* a send ends acked, rejected or unknown; unknown never becomes a rejection by itself, and only the venue's word
  (or an absence asked past deadline and read lag) ends it;
* late, duplicate and reordered facts are harmless;
* the venue is the truth: what contradicts what we were sure of is followed (or, where following would free
  exposure, only doubted), and marked as a surprise.
"""

import itertools

import pytest

from nightdesk.orders.lifecycle import TERMINAL, TRANSITIONS, Fact, State, advance

FACTS = [
    "ACKED",
    "REFUSED",
    "UNSENT",
    "LOST",
    "WORKING",
    "FILLED",
    "CANCELLED",
    "EXPIRED",
    "REJECTED",
    "ABSENT",
]
# One word per fact, in the order above; "!" marks a surprise.
ORACLE = {
    "PENDING": "OPEN REJECTED NOT_SENT UNKNOWN OPEN FILLED CANCELLED EXPIRED REJECTED NEVER_ACCEPTED",
    "UNKNOWN": "OPEN REJECTED UNKNOWN! UNKNOWN OPEN FILLED CANCELLED EXPIRED REJECTED NEVER_ACCEPTED",
    "OPEN": "OPEN UNKNOWN! UNKNOWN! OPEN OPEN FILLED CANCELLED EXPIRED REJECTED UNKNOWN!",
    "FILLED": "FILLED FILLED! FILLED! FILLED FILLED FILLED FILLED FILLED FILLED! FILLED!",
    "CANCELLED": (
        "CANCELLED CANCELLED! CANCELLED! CANCELLED CANCELLED FILLED CANCELLED CANCELLED CANCELLED! CANCELLED!"
    ),
    "EXPIRED": "EXPIRED EXPIRED! EXPIRED! EXPIRED EXPIRED FILLED EXPIRED EXPIRED EXPIRED! EXPIRED!",
    "REJECTED": "OPEN! REJECTED REJECTED REJECTED OPEN! FILLED! CANCELLED! EXPIRED! REJECTED REJECTED",
    "NOT_SENT": "OPEN! NOT_SENT NOT_SENT NOT_SENT OPEN! FILLED! CANCELLED! EXPIRED! NOT_SENT NOT_SENT",
    "NEVER_ACCEPTED": (
        "OPEN! NEVER_ACCEPTED NEVER_ACCEPTED NEVER_ACCEPTED OPEN! FILLED! CANCELLED! EXPIRED! "
        "NEVER_ACCEPTED NEVER_ACCEPTED"
    ),
}
ROWS = [
    (State[state], Fact[fact], State[word.rstrip("!")], word.endswith("!"))
    for state, words in ORACLE.items()
    for fact, word in zip(FACTS, words.split(), strict=True)
]
PAIRS = list(itertools.product(State, Fact))
NEVER_LIVED = {State.REJECTED, State.NOT_SENT, State.NEVER_ACCEPTED}


def test_the_oracle_has_every_pair_once():
    assert sorted((s, f) for s, f, _, _ in ROWS) == sorted(PAIRS)


@pytest.mark.parametrize(
    ("state", "fact", "then", "surprise"), ROWS, ids=[f"{s}-{f}" for s, f, _, _ in ROWS]
)
def test_every_fact_in_every_state_leads_where_the_design_says(state, fact, then, surprise):
    step = advance(state, fact)
    assert (step.state, step.surprise) == (then, surprise)


def test_the_table_has_a_row_for_every_pair_and_no_other():
    assert {(s, f) for s, row in TRANSITIONS.items() for f in row} == set(PAIRS)


def test_live_and_terminal_states_are_told_apart():
    assert set(State) - TERMINAL == {State.PENDING, State.OPEN, State.UNKNOWN}


@pytest.mark.parametrize(("state", "fact"), PAIRS)
def test_no_ended_order_lives_again_without_a_surprise(state, fact):
    step = advance(state, fact)
    if state in TERMINAL and step.state not in TERMINAL:
        assert step.surprise


@pytest.mark.parametrize("fact", Fact)
def test_filled_is_for_good(fact):
    assert advance(State.FILLED, fact).state is State.FILLED


@pytest.mark.parametrize("state", State)
def test_no_silence_ever_frees_an_order(state):
    """A lost answer leaves the venue's word standing and never rejects anything."""
    then = advance(state, Fact.LOST).state
    assert then is (State.UNKNOWN if state is State.PENDING else state)


@pytest.mark.parametrize("fact", [Fact.REFUSED, Fact.UNSENT, Fact.ABSENT])
def test_an_order_the_venue_was_seen_to_hold_is_doubted_but_not_freed_by_a_contradiction(fact):
    step = advance(State.OPEN, fact)
    assert step.surprise
    assert step.state not in TERMINAL


@pytest.mark.parametrize(("state", "fact"), PAIRS)
def test_the_same_fact_twice_says_nothing_new(state, fact):
    once = advance(state, fact)
    assert advance(once.state, fact).state is once.state or once.surprise


@pytest.mark.parametrize(
    ("state", "fact"),
    [
        (state, fact)
        for state in sorted(NEVER_LIVED)
        for fact in (Fact.ACKED, Fact.WORKING, Fact.FILLED, Fact.CANCELLED)
    ],
)
def test_any_sign_of_life_of_an_order_the_venue_did_not_have_is_followed_as_a_surprise(state, fact):
    step = advance(state, fact)
    assert step.surprise
    assert step.state not in NEVER_LIVED
