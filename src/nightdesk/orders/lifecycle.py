"""The life of an order as one table.

Late, duplicate and reordered facts are rows, never exceptions. A fact that contradicts what we were sure of
(an order we were told was refused is working) follows the venue, which is the truth, and is marked as a
surprise: the desk then stops new risk until someone has looked.
"""

from enum import StrEnum, auto

import msgspec


class State(StrEnum):
    """What we know about an order. Everything from FILLED on is terminal."""

    PENDING = auto()  # intended; nothing is known of its send yet
    OPEN = auto()
    UNKNOWN = auto()
    FILLED = auto()
    CANCELLED = auto()
    EXPIRED = auto()
    REJECTED = auto()
    NOT_SENT = auto()
    NEVER_ACCEPTED = auto()


class Fact(StrEnum):
    """What can be learnt about an order."""

    ACKED = auto()  # the answer to our send: the venue has it
    REFUSED = auto()  # the answer to our send: the venue does not have it
    UNSENT = auto()
    LOST = auto()  # no answer that can be believed
    WORKING = auto()
    FILLED = auto()
    CANCELLED = auto()
    EXPIRED = auto()
    REJECTED = auto()  # a report says so
    ABSENT = auto()  # asked after deadline and read lag: the venue never had it


TERMINAL = frozenset(
    {
        State.FILLED,
        State.CANCELLED,
        State.EXPIRED,
        State.REJECTED,
        State.NOT_SENT,
        State.NEVER_ACCEPTED,
    }
)


class Step(msgspec.Struct, frozen=True):
    """Where a fact leads, and whether it contradicts what we were sure of."""

    state: State
    surprise: bool = False


def _to(state: State) -> Step:
    return Step(state)


def _surprise(state: State) -> Step:
    return Step(state, surprise=True)


_FRESH = {  # nothing certain is known: every fact teaches
    Fact.ACKED: _to(State.OPEN),
    Fact.REFUSED: _to(State.REJECTED),
    Fact.UNSENT: _to(State.NOT_SENT),
    Fact.LOST: _to(State.UNKNOWN),
    Fact.WORKING: _to(State.OPEN),
    Fact.FILLED: _to(State.FILLED),
    Fact.CANCELLED: _to(State.CANCELLED),
    Fact.EXPIRED: _to(State.EXPIRED),
    Fact.REJECTED: _to(State.REJECTED),
    Fact.ABSENT: _to(State.NEVER_ACCEPTED),
}


def _ended(state: State) -> dict[Fact, Step]:
    """Rows of an order that lived and ended: late news of its life changes nothing but FILLED."""
    return {
        Fact.ACKED: _to(state),
        Fact.REFUSED: _surprise(state),
        Fact.UNSENT: _surprise(state),
        Fact.LOST: _to(state),
        Fact.WORKING: _to(state),
        Fact.FILLED: _to(State.FILLED),
        Fact.CANCELLED: _to(state),
        Fact.EXPIRED: _to(state),
        Fact.REJECTED: _surprise(state),
        Fact.ABSENT: _surprise(state),
    }


def _never_lived(state: State) -> dict[Fact, Step]:
    """Rows of an order we were sure the venue did not have: any sign of life is a surprise."""
    return {
        Fact.ACKED: _surprise(State.OPEN),
        Fact.REFUSED: _to(state),
        Fact.UNSENT: _to(state),
        Fact.LOST: _to(state),
        Fact.WORKING: _surprise(State.OPEN),
        Fact.FILLED: _surprise(State.FILLED),
        Fact.CANCELLED: _surprise(State.CANCELLED),
        Fact.EXPIRED: _surprise(State.EXPIRED),
        Fact.REJECTED: _to(state),
        Fact.ABSENT: _to(state),
    }


TRANSITIONS: dict[State, dict[Fact, Step]] = {
    State.PENDING: _FRESH,
    State.UNKNOWN: {**_FRESH, Fact.UNSENT: _surprise(State.UNKNOWN)},
    State.OPEN: {
        Fact.ACKED: _to(State.OPEN),
        Fact.REFUSED: _surprise(State.UNKNOWN),
        Fact.UNSENT: _surprise(State.UNKNOWN),
        Fact.LOST: _to(State.OPEN),
        Fact.WORKING: _to(State.OPEN),
        Fact.FILLED: _to(State.FILLED),
        Fact.CANCELLED: _to(State.CANCELLED),
        Fact.EXPIRED: _to(State.EXPIRED),
        Fact.REJECTED: _to(State.REJECTED),
        Fact.ABSENT: _surprise(State.UNKNOWN),
    },
    State.FILLED: _ended(State.FILLED),
    State.CANCELLED: _ended(State.CANCELLED),
    State.EXPIRED: _ended(State.EXPIRED),
    State.REJECTED: {
        **_never_lived(State.REJECTED),
        Fact.UNSENT: _to(State.REJECTED),
    },
    State.NOT_SENT: _never_lived(State.NOT_SENT),
    State.NEVER_ACCEPTED: _never_lived(State.NEVER_ACCEPTED),
}


def advance(state: State, fact: Fact) -> Step:
    """The next state. Every pair has a row; a test walks them all."""
    return TRANSITIONS[state][fact]
