"""Requests, replies and the sample that a node publishes once a second. One JSON object per line."""

from decimal import Decimal
from enum import IntEnum
from typing import Any

import msgspec


class ExitCode(IntEnum):
    """What every command of the product ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    REFUSED = 4  # by state: not the leader, a lease held by another
    AUTH = 5
    UNKNOWN = 6  # timed out; what was asked may have happened
    HALTED = 10
    INTERRUPTED = 130


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command; `by` is who asked. `limit`, `value`, `kind` and `of` say which limit is to be
    what, of the desk or of one strategy, instrument or asset."""

    verb: str
    by: str = "operator"
    reason: str = ""
    keep: bool = False
    protective: bool = False
    what: str = ""
    limit: str = ""
    value: str = ""
    kind: str = ""
    of: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a command came to; `data` is the table's rows or the object a program wants."""

    ok: bool
    code: int = ExitCode.OK
    text: str = ""
    data: Any = None


class CauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Why a scope is not NORMAL."""

    scope: str
    cause: str
    mode: str
    by: str
    why: str
    since_ns: int


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's position in one instrument; money in quote. `protection` is what was declared, `guarded`
    how much of the position protective orders hold."""

    strategy: str
    instrument: str
    qty: Decimal
    average_price: Decimal | None
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    volume: Decimal
    trades: int
    unpriced: Decimal
    target: Decimal | None
    suspended: str
    protection: str = ""
    guarded: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One live order."""

    id: str
    strategy: str
    instrument: str
    side: str
    type: str
    qty: Decimal
    price: Decimal
    filled: Decimal
    state: str
    cancelling: bool
    age_ns: int
    trigger: Decimal | None = None
    trail_bps: int = 0


class InstrumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument: its market and its exposure against its limits."""

    instrument: str
    mode: str
    bid: Decimal | None
    ask: Decimal | None
    feed_age_ns: int | None
    position: Decimal
    worst: Decimal
    position_max: Decimal


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of a limit now (None where that is only known as an order is judged, or a price is missing),
    and the worst that was ever allowed in this life."""

    limit: str
    worst: Decimal
    maximum: Decimal
    now: Decimal | None = None


class LimitSetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that is not as the config file has it: what holds, what the file says (None is no limit)."""

    scope: str
    limit: str
    value: Decimal | None
    file: Decimal | None
    by: str
    why: str


class BreakerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One class of requests to one venue: what its breaker does with them, what the last of them came to, why
    it is open, or would open. `left_ns` is how long it lasts at most; None where time does not end it."""

    venue: str
    operation: str
    state: str
    calls: int
    failed: int
    slow: int
    why: str
    left_ns: int | None = None


class LaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of several ways to a venue: what it is used for, how long reads take there and what share of requests
    fails, lately; why it is not in use."""

    venue: str
    lane: str
    use: str
    latency_ns: int | None
    errors_percent: float
    under_way: int
    why: str


class StandbyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One node that stands by: how long before its last word, `heard_ns` ago, it had folded all there was; why
    it could not lead."""

    node: str
    pid: int
    rank: int
    lag_ns: int
    heard_ns: int
    unfit: str = ""


class SwitchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's dead man's switch for one instrument: after how long without a desk it cancels entries, in how
    long it would as things are (None where it is not set); why entries rest without it."""

    instrument: str
    length_ns: int
    left_ns: int | None
    off: str


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ring."""

    at_ns: int
    level: str
    event: str
    fields: dict[str, str]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The node in numbers, once a second. Times are ns; `at_ns` is UTC on the venue's clock. `realised` is of
    trades alone, before fees and funding; `flows` is what venues moved besides, by its kind: transfer,
    insurance, other."""

    at_ns: int
    desk: str
    mode: str
    trading: bool
    epoch: int
    uptime_ns: int
    lease_left_ns: int
    causes: list[CauseRow]
    instruments: list[InstrumentRow]
    positions: list[PositionRow]
    orders_live: int
    orders_unknown: int
    funnel: dict[str, int]
    refusals: dict[str, int]
    limits: list[LimitRow]
    fills: int
    volume: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: dict[str, Decimal]
    fees_quote: Decimal
    balances: dict[str, Decimal]
    journal: dict[str, int]
    latency: dict[str, dict[str, int]]
    counters: dict[str, int]
    events: list[EventRow]
    flatten: str
    clock_offset_ns: int
    log_dropped: int = 0
    limits_set: list[LimitSetRow] = []
    funding: Decimal = Decimal(0)  # below zero it was paid
    flows: dict[str, Decimal] = {}
    clock_error_ns: int | None = None  # the worst of the venues' clocks; None while one is in doubt
    breakers: list[BreakerRow] = []
    lanes: list[LaneRow] = []
    node: str = ""  # that leads
    pid: int = 0
    led_because: str = ""  # the lease could be taken
    standbys: list[StandbyRow] = []
    switches: list[SwitchRow] = []

    @property
    def profit(self) -> Decimal:
        """Realised and unrealised, less fees, with funding and what an insurance fund gave or took."""
        earned = self.realised + self.unrealised + self.funding
        return earned - self.fees_quote + self.flows.get("insurance", Decimal(0))


_REQUEST = msgspec.json.Decoder(Request)
_REPLY = msgspec.json.Decoder(Reply)
_ENCODER = msgspec.json.Encoder(decimal_format="string")


def encode(message: object) -> bytes:
    """One line."""
    return _ENCODER.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """Raises `msgspec.DecodeError` or `ValidationError` naming what does not fit."""
    return _REQUEST.decode(line)


def decode_reply(line: bytes) -> Reply:
    """The reply in `line`."""
    return _REPLY.decode(line)


def sample_of(reply: Reply) -> Sample:
    """The sample a `watch` or `status` reply carries."""
    return msgspec.convert(reply.data, Sample)
