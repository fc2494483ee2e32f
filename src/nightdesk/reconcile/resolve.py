"""When to ask about an order that nobody can vouch for, and when the answer may be believed.

The venue refuses the order after its deadline, and may hide an accepted one from queries for its read lag.
So an order that was asked for after deadline plus lag, twice, and stood in neither the query nor the open
orders nor the trades, was never accepted. Anything less means nothing, and no timer ever turns silence into a
rejection.

A cancelled order may still grow by a fill that was matched before the cancel. Such a fill is made within the
settle window and hidden from queries for the read lag at most, so only a question that leaves after both can
say that the end is final.
"""

from enum import StrEnum, auto

import msgspec

from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono, Wall

FIRST_WAIT_NS = 100 * MS_NS
WAIT_MAX_NS = 5 * SECOND_NS
SETTLE_NS = (
    2 * SECOND_NS
)  # how late after a cancel's acknowledgement the venue may still book a fill
ABSENT_AFTER = 2  # "not found" answers past the grace: one may come from a lagging replica


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked about one order so far. `last` paces questions: no clock that is set moves it."""

    times: int = 0
    last: Mono = LONG_AGO
    absent: int = 0  # "not found" answers to questions asked past the grace

    def again(self, now: Mono) -> "Asked":
        """The same with one question more."""
        return Asked(times=self.times + 1, last=now, absent=self.absent)


class Belief(StrEnum):
    """What a "not found" is worth."""

    NOTHING = auto()
    ABSENT = auto()


def due(asked: Asked, now: Mono) -> bool:
    """Whether to ask (again) now."""
    return now >= due_at(asked)


def due_at(asked: Asked) -> Mono:
    """From when on to ask (again): at once, then ever slower."""
    if asked.times == 0:
        return LONG_AGO
    wait = min(FIRST_WAIT_NS << min(asked.times - 1, 10), WAIT_MAX_NS)
    return Mono(asked.last + wait)


def grace_ends(deadline: Wall, read_lag_ns: int) -> Wall:
    """From when on an absence can be believed."""
    return Wall(deadline + read_lag_ns)


def final_from(ended_at: Wall, read_lag_ns: int) -> Wall:
    """From when on the venue, asked about a cancelled order, tells all that it will ever have filled."""
    return Wall(ended_at + SETTLE_NS + read_lag_ns)


def not_found(
    asked: Asked, *, asked_at: Wall, grace: Wall, everywhere: bool
) -> tuple[Asked, Belief]:
    """Weigh one "not found" whose question left at `asked_at`, `everywhere` the order could stand or not."""
    if asked_at <= grace or not everywhere:
        return asked, Belief.NOTHING
    counted = msgspec.structs.replace(asked, absent=asked.absent + 1)
    return counted, Belief.ABSENT if counted.absent >= ABSENT_AFTER else Belief.NOTHING
