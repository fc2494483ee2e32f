"""Requests to one venue, signed by its own clock; what it asks us to wait is kept to."""

import time

from nightdesk.emergency.http import Line
from nightdesk.model.errors import OperatingError
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult
from nightdesk.venues.protocol import NoAnswer, Sign
from nightdesk.venues.way_out import WayOutCodec

READINGS = 3  # of the venue's clock: the quickest counts
THROTTLED = frozenset({418, 429})
WAIT_LEAST_S = 5  # where a venue that is asked too much names no wait
WEIGHT = "weight"


def mono() -> Mono:
    """Since this host was started, its sleep counted."""
    return Mono(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def wall() -> Wall:
    """UTC by this host's clock, which may be wrong."""
    return Wall(time.clock_gettime_ns(time.CLOCK_REALTIME))


class Silent(OperatingError):
    """A question was not answered; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


class Asking:
    """The way to one account. `spent` counts the weight of what was sent since somebody set it."""

    def __init__(self, codec: WayOutCodec, line: Line) -> None:
        self.codec = codec
        self.line = line
        self.spent = 0
        self.not_before = Mono(0)
        self._ahead_ns: int | None = None  # how far the venue's UTC is ahead of this host's `mono`

    def now(self) -> Wall:
        """The venue's clock; raises `Silent` where it does not tell it."""
        if self._ahead_ns is None:
            self._ahead_ns = self._measured()
        return Wall(mono() + self._ahead_ns)

    def doubt_clock(self) -> None:
        """Ask for the time again before the next request."""
        self._ahead_ns = None

    def _measured(self) -> int:
        best: tuple[int, int] | None = None
        for _ in range(READINGS):
            asked = mono()
            told = self.codec.told_time(self.send(self.codec.time()))
            heard = mono()
            if isinstance(told, NoAnswer):
                raise Silent(told.outcome)
            took, ahead = heard - asked, told - (asked + heard) // 2
            best = min(best or (took, ahead), (took, ahead))
        assert best is not None, "it was asked at least once"
        return best[1]

    def ask(self, sign: Sign) -> HttpResult:
        """Send what is signed now."""
        return self.send(sign(self.now()))

    def send(self, request: HttpRequest) -> HttpResult:
        """Send it once, unless the venue asked to be left alone."""
        wait_ns = self.not_before - mono()
        if wait_ns > 0:
            cause = f"the venue asked to be left alone for {wait_ns / SECOND_NS:.0f} s more"
            return HttpFailure(written=False, timed_out=False, cause=cause, tried=False)
        self.spent += sum(amount for unit, amount in request.cost.spends if unit == WEIGHT)
        result = self.line.exchange(request)
        if isinstance(result, HttpAnswer) and result.status in THROTTLED:
            wait_s = result.retry_after_s or WAIT_LEAST_S
            self.not_before = Mono(mono() + wait_s * SECOND_NS)
        return result

    def heed(self, outcome: Outcome) -> Outcome:
        """What an outcome says of our clock."""
        if outcome.reason is Reason.CLOCK:
            self.doubt_clock()
        return outcome


def refused_key(outcome: Outcome) -> bool:
    """Whether the venue says that the key may not do this."""
    return outcome.reason is Reason.AUTH


def said(outcome: Outcome) -> str:
    """An outcome in words."""
    code = f" ({outcome.code})" if outcome.code else ""
    return f"{outcome.text or outcome.reason}{code}"


NEVER_LEFT = Outcome(
    verdict=Verdict.NOT_SENT,
    reason=Reason.LATCHED,
    text="its deadline passed before it could leave",
)
