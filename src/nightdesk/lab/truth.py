"""The venue's truth: everything that happened to orders, in the order it happened.

Owns the log that checkers and people compare a desk's beliefs with. Refuses opinions: it
records what arrived and what was done, including what the client was never told.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import msgspec

# About 400 bytes an entry: a day of heavy practice. The oldest half goes when it is full.
ENTRIES_MAX = 1_000_000


class Kind(StrEnum):
    """What an entry is about."""

    ARRIVAL = "arrival"
    ACCEPT = "accept"
    TRIGGER = "trigger"
    AMEND = "amend"
    FILL = "fill"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REFUSAL = "refusal"
    TRANSFER = "transfer"
    FUNDING = "funding"
    INSURANCE = "insurance"
    ALGO = "algo"
    SETTING = "setting"
    COUNTDOWN = "countdown"
    FAULT_FIRED = "fault_fired"
    MARKET = "market"


class Sender(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sent a request, as far as the venue can tell."""

    api_key: str = ""
    source: str = ""
    node: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact. Amounts are written exactly; absent fields do not apply to the kind."""

    seq: int
    at_ns: int
    kind: Kind
    account: str | None = None
    what: str | None = None
    symbol: str | None = None
    client_order_id: str | None = None
    order_id: int | None = None
    side: str | None = None
    order_type: str | None = None
    time_in_force: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    order_list_id: int | None = None
    cumulative: Decimal | None = None
    last_quantity: Decimal | None = None
    last_price: Decimal | None = None
    fee: Decimal | None = None
    fee_asset: str | None = None
    # What was deposited, or withdrawn where it is below zero.
    asset: str | None = None
    amount: Decimal | None = None
    trade_id: int | None = None
    maker: bool | None = None
    timestamp: str | None = None
    recv_window: str | None = None
    arrived_ns: int | None = None
    sender: Sender | None = None
    code: int | None = None
    reason: str | None = None
    fault: int | None = None
    # Which of the lab's venues; absent for spot.
    venue: str | None = None
    reduce_only: bool | None = None
    # What a fill realised by closing, and what is held after it; below zero is short.
    realised: Decimal | None = None
    position: Decimal | None = None
    # A conditional order, or the one that a plain order came from.
    algo_id: int | None = None
    # Of a countdown that began; 0 stopped it.
    length_ms: int | None = None
    # How far the venue's clock, which stamps are held against, was ahead when the request came in.
    clock_offset_ns: int | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The request that the engine is working on."""

    arrived_ns: int
    timestamp: str | None
    recv_window: str | None
    sender: Sender
    clock_offset_ns: int | None


# What a request itself brings about; its fills may also concern others.
_WITH_ORIGIN = (
    *(Kind.ACCEPT, Kind.AMEND, Kind.CANCEL, Kind.TRANSFER, Kind.ALGO, Kind.SETTING),
    Kind.COUNTDOWN,
)


@dataclass(slots=True)
class Truth:
    """The log. `seq` starts at 1 and has no gaps."""

    # Set while a request is worked on, so that what it brings about can name it.
    origin: Origin | None = None
    entries: list[Entry] = field(default_factory=list)
    last_seq: int = 0

    def add(self, kind: Kind, at_ns: int, **fields: object) -> None:
        """Append a fact."""
        self.last_seq += 1
        if self.origin is not None and kind in _WITH_ORIGIN:
            fields |= msgspec.structs.asdict(self.origin)
        entry = Entry(seq=self.last_seq, at_ns=at_ns, kind=kind, **fields)  # type: ignore[arg-type]  # one entry type, fields by kind
        self.entries.append(entry)
        if len(self.entries) > ENTRIES_MAX:
            del self.entries[: ENTRIES_MAX // 2]

    def after(self, seq: int, limit: int) -> list[Entry]:
        """At most `limit` entries that follow `seq`."""
        if not self.entries:
            return []
        start = max(0, seq - self.entries[0].seq + 1)
        return self.entries[start : start + limit]
