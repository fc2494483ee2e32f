"""Whether somebody leads, for how long nobody has, what a person is told of it, and when to act. Pure.

Time counts as a challenger counts it: between two reads that found the same, on this process's own clock, and
no more than a step of it. A guardian that was suspended, or could not read, begins to count anew or counts no
further; what it could not read is told, and by itself no ground to act.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum, auto

import msgspec

from nightdesk.model.ids import Epoch
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.ports.journal import Holder, LeaseView, Presence
from nightdesk.runtime.challenge import STEP_MAX_NS, Stillness

TELL_AFTER_NS = SECOND_NS  # a standby leads within a fraction of it, and nobody is woken
FRESH_NS = 3 * SECOND_NS  # how old what a node says of itself may be
JOINS_WITHIN_NS = 10 * SECOND_NS  # how long nobody may stand by before that is told


class Finding(StrEnum):
    """What the lease says."""

    NEVER_LED = auto()
    LED = auto()
    UNLED = auto()
    UNREAD = auto()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is told: `event` for programs, `why` for people."""

    level: str
    event: str
    why: str


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to act, and in words what it `does` then, "" where it only tells; `blind` acts also where the lease
    could not be read for as long, once somebody was seen to lead."""

    after_ns: int
    does: str = ""
    blind: bool = False


class Watch:
    """`gone` says of a holder whether it has ended for certain. `dealt_with` is the epoch of an outage that was
    seen to: nobody acts on it again."""

    def __init__(
        self, policy: Policy, gone: Callable[[Holder], bool], dealt_with: Epoch | None = None
    ) -> None:
        self.view: LeaseView | None = None
        self.finding = Finding.LED
        self.why = ""
        self._policy = policy
        self._gone = gone
        self._dealt_with = dealt_with
        self._dealt_blind = True  # until somebody was seen to lead
        self._stillness = Stillness()
        self._looked: Mono | None = None
        self._lasts_ns = 0  # the finding
        self._waits_ns = 0  # the same, or since it was acted on in vain
        self._told = Finding.LED
        self._alone_ns = 0
        self._told_alone = False

    def look(self, seen: LeaseView | str, now: Mono) -> list[Alert]:
        """One look at the lease, or why it could not be read; what is to be told."""
        step = 0 if self._looked is None else min(now - self._looked, STEP_MAX_NS)
        view = None if isinstance(seen, str) else seen
        finding, why = self._found(seen, now)
        same = finding is self.finding and _epoch(view) == _epoch(self.view)
        self._lasts_ns = self._lasts_ns + step if same else 0
        self._waits_ns = self._waits_ns + step if same else 0
        self._looked, self.view, self.finding, self.why = now, view, finding, why
        if finding is Finding.LED:
            self._dealt_with, self._dealt_blind = None, False
            self._alone_ns += step
        else:
            self._alone_ns = 0
        return self._alerts()

    def stands_by(self, nodes: Sequence[Presence], now: Mono) -> list[Alert]:
        """What the nodes say of themselves, heard while somebody leads; what is to be told."""
        if self.finding is not Finding.LED:
            return []
        lately = [n for n in nodes if not n.leads and now - n.at <= FRESH_NS]
        beside = [node for node in lately if not self._gone(node.holder)]
        fit = [named(node.holder) for node in beside if not node.unfit]
        if fit:
            told, self._told_alone, self._alone_ns = self._told_alone, False, 0
            why = f"{', '.join(fit)} stands by"
            return [Alert(level="info", event="guardian.covered", why=why)] if told else []
        if self._told_alone or self._alone_ns < JOINS_WITHIN_NS:
            return []
        self._told_alone = True
        why = "; ".join(node.unfit for node in beside) or "no node stands by"
        return [Alert(level="warning", event="guardian.uncovered", why=why)]

    @property
    def ground(self) -> str:
        """What is to be acted on, in words."""
        unread = self.finding is Finding.UNREAD
        return f"{'the lease cannot be read' if unread else 'nobody leads'}: {self.why}"

    @property
    def due(self) -> bool:
        """Whether to act now."""
        return bool(self._policy.does) and self._acts() and self._left_ns() <= 0

    @property
    def may_go_on(self) -> bool:
        """Whether one who acts without an epoch still may: nobody was seen to lead."""
        blindly = self._policy.blind and self.finding is Finding.UNREAD
        return self.finding is Finding.UNLED or blindly

    def done(self, epoch: Epoch | None) -> None:
        """It was seen to, by that epoch or without one."""
        self._dealt_with = _epoch(self.view) if epoch is None else epoch
        self._dealt_blind = True

    def failed(self) -> None:
        """It was tried and is not done: it is tried again after as long."""
        self._waits_ns = 0

    def _acts(self) -> bool:
        """Whether this finding is one to act on."""
        match self.finding:
            case Finding.UNLED:
                return _epoch(self.view) != self._dealt_with
            case Finding.UNREAD:
                return self._policy.blind and not self._dealt_blind
            case Finding.LED | Finding.NEVER_LED:
                return False

    def _left_ns(self) -> int:
        return self._policy.after_ns - self._waits_ns

    def _found(self, seen: LeaseView | str, now: Mono) -> tuple[Finding, str]:
        if isinstance(seen, str):
            self._stillness.unread()
            return Finding.UNREAD, seen
        self._stillness.read(seen, now)
        if not seen.epoch:
            return Finding.NEVER_LED, "no desk has led this journal yet"
        why = self._unled(seen)
        return (Finding.UNLED if why else Finding.LED), why

    def _unled(self, seen: LeaseView) -> str:
        """Why nobody leads, or nothing."""
        holder = seen.holder
        if holder is None:
            return "the lease was given back"
        if self._gone(holder):
            return f"{named(holder)} has ended"
        if self._stillness.expired:
            return f"{named(holder)} has not renewed for {seen.ttl_ns / SECOND_NS:.1f} s"
        return ""

    def _alerts(self) -> list[Alert]:
        """What is new; a finding that a takeover ends at once is none."""
        well = self.finding is Finding.LED
        if self.finding is self._told or (not well and self._lasts_ns < TELL_AFTER_NS):
            return []
        self._told = self.finding
        match self.finding:
            case Finding.LED:
                assert self.view is not None, "it was read"
                assert self.view.holder is not None, "and somebody holds it"
                why = f"{named(self.view.holder)} leads, epoch {self.view.epoch}"
                return [Alert(level="info", event="guardian.led", why=why)]
            case Finding.NEVER_LED:
                return [Alert(level="info", event="guardian.waits", why=self.why)]
            case Finding.UNLED | Finding.UNREAD:
                unled = self.finding is Finding.UNLED
                event = "guardian.unled" if unled else "guardian.blind"
                return [Alert(level="error", event=event, why=f"{self.ground}; {self._next()}")]

    def _next(self) -> str:
        if self._policy.does and self._acts():
            within_s = max(self._left_ns(), 0) / SECOND_NS
            return f"in {within_s:.0f} s the guardian {self._policy.does}, unless somebody leads by then"
        return "the guardian does nothing about it by itself"


def named(holder: Holder) -> str:
    """A process, as people find it."""
    return f"{holder.name} (pid {holder.pid})"


def _epoch(view: LeaseView | None) -> Epoch | None:
    return None if view is None else view.epoch
