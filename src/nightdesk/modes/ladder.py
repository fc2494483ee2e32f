"""The modes, what each allows, and the causes that demand them.

A scope ("desk", "venue/NAME", "strategy/NAME", "instrument/ID") is in the strictest mode that any of its causes
demands; the strictest scope that covers an order wins. A cause is lifted by whoever raised it: an automatic one
by its watcher, an operator's by an operator only.
"""

from enum import StrEnum, auto
from functools import lru_cache

import msgspec

from nightdesk.model.ids import InstrumentId, StrategyId, venue_of
from nightdesk.model.mode import Mode


class Action(StrEnum):
    """What the desk may want to do."""

    NEW_RISK = auto()
    REDUCE = auto()
    CANCEL = auto()
    FLATTEN = auto()
    PROTECT = auto()


ALLOWED: dict[Mode, frozenset[Action]] = {
    Mode.NORMAL: frozenset(Action),
    Mode.CAUTIOUS: frozenset(Action),
    Mode.REDUCE_ONLY: frozenset({Action.REDUCE, Action.CANCEL, Action.FLATTEN, Action.PROTECT}),
    Mode.CANCEL_ONLY: frozenset({Action.CANCEL, Action.FLATTEN, Action.PROTECT}),
    Mode.FLATTENING: frozenset({Action.CANCEL, Action.FLATTEN, Action.PROTECT}),
    Mode.HALTED: frozenset({Action.FLATTEN, Action.PROTECT}),
}

NAMES = {mode: mode.name for mode in Mode}  # `.name` is slow, and every order asks for it
NORMAL = Mode.NORMAL  # a member is looked up slowly, and every tick asks several times
DESK = "desk"


def venue_scope(venue: str) -> str:
    """The scope of one of several venues."""
    return f"venue/{venue}"


def strategy_scope(strategy: str) -> str:
    """The scope of one strategy."""
    return f"strategy/{strategy}"


@lru_cache(maxsize=256)
def instrument_scope(instrument: str) -> str:
    """The scope of one instrument."""
    return f"instrument/{instrument}"


@lru_cache(maxsize=256)
def scopes(strategy: StrategyId, instrument: InstrumentId) -> tuple[str, str, str, str]:
    """Every scope that covers an order."""
    venue = venue_scope(venue_of(instrument))
    return DESK, venue, strategy_scope(strategy), instrument_scope(instrument)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a scope is in a mode: who or what demanded it, when (UTC ns)."""

    mode: Mode
    by: str
    why: str
    since: int


class Ladder:
    """Causes by scope; mutable, one writer, the desk's fold."""

    def __init__(self) -> None:
        self.causes: dict[str, dict[str, Cause]] = {}

    def set(self, scope: str, name: str, cause: Cause) -> None:
        """Raise, change or (with NORMAL) lift one cause."""
        if cause.mode is Mode.NORMAL:
            named = self.causes.get(scope, {})
            named.pop(name, None)
            if not named:
                self.causes.pop(scope, None)
            return
        self.causes.setdefault(scope, {})[name] = cause

    def holds(self, scope: str, name: str) -> bool:
        """Whether one cause demands anything now."""
        named = self.causes.get(scope)
        return named is not None and name in named

    def demands(self, scope: str, name: str) -> Mode:
        """What one cause demands now."""
        named = self.causes.get(scope)
        cause = None if named is None else named.get(name)
        return NORMAL if cause is None else cause.mode

    def mode(self, *scopes: str) -> Mode:
        """The strictest mode over the scopes that cover something."""
        strictest = NORMAL
        if not self.causes:
            return strictest
        for scope in scopes:
            for cause in self.causes.get(scope, {}).values():
                strictest = max(strictest, cause.mode)
        return strictest

    def allows(self, action: Action, *scopes: str) -> bool:
        """Whether `action` is allowed by every scope."""
        return action in ALLOWED[self.mode(*scopes)]

    def told(self) -> list[tuple[str, str, Cause]]:
        """Every cause in force, in a fixed order."""
        return [
            (scope, name, cause)
            for scope, named in sorted(self.causes.items())
            for name, cause in sorted(named.items())
        ]
