"""Errors, by what the caller can still believe.

* `NightdeskError`
    * `OperatingError`: expected; handled where it is caught
        * `ProtocolViolation`: the venue said what its protocol forbids; quarantine it
        * `StreamOver`: the venue says that a stream ends here; open it anew
        * `StreamEnding`: the venue says that it will end soon; open the next one before it does
        * `Fenced`: a newer epoch writes, or the head is another's; stand down
        * `AppendRefused`: the journal definitely did not write (full, constraint)
            * `Locked`: since somebody else may write, and does not end
        * `AppendUnknown`: the journal perhaps wrote; resolve before anything else
        * `LeaseHeld`: another node leads; names it
        * `TaskEnded`: a part of the node that must always run has ended; the next life starts whole
        * `RulesChanged`: a venue has other rules than this life began with; the next one takes them
    * `CorruptionError`: bytes disagree with their checksum or chain; halt, never repair in place
    * `BadInput`: something a person wrote cannot be used; names the place and what to do

A broken invariant of ours is none of these: it is an `AssertionError`, and fatal. The outcome of a send is
not an error at all but a value, `nightdesk.model.outcome`.
"""


class NightdeskError(Exception):
    """The root; never raised itself."""


class OperatingError(NightdeskError):
    """Expected while running; handled where it is caught."""


class ProtocolViolation(OperatingError):
    """The venue said what its protocol forbids."""


class StreamOver(OperatingError):
    """The venue says that this stream tells nothing any more."""


class StreamEnding(OperatingError):
    """The venue says that it will end this stream soon."""


class Fenced(OperatingError):
    """A newer epoch writes, or the journal's head is another's."""


class AppendRefused(OperatingError):
    """The journal definitely did not write."""


class Locked(AppendRefused):
    """Another process holds the journal's lock."""


class AppendUnknown(OperatingError):
    """The journal may or may not have written."""


class LeaseHeld(OperatingError):
    """Another node holds the lease."""


class TaskEnded(OperatingError):
    """A part of the node that must always run has ended."""


class RulesChanged(OperatingError):
    """A venue has other rules than this life began with."""


class CorruptionError(NightdeskError):
    """Bytes disagree with their checksum or their chain."""


class BadInput(NightdeskError):
    """What a person wrote cannot be used; the message names the place and the way out."""
