"""What a venue's breakers come to: lines in the log, and what the desk may still risk there."""

from collections.abc import Callable

from nightdesk.desk.events import Event, Health
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS
from nightdesk.resilience.breaker import OPENED, Change, State
from nightdesk.runtime.guard import Guard, Operation


class BreakerWatch:
    """Hears one venue's guard. Only what new risk meets changes a mode: nothing closes the way out."""

    def __init__(
        self,
        scope: str,
        guard: Guard,
        *,
        tell: Callable[[Event], None],
        say: Callable[..., None],
    ) -> None:
        self._scope = scope
        self._guard = guard
        self._tell = tell
        self._say = say

    def begin(self) -> None:
        """From now on it is heard; what an earlier life met is past."""
        self._guard.changed = self._changed
        standing = self._guard.standing(Operation.ENTRY)
        self._risk(standing.state, standing.over or "entries are let through")

    def look(self) -> None:
        """At every tick: what did time bring?"""
        self._guard.look()

    def _changed(self, operation: Operation, change: Change) -> None:
        lasts = "" if change.until is None else f"{(change.until - change.at) / SECOND_NS:.3g}"
        self._say(
            "info" if change.after is State.CLOSED else "warning",
            "breaker.changed",
            operation=str(operation),
            state=str(change.after),
            before=str(change.before),
            why=change.why,
            at_most_s=lasts,
        )
        if operation is Operation.ENTRY:
            self._risk(change.after, change.why)

    def _risk(self, state: State, why: str) -> None:
        mode = Mode.NORMAL
        if state in OPENED:
            mode = Mode.REDUCE_ONLY
        elif state is State.HALF_OPEN:
            mode = Mode.CAUTIOUS
        self._tell(Health(scope=self._scope, cause="breaker", mode=mode, why=why))
