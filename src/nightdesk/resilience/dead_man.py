"""A venue's dead man's switch, of one instrument: when its countdown is begun anew, and when it is stopped.

The venue cancels every order of an instrument once it was not asked again for so long. Entries shall end like
that when nobody looks after them any more; what protects or closes a position never shall. Told anew at every
look what rests, so nothing is lost where an answer is: a request whose outcome nobody knows only leaves it open
whether a countdown runs. Times are CLOCK_BOOTTIME. Refuses to send, and to know who leads.
"""

from enum import StrEnum, auto

import msgspec

from nightdesk.model.errors import BadInput
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono

LEAST_NS = 10 * SECOND_NS
TERMS = 3  # a takeover outwaits one term of the lease, and then looks around
AGAIN_NS = SECOND_NS  # after a request that did nothing
STRAY_NS = 3 * SECOND_NS  # after one of unknown outcome: past the deadline of every request of ours


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders of ours rest at the venue in an instrument, or may."""

    entries: bool = False
    exits: bool = False  # what protects or closes a position


class Act(StrEnum):
    """What to ask of the venue."""

    BEGIN = auto()
    STOP = auto()


def checked(length_ns: int, ttl_ns: int) -> int:
    """The length, in ns, where it is 0 for none, or longer than another node needs to take over a lease of
    `ttl_ns`; raises `BadInput`."""
    least_ns = max(LEAST_NS, TERMS * ttl_ns)
    if 0 < length_ns < least_ns:
        raise BadInput(
            f"a dead man's switch of {length_ns / SECOND_NS:g} s would cancel orders that another node is "
            f"about to take over: dead_man_s is at least {least_ns / SECOND_NS:g} here, or 0 for none"
        )
    return length_ns


class Countdown:
    """What is known of one instrument's. Mutable; one writer.

    `inherited` is whether somebody may have begun one before `now`: it runs until one length later at most.
    """

    def __init__(self, length_ns: int, now: Mono, *, inherited: bool) -> None:
        self.length_ns = length_ns
        self.under_way: Act | None = None
        self._at_most = Mono(now + length_ns) if inherited else LONG_AGO  # it may run until then
        self._since = now
        self._at_least = LONG_AGO  # it runs until then for sure, if it was begun
        self._begun = LONG_AGO  # when the venue was asked for the one that runs
        self._stopped = LONG_AGO
        self._asked = LONG_AGO
        self._before = self._at_most  # of what is under way: until when one may have run without it
        self._not_before = LONG_AGO
        self._failing: Mono | None = None  # since when it should run anew and does not

    def act(self, resting: Resting, now: Mono, *, leaving: bool = False) -> Act | None:
        """What to ask for now, if anything. `leaving` is whether the desk is about to end in order: then one
        that nothing needs is stopped at once."""
        begins = resting.entries and not resting.exits
        if not begins:
            self._failing = None
        if self.under_way is not None or now < self._not_before:
            return None
        due = now - self._begun >= self.length_ns // 3
        if begins:
            # A strategy that turns from entries to exits and back spends no more than a renewal does.
            if not due or now - self._stopped < self.length_ns // 6:
                return None
            self._failing = now if self._failing is None else self._failing
            return Act.BEGIN
        if not self.may_run(now):
            return None
        # A node that starts again and again spends nothing on what an earlier one may have left over nothing.
        idle = due and now - self._since >= self.length_ns // 3
        return Act.STOP if resting.exits or leaving or idle else None

    def asked(self, act: Act, now: Mono) -> None:
        """The request leaves."""
        self.under_way, self._asked, self._before = act, now, self._at_most
        if act is Act.BEGIN:
            self._at_most = Mono(max(self._at_most, now + STRAY_NS + self.length_ns))
        else:
            self._at_least = self._begun = LONG_AGO

    def ended(self, verdict: Verdict, now: Mono) -> None:
        """What came of it."""
        act, self.under_way = self.under_way, None
        if verdict is Verdict.UNKNOWN:
            self._not_before = Mono(self._asked + STRAY_NS)
        elif verdict is not Verdict.ACKED:
            self._at_most = self._before
            self.held_back(now)
        elif act is Act.BEGIN:
            self._begun, self._failing = self._asked, None
            self._at_least = Mono(self._asked + self.length_ns)
            self._at_most = Mono(now + self.length_ns)
        else:
            self._stopped, self._at_most = now, LONG_AGO

    def held_back(self, now: Mono) -> None:
        """Nothing could be asked just now."""
        self._not_before = Mono(now + AGAIN_NS)

    def runs(self, now: Mono) -> bool:
        """Whether one runs for sure."""
        return now < self._at_least

    def may_run(self, now: Mono) -> bool:
        """Whether one may run."""
        return now < self._at_most

    def left_ns(self, now: Mono) -> int | None:
        """How long it runs at least; None where none runs for sure."""
        return self._at_least - now if self.runs(now) else None

    def failing_ns(self, now: Mono) -> int:
        """For how long it has been due without having been begun."""
        return 0 if self._failing is None else now - self._failing
