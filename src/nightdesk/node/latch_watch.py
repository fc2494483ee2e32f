"""A halt that was left for this desk while nobody could tell it: found at the start, and while it runs.

It is in force at once, and taken away once it is in the journal: a crash in between finds it again.
"""

from functools import partial

from nightdesk.control.latch import Latch
from nightdesk.desk.emergency import CAUSE
from nightdesk.desk.events import Event, Health, Pause
from nightdesk.model.mode import Mode
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.modes.ladder import DESK
from nightdesk.ports.latch import LatchPlace
from nightdesk.runtime.shell import Shell

EVERY_NS = SECOND_NS


class LatchWatch:
    """Looks once a second."""

    def __init__(self, place: LatchPlace, shell: Shell) -> None:
        self._place = place
        self._shell = shell
        self._heeded: Latch | None = None
        self._looked = LONG_AGO

    def look(self, now: Mono) -> None:
        """Heed what lies there, once; it may lie there longer than it should."""
        if now - self._looked < EVERY_NS:
            return
        self._looked = now
        latch = self._place.found()
        if latch is None or latch == self._heeded:
            return
        self._heeded = latch
        self._shell.say("warning", "latch.found", by=latch.by, why=latch.why)
        self._shell.handle(_event(latch), partial(self._place.take_away, latch))


def _event(latch: Latch) -> Event:
    if latch.halted:
        why = f"{latch.by} left a latch: {latch.why}"
        return Health(scope=DESK, cause=CAUSE, mode=Mode.HALTED, why=why)
    return Pause(reason=latch.why, by=latch.by)
