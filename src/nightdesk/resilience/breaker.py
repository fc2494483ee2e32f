"""A breaker: holds calls back from what keeps failing, and lets a few through to see whether it works again.

The semantics are resilience4j's (`CircuitBreakerStateMachine`, `CircuitBreakerMetrics`, read 2026-11-22 at its
state of 2026-05-05), with these differences, each for a desk:

* Failures in a row open it too, where `Rules` says so: an order is rare, and a minimum of calls that is never
  reached would never break.
* A result counts only for the state its call began in: one that comes late judges nothing, and gives no permit
  back to a state that lent none.
* A wait that the other side asks for is heeded whenever it is heard, also half open and open (there: longer).
* Time passes by itself: a state lasts as long as it says, not until somebody looks.

Pure: `now` comes as an argument and never falls. What was cancelled is neither success nor failure.
"""

from collections.abc import Callable
from enum import StrEnum, auto

import msgspec

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.resilience.window import LastCalls, LastWhile, Tally, Window


class State(StrEnum):
    """What a breaker does with a call."""

    CLOSED = auto()  # lets it through and counts how it ends
    OPEN = auto()  # holds it back, for a while
    HALF_OPEN = auto()  # lets a few through; how they end decides
    FORCED_OPEN = auto()  # holds it back until somebody sets another state
    DISABLED = auto()  # lets it through and counts nothing
    METRICS_ONLY = auto()  # lets it through and counts, and decides nothing


OPENED = frozenset({State.OPEN, State.FORCED_OPEN})
_COUNTING = frozenset({State.CLOSED, State.METRICS_ONLY})


def growing(first_ns: int, most_ns: int) -> Callable[[int], int]:
    """A wait that doubles with every time it opens again, up to `most_ns`."""

    def wait_ns(attempt: int) -> int:
        return min(first_ns << min(attempt - 1, 32), most_ns)

    return wait_ns


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens, for how long, and what closes it. The defaults are resilience4j's.

    It opens when at least `calls_min` calls are looked at (and no more than the window holds) and of them
    `failed_percent` failed or `slow_percent` took longer than `slow_ns`; or after `in_a_row_max` failures in a
    row (0: never by that). `wait_ns` says for how long, by how often it opened since it was closed, from 1.
    Half open, `half_open_calls` calls are let through at a time, and as many (or `calls_min`, if that is less)
    decide; after `half_open_max_ns` (0: never) without a decision it goes to `then`.
    """

    window: Window = LastCalls(100)
    calls_min: int = 100
    failed_percent: int = 50
    slow_percent: int = 100
    slow_ns: int = 60 * SECOND_NS
    in_a_row_max: int = 0
    wait_ns: Callable[[int], int] = growing(60 * SECOND_NS, 60 * SECOND_NS)
    half_open_calls: int = 10
    half_open_max_ns: int = 0
    then: State = State.OPEN

    def __post_init__(self) -> None:
        if self.calls_min < 1 or self.half_open_calls < 1:
            raise ValueError("calls_min and half_open_calls are at least 1: nothing else decides")
        if not (0 < self.failed_percent <= 100 and 0 < self.slow_percent <= 100):
            raise ValueError("failed_percent and slow_percent are 1 to 100")
        if self.then not in (State.OPEN, State.CLOSED):
            raise ValueError(f"half open leads to open or closed, not to {self.then}")

    @property
    def decisive(self) -> int:
        """How many calls are looked at, closed, before a rate means anything."""
        window = self.window
        return self.calls_min if isinstance(window, LastWhile) else min(self.calls_min, window.most)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker went from one state to another; open, it stays so at least until then."""

    before: State
    after: State
    at: Mono
    why: str
    until: Mono | None = None


class Permit:
    """One call that was let through. It is settled once: succeeded, failed or released."""

    __slots__ = ("began", "generation", "settled")

    def __init__(self, generation: int, began: Mono) -> None:
        self.generation = generation
        self.began = began
        self.settled = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is shown: `over` is what would open it now, or why it was opened."""

    state: State
    tally: Tally
    over: str
    until: Mono | None


def _told(_: Change) -> None:
    """Nobody listens."""


class Breaker:
    """One breaker; `changed` hears of every change when it is noticed."""

    def __init__(
        self,
        rules: Rules,
        *,
        state: State = State.CLOSED,
        changed: Callable[[Change], None] = _told,
    ) -> None:
        self._rules = rules
        self._changed = changed
        self._state = State.CLOSED
        self._generation = 0
        self._window = rules.window.opened()
        self._in_a_row = 0
        self._opened = 0  # times since it was last closed
        self._permits = 0  # left, half open
        self._why = ""
        self._until: Mono | None = None  # when time alone changes the state
        if state is not State.CLOSED:
            self._become(state, Mono(0), "set so")

    def state(self, now: Mono) -> State:
        """The state, with what time brought."""
        while self._until is not None and now >= self._until:
            self._pass(self._until)
        return self._state

    def acquire(self, now: Mono) -> Permit | None:
        """A call wants through; None where it is held back."""
        state = self.state(now)
        if state in OPENED:
            return None
        if state is State.HALF_OPEN:
            if not self._permits:
                return None
            self._permits -= 1
        return Permit(self._generation, now)

    def succeeded(self, permit: Permit, now: Mono) -> None:
        """It ended as it should, perhaps slowly."""
        self._ended(permit, now, failed=False)

    def failed(self, permit: Permit, now: Mono, *, wait_ns: int = 0, why: str = "") -> None:
        """It failed; `wait_ns` where the other side said for how long it wants no calls."""
        self._ended(permit, now, failed=True)
        if wait_ns > 0:
            self._heed(now, wait_ns, why or "told to wait")

    def released(self, permit: Permit, now: Mono) -> None:
        """It was cancelled, or says nothing about the other side: the permit goes back, nothing is counted."""
        self._settle(permit)
        if self.state(now) is State.HALF_OPEN and permit.generation == self._generation:
            self._permits += 1

    def set(self, state: State, now: Mono, why: str) -> None:
        """Somebody wants this state; with another than the present one everything begins anew."""
        if self.state(now) is not state:
            self._become(state, now, why)

    def told(self, now: Mono) -> Standing:
        """How it stands."""
        state = self.state(now)
        over = self._why if state in OPENED else self._over(now)
        return Standing(state=state, tally=self._window.tally(now), over=over, until=self._until)

    def _ended(self, permit: Permit, now: Mono, *, failed: bool) -> None:
        self._settle(permit)
        state = self.state(now)
        counts = state in _COUNTING or state is State.HALF_OPEN
        if permit.generation != self._generation or not counts:
            return
        self._window.record(now, failed=failed, slow=now - permit.began > self._rules.slow_ns)
        self._in_a_row = self._in_a_row + 1 if failed else 0
        if state is State.METRICS_ONLY:
            return
        over = self._over(now)
        if over:
            self._become(State.OPEN, now, over)
        elif state is State.HALF_OPEN and self._window.tally(now).calls >= self._decisive:
            self._become(State.CLOSED, now, "it works again")

    def _settle(self, permit: Permit) -> None:
        assert not permit.settled, "a call ends once"
        permit.settled = True

    @property
    def _decisive(self) -> int:
        rules = self._rules
        half_open = self._state is State.HALF_OPEN
        return min(rules.calls_min, rules.half_open_calls) if half_open else rules.decisive

    def _over(self, now: Mono) -> str:
        """What would open it, or nothing."""
        rules, seen = self._rules, self._window.tally(now)
        if 0 < rules.in_a_row_max <= self._in_a_row:
            return f"{self._in_a_row} failed in a row"
        if seen.calls < self._decisive:
            return ""
        if seen.failed * 100 >= rules.failed_percent * seen.calls:
            return f"{seen.failed} of {seen.calls} failed"
        if seen.slow * 100 >= rules.slow_percent * seen.calls:
            return f"{seen.slow} of {seen.calls} took over {rules.slow_ns / SECOND_NS:g} s"
        return ""

    def _heed(self, now: Mono, wait_ns: int, why: str) -> None:
        state, until = self._state, Mono(now + wait_ns)
        if state in (State.CLOSED, State.HALF_OPEN):
            self._become(State.OPEN, now, why, until)
        elif state is State.OPEN and self._until is not None:
            self._until = max(self._until, until)

    def _pass(self, at: Mono) -> None:
        """The state's own time is over."""
        if self._state is State.OPEN:
            self._become(State.HALF_OPEN, at, "the wait is over")
        else:
            assert self._state is State.HALF_OPEN, "only open and half open end by time"
            self._become(self._rules.then, at, "nothing was decided half open")

    def _become(self, state: State, at: Mono, why: str, not_before: Mono | None = None) -> None:
        """Every change is made here: a new generation with nothing counted."""
        rules, before = self._rules, self._state
        self._state, self._why, self._until = state, why, None
        self._generation += 1
        self._in_a_row, self._permits = 0, 0
        self._window = rules.window.opened()
        match state:
            case State.OPEN:
                self._opened += 1
                until = at + max(1, rules.wait_ns(self._opened))
                self._until = Mono(max(until, not_before or 0))
            case State.HALF_OPEN:
                self._permits = rules.half_open_calls
                self._window = LastCalls(rules.half_open_calls).opened()
                if rules.half_open_max_ns > 0:
                    self._until = Mono(at + rules.half_open_max_ns)
            case State.CLOSED | State.FORCED_OPEN | State.DISABLED | State.METRICS_ONLY:
                self._opened = 0
        self._changed(Change(before=before, after=state, at=at, why=why, until=self._until))
