"""What an outcome asks of whoever hears it. Its verdict says what became of the request; this says, by its
reason, what it means for the venue: may the question be asked again, does a breaker count it, what may the
desk still do there, and must a person hear of it.
"""

from collections.abc import Mapping
from enum import StrEnum, auto

import msgspec

from nightdesk.model.outcome import Reason


class Severity(StrEnum):
    """How much an outcome says of the venue, from nothing to everything."""

    FINE = auto()
    ROUTINE = auto()  # of this request alone: the venue works
    PASSING = auto()  # the venue, or the way there, failed: another try may not
    HOLD = auto()  # the venue wants to be left alone for a while
    PERSON = auto()  # no try helps: somebody has to look


class Again(StrEnum):
    """Whether a question, or a cancel by our own id, may be asked again. An order is never sent twice."""

    NO = auto()
    SOON = auto()  # after a back-off
    AFTER_WAIT = auto()  # not before the venue's wait is over
    AFTER_CLOCK = auto()  # not before the venue's clock was read


class Bearing(msgspec.Struct, frozen=True, kw_only=True):
    """What one reason drives.

    `failure` is whether a breaker counts it. `cause` names what takes new risk away in the venue's scope: until
    the venue's wait is over, or, of severity PERSON, until somebody resumes. `alert` is the level at which the
    log tells it, whatever was asked; empty where nobody needs to hear of the venue.
    """

    severity: Severity
    again: Again = Again.NO
    failure: bool = False
    cause: str = ""
    alert: str = ""


_ROUTINE = Bearing(severity=Severity.ROUTINE)
_PASSING = Bearing(severity=Severity.PASSING, again=Again.SOON, failure=True)

BEARINGS: Mapping[Reason, Bearing] = {
    Reason.NONE: Bearing(severity=Severity.FINE),
    Reason.PERMANENT: _ROUTINE,
    Reason.BY_STATE: _ROUTINE,
    Reason.BY_BALANCE: Bearing(severity=Severity.ROUTINE, cause="funds"),
    Reason.LATCHED: _ROUTINE,
    Reason.BREAKER: _ROUTINE,  # its change is told by itself
    Reason.CONNECTION: _PASSING,
    Reason.TIMEOUT: _PASSING,
    Reason.VENUE_ERROR: _PASSING,
    Reason.UNREADABLE: Bearing(
        severity=Severity.PASSING, again=Again.SOON, failure=True, alert="warning"
    ),
    Reason.CLOCK: Bearing(severity=Severity.PASSING, again=Again.AFTER_CLOCK, alert="warning"),
    # A wait is heeded by whoever sends; counted as failures, waits would keep a venue shut that is well again.
    Reason.THROTTLED: Bearing(
        severity=Severity.HOLD, again=Again.AFTER_WAIT, cause="throttled", alert="warning"
    ),
    Reason.MAINTENANCE: Bearing(
        severity=Severity.HOLD, again=Again.AFTER_WAIT, cause="maintenance", alert="warning"
    ),
    Reason.BANNED: Bearing(
        severity=Severity.HOLD, again=Again.AFTER_WAIT, cause="throttled", alert="error"
    ),
    Reason.AUTH: Bearing(severity=Severity.PERSON, cause="auth", alert="error"),
    # What nobody can read is no success; the order's own doubt is what stops new risk.
    Reason.UNMAPPED: Bearing(severity=Severity.PERSON, failure=True, alert="error"),
}
