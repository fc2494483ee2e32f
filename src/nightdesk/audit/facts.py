"""What the invariants judge: one message per thing that happened, whoever saw it.

A simulation tells them as they happen; offline they are read from a journal and a venue's log. `at_ns` is
true time (the venue's, UTC): never what a host's own clock said, which may be one of the faults.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from nightdesk.audit.venue_log import Entry
from nightdesk.model.records import Record
from nightdesk.model.time import Wall


class VenueSaid(msgspec.Struct, frozen=True, kw_only=True):
    """The venue wrote a line into its own log."""

    at_ns: int
    entry: Entry


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A record became durable. `decided_at` is the frame's own time, on the writer's clock.

    Offline nobody knows when it became durable: `at_ns` is then the frame's time as well.
    """

    at_ns: int
    seq: int
    epoch: int
    record: Record
    decided_at: Wall
    node: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An order became durable in a spool, its intent being on its way to the journal."""

    at_ns: int
    node: str
    client_id: str


class SentOut(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a request left a host. `epoch` is the sender's lease as it knows it.

    `after_wait` says that whoever told this knows the venue's Retry-After to be over. `venue` is the log's word
    for whom it was sent to: spot's has none; `instrument` its word for what a countdown is of.
    """

    at_ns: int
    node: str
    client_id: str
    what: Literal["place", "amend", "cancel", "countdown", "query", "other"]
    epoch: int
    weight: int = 1
    after_wait: bool = False
    venue: str = ""
    instrument: str = ""


class ToldToWait(msgspec.Struct, frozen=True, kw_only=True):
    """A node heard that a venue wants no traffic of it until then; `venue` as in `SentOut`."""

    at_ns: int
    node: str
    until_ns: int
    venue: str = ""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A node told the world where it stands. `positions` are net, per instrument, over the baseline; `differs`
    is what it says that the venue has beyond its `balances`."""

    at_ns: int
    node: str
    epoch: int
    mode: str
    trading: bool
    positions: dict[str, Decimal]
    open_orders: frozenset[str] | tuple[str, ...]
    unknown: int
    balances: dict[str, Decimal]
    differs: dict[str, Decimal] = {}
    loop_lag_ns: int = 0


class Leased(msgspec.Struct, frozen=True, kw_only=True):
    """The lease as its server has it from now on; `holder` is named like `SentOut.node`, "" when void."""

    at_ns: int
    epoch: int
    holder: str
    until_ns: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A node's process is no more: killed, or at its own end."""

    at_ns: int
    node: str


class Commanded(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's command was taken: "flatten", "pause", "resume"."""

    at_ns: int
    command: str


class Healed(msgspec.Struct, frozen=True, kw_only=True):
    """The faults are over: from here on, what must happen in the end has a deadline."""

    at_ns: int


Fact = (
    VenueSaid
    | Written
    | Kept
    | SentOut
    | ToldToWait
    | Published
    | Leased
    | Ended
    | Commanded
    | Healed
)
