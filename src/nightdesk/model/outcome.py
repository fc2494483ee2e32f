"""How a send ended, as a value: by what may be believed, never by an exception's class."""

from enum import StrEnum, auto

import msgspec

from nightdesk.model.order import Execution, OrderReport


class Verdict(StrEnum):
    """What may be believed about a request that was meant to change something."""

    ACKED = auto()  # the venue has it
    REJECTED = auto()  # the venue saw it and said no; it does not exist
    NOT_SENT = auto()  # no byte left, or the venue says it did not execute it
    UNKNOWN = auto()  # perhaps; only asking the venue answers


class Reason(StrEnum):
    """Why, in classes that drive what the desk does next."""

    NONE = auto()
    PERMANENT = auto()  # never valid: filter, symbol, parameter
    BY_STATE = auto()  # would trade at once, duplicate, unknown order
    BY_BALANCE = auto()
    THROTTLED = auto()
    BANNED = auto()
    AUTH = auto()
    CLOCK = auto()  # outside recvWindow: arrived too late or stamped wrongly
    MAINTENANCE = auto()
    CONNECTION = auto()
    TIMEOUT = auto()
    UNREADABLE = auto()  # truncated, empty or not JSON
    VENUE_ERROR = auto()  # 5xx or a code that says "unknown"
    UNMAPPED = auto()  # a code no table of ours has
    LATCHED = auto()  # our own last step refused: lease, mode, age or deadline
    BREAKER = auto()  # held back: the venue keeps failing such requests


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one request.

    `wait_ns` is the venue's Retry-After where it gave one. `report` and `executions` are what the answer
    itself said about the order.
    """

    verdict: Verdict
    reason: Reason = Reason.NONE
    code: int = 0
    text: str = ""
    wait_ns: int = 0
    report: OrderReport | None = None
    executions: tuple[Execution, ...] = ()
