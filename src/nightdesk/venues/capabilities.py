"""What differs from venue to venue, as data that each codec carries: nobody else asks which venue it is."""

import msgspec

from nightdesk.model.instrument import Kind
from nightdesk.model.order import OrderType


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue is told until when it may act on a request: by which parameters, at most how far ahead, and
    whether it looks again right before the order reaches the book."""

    parameters: str
    ms_max: int
    at_engine: bool


class IdRules(msgspec.Struct, frozen=True, kw_only=True):
    """Which client order ids the venue takes, as a regular expression of the whole id, and among which orders
    it refuses a second one: no venue of ours does for ever, so that an id is never used again."""

    pattern: str
    unique_among: str


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """One venue. Its codec is held to what is said here by the suite; weights and windows are the codec's own.

    `replacing`: ends one order and places another in one request (`VenueCodec.replaced`). `amending`: gives an
    order that rests another price and quantity (`VenueCodec.amended`). `pairs`: two orders of which only one
    may trade (`VenueCodec.placed_pair`). `reduce_only`: enforces that an order only makes a position smaller.
    `query_by_id`: tells of an order by our own id, also of one that ended. `dead_man`: what cancels at the
    venue when it hears nothing; empty where it has none. `private_key_min`: how long a key to the private
    stream lives, 0 where that needs none. `alternates`: further hosts that take the same requests for real
    money, each signed as for the first; of market streams and of private ones too. `host_signed`: a signature
    holds for one host only. `documents` says by what state of which pages.
    """

    market: Kind
    order_types: frozenset[OrderType]
    replacing: bool
    amending: bool
    pairs: bool
    reduce_only: bool
    query_by_id: bool
    dead_man: str
    deadlines: Deadlines
    ids: IdRules
    private_key_min: int
    alternates: tuple[str, ...]
    stream_alternates: tuple[str, ...]
    private_alternates: tuple[str, ...]
    host_signed: bool
    documents: str
