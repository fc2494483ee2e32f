"""What the desk sees but does not keep: quotes, refs, questions under way. Empty after every start.

What paces it here is on CLOCK_BOOTTIME: a UTC clock that was wrong for a while makes nothing wait.
"""

from collections import deque
from decimal import Decimal
from enum import Enum, auto

import msgspec

from nightdesk.model.ids import ClientOrderId, InstrumentId, StrategyId, VenueId
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import LONG_AGO, Mono, Wall
from nightdesk.reconcile.resolve import Asked
from nightdesk.risk.caps import Binding

STRANGERS_MAX = 100  # foreign orders already spoken of; beyond that they may be spoken of again
SameOrder = tuple[StrategyId, InstrumentId, Side, OrderType, Decimal, Decimal]


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a flatten: what there was to close then, and what was tried."""

    at: Mono
    net: Decimal
    qty: Decimal
    price: Decimal


class Books:
    """How one venue's account was compared with the books. `difference` is what it was last seen to have beyond
    them, the same since `since`; `confirmed` that it lasted longer than the venue's answers lag, and was shown.
    `agreed` is when the venue was asked that last had no more than the books, in this life; None before.
    `sought` is when it was asked what explains it, and how often since it is believed. `tries` counts the
    questions of this life.
    """

    __slots__ = (
        "agreed",
        "asked",
        "compared",
        "confirmed",
        "difference",
        "flat",
        "since",
        "sought",
        "tries",
    )

    def __init__(self) -> None:
        self.agreed: Wall | None = None
        self.asked = LONG_AGO
        self.tries = 0
        self.compared = False  # whether the last comparison found a quiet moment
        self.difference: dict[str, Decimal] = {}
        self.since = Wall(0)
        self.confirmed = False
        self.sought = Asked()
        self.flat: str | None = None  # the dust that is left, once a flatten is done there


class Trying(Enum):
    """What is tried for a strategy in an instrument."""

    TARGET = auto()
    COVER = auto()  # a protection's orders at the venue
    LEAVE = auto()  # what such an order would have done
    FLATTEN = auto()


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """The last try of something: `about` is what it depended on, `refused` how often the venue had refused it
    before, `rule` what our own gate said, `moved` when the quote that it saw had come."""

    at: Mono
    about: tuple[object, ...]
    ids: tuple[ClientOrderId, ...]
    rule: str
    refused: int
    moved: Mono


class Views:
    """Mutable; one writer, the core."""

    def __init__(self) -> None:
        self.trading = False  # until books were compared, and from a stop on: no wish, no target
        self.quotes: dict[InstrumentId, Quote] = {}
        self.ref_of: dict[ClientOrderId, str] = {}
        self.id_of: dict[tuple[StrategyId, str], ClientOrderId] = {}
        self.sliced: set[tuple[StrategyId, str]] = (
            set()
        )  # refs whose exit went out in several orders
        self.asked: dict[ClientOrderId, Asked] = {}
        self.trades_asked: dict[ClientOrderId, Asked] = {}
        self.settle_asked: dict[ClientOrderId, Asked] = {}
        self.cancels_sent: dict[ClientOrderId, Asked] = {}
        self.terms_asked: dict[ClientOrderId, Asked] = {}  # which of two are in force
        self.same: dict[SameOrder, Mono] = {}
        self.moved: dict[InstrumentId, Mono] = {}  # when the quote was last another one
        self.not_before: dict[tuple[StrategyId, InstrumentId], Mono] = {}
        # Targets that go on by time, and from when: what was sent may have found too little.
        self.retry_from: dict[tuple[StrategyId, InstrumentId], Mono] = {}
        self.flatten_said: str = ""
        self.flatten_asked = LONG_AGO
        self.flatten_denied = 0  # how often in a row a venue held the same beyond the books
        self.books: dict[VenueId, Books] = {}
        self.last_known = Wall(0)  # the last record of the life before; 0 where that is not known
        self.mode_told: dict[tuple[StrategyId, InstrumentId], Mode] = {}
        self.attempts: dict[tuple[tuple[StrategyId, InstrumentId], Trying], Attempt] = {}
        self.bare_since: dict[tuple[StrategyId, InstrumentId], Mono] = {}  # without protection
        self.bare_worst_ns = 0
        # (scope, cause) -> until when the venue's word is heeded
        self.waits: dict[tuple[str, str], Mono] = {}
        self.calm_since: dict[
            tuple[str, str], Mono
        ] = {}  # (scope, cause) -> since when all is well
        self.strangers: deque[str] = deque(maxlen=STRANGERS_MAX)
        self.price_asked: dict[InstrumentId, Mono] = {}
        self.slices: dict[InstrumentId, Slice] = {}  # the last of a flatten
        self.refusals: dict[str, int] = {}
        self.worst: dict[str, Decimal] = {}
        self.limits: dict[
            tuple[StrategyId, InstrumentId, bool], Binding
        ] = {}  # in force, by whose they are, where, and whether halved
        self.losses_seen: Mono = Mono(0)
        self.stirred = True  # whether anything happened since losses were measured
        self.losing_since: dict[str, Mono] = {}  # by scope, from when on a loss limit is reached
        self.peaks: dict[
            str, Decimal
        ] = {}  # highest profit by scope, as far as it is not journaled

    def books_of(self, venue: VenueId) -> Books:
        """How the books of one venue stand."""
        books = self.books.get(venue)
        if books is None:
            books = self.books[venue] = Books()
        return books

    @property
    def difference(self) -> dict[str, Decimal]:
        """What the venues were last seen to have beyond the books."""
        return {a: qty for books in self.books.values() for a, qty in books.difference.items()}

    def ref(self, client_id: ClientOrderId) -> str:
        """What the strategy calls the order; its client id for one of before the start."""
        return self.ref_of.get(client_id, client_id)

    def forget(self, strategy: StrategyId, client_id: ClientOrderId) -> None:
        """An order ended: nothing needs to be remembered about it here."""
        ref = self.ref_of.pop(client_id, None)
        if ref is not None:
            self.id_of.pop((strategy, ref), None)
        self.asked.pop(client_id, None)
        self.cancels_sent.pop(client_id, None)
        self.terms_asked.pop(client_id, None)
