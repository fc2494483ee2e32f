"""What a reader says of a recording: how much was readable, where it was not, and why.

Owns the report that every format shares. Refuses to judge whether a recording is good enough to play.
"""

from dataclasses import dataclass, field

import msgspec

_BAD_KEPT_MAX = 10  # enough to recognise a pattern; the count says how many there were


class BadPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a recording that could not be read, and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class ReadReport:
    """How much of a recording was readable. Grows while the recording is being read."""

    good: int = 0
    bad: int = 0
    repeated: int = 0  # readable, and told by an earlier file; neither good nor bad
    first_bad: list[BadPlace] = field(default_factory=list)

    def note_bad(self, place: BadPlace) -> None:
        """Count a bad place; keep the first few of them."""
        self.bad += 1
        if len(self.first_bad) < _BAD_KEPT_MAX:
            self.first_bad.append(place)


class BrokenCapture(Exception):
    """The file ends or breaks in the middle; what came before was good."""
