"""Traps: a process dies or stands still at an exact moment, not at a time.

The moments around a send are where a desk loses orders, and a time drawn at random seldom meets one.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum, auto

import msgspec

from nightdesk.journal.frame import decode_frame
from nightdesk.model.order import Origin
from nightdesk.model.records import (
    AmendAnswered,
    AmendAsked,
    Answered,
    EpochOpened,
    Intended,
    Record,
    decode_record,
)
from nightdesk.simulation.incarnation import Incarnation
from nightdesk.venues.http import HttpRequest


class Moment(StrEnum):
    """Where a trap can be set; the process has done what the name says, and nothing after it."""

    INTENT_UNWRITTEN = auto()  # an intent (or other terms) was decided and handed to nobody
    INTENT_DURABLE = auto()  # it is on disk, and the process has not heard so
    ORDER_CHECKED = auto()  # the last step let it pass; its bytes have not left
    ORDER_SENT = auto()
    CANCEL_SENT = auto()
    ANSWER_HEARD = auto()  # the answer to an order came, and was not looked at
    ANSWER_UNWRITTEN = auto()  # it was looked at, and its record handed to nobody
    COMPARING = auto()  # the account was asked for
    FLATTENING = auto()  # an order of a flatten is on disk
    LEASE_TAKEN = auto()
    EPOCH_UNWRITTEN = auto()
    SNAPSHOT_UNWRITTEN = auto()


class How(StrEnum):
    """What the trap does."""

    KILL = auto()
    POWER = auto()
    FREEZE = auto()


class Trap(msgspec.Struct, frozen=True, kw_only=True):
    """`spring` is called once with the process that walked in."""

    moment: Moment
    how: How
    spring: Callable[[Incarnation], None]


_ORDERS = frozenset(
    {"/api/v3/order", "/api/v3/order/cancelReplace", "/fapi/v1/order", "/fapi/v1/algoOrder"}
)
_CHANGES = frozenset({"POST", "PUT"})
_ACCOUNTS = frozenset({"/api/v3/account", "/fapi/v3/account"})


class Traps:
    """Those that are set; asked at every moment, and quick while there are none."""

    def __init__(self) -> None:
        self._set: list[Trap] = []

    @property
    def waiting(self) -> int:
        """How many are set."""
        return len(self._set)

    def set(self, trap: Trap) -> Callable[[], None]:
        """Set one; returns what takes it away unsprung."""
        self._set.append(trap)

        def away() -> None:
            self._set = [other for other in self._set if other is not trap]

        return away

    def clear(self) -> None:
        """Take all away."""
        self._set = []

    def appending(self, process: Incarnation, frames: Sequence[bytes]) -> None:
        """The process hands these to its journal."""
        if self._set:
            for record in _records(frames):
                match record:
                    case Intended() | AmendAsked():
                        self._at(process, Moment.INTENT_UNWRITTEN)
                    case Answered() | AmendAnswered():
                        self._at(process, Moment.ANSWER_UNWRITTEN)
                    case EpochOpened():
                        self._at(process, Moment.EPOCH_UNWRITTEN)
                    case _:
                        pass

    def appended(self, process: Incarnation, frames: Sequence[bytes]) -> None:
        """They are durable."""
        if self._set:
            for record in _records(frames):
                if isinstance(record, Intended | AmendAsked):
                    self._at(process, Moment.INTENT_DURABLE)
                if isinstance(record, Intended) and record.intent.origin is Origin.FLATTEN:
                    self._at(process, Moment.FLATTENING)

    def sending(self, process: Incarnation, request: HttpRequest) -> None:
        """The process is about to write a request."""
        if self._set and request.method in _CHANGES and _path(request) in _ORDERS:
            self._at(process, Moment.ORDER_CHECKED)

    def sent(self, process: Incarnation, request: HttpRequest) -> None:
        """A request was written."""
        if not self._set:
            return
        match request.method, _path(request):
            case "POST" | "PUT", path if path in _ORDERS:
                self._at(process, Moment.ORDER_SENT)
            case "DELETE", path if path in _ORDERS:
                self._at(process, Moment.CANCEL_SENT)
            case _, path if path in _ACCOUNTS:
                self._at(process, Moment.COMPARING)
            case _:
                pass

    def answered(self, process: Incarnation, request: HttpRequest) -> None:
        """Its answer came; nobody in the process has looked."""
        if self._set and request.method in _CHANGES and _path(request) in _ORDERS:
            self._at(process, Moment.ANSWER_HEARD)

    def at(self, process: Incarnation, moment: Moment) -> None:
        """A moment that only its teller knows."""
        if self._set:
            self._at(process, moment)

    def _at(self, process: Incarnation, moment: Moment) -> None:
        for trap in self._set:
            if trap.moment is moment:
                self._set = [other for other in self._set if other is not trap]
                trap.spring(process)
                return


def _path(request: HttpRequest) -> str:
    return request.target.partition("?")[0]


def _records(frames: Sequence[bytes]) -> list[Record]:
    return [decode_record(decode_frame(data).body) for data in frames]
