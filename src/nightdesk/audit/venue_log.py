"""What a venue's log says happened to orders, read for the checkers.

The log is the lab's (`GET /lab/log`) or a venue export in the same shape: one object per fact, with `kind`,
`at_ns`, and what applies of the other fields. What a venue adds to it is ignored.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from nightdesk.audit.names import Names
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.time import MS_NS

RECV_WINDOW_MS = 5_000  # what the venue takes where a request names none
_AMOUNTS = (
    *("quantity", "price", "last_quantity", "last_price", "fee", "amount"),
    *("realised", "position"),
)
_WINDOW = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?")
_MICROSECONDS_FROM = 10**14  # stamps come in milliseconds or microseconds; only these are that long
# How a conditional order of contracts ends; until then it waits, or lives on as the order that came of it.
_ALGO_ENDS = frozenset({"CANCELED", "EXPIRED", "REJECTED", "FINISHED"})
# What a venue of contracts calls the orders by which it trades for an account itself (USD-M, "Event: Order
# Update", 2026-08).
_FORCED_IDS = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
_BY_HAND = "wayout"  # what the ids of the emergency tool begin with
OrderId = tuple[str, int]  # instrument, number; below zero in the book of conditional orders


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request, as far as the venue can tell."""

    api_key: str = ""
    source: str = ""
    node: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log, as far as the checkers read it.

    `arrived_ns` is when the request behind an accept or a cancel came in. `cumulative` is what the order had
    filled by then. `clock_offset_ns` is how far the venue's own clock, which stamps are held against, was ahead
    of `at_ns`. `venue` is of a log of several; see `Names`. `realised` is what a fill of contracts earned by
    closing, `position` what the account holds of them after it. `algo_id` is a conditional order's number in
    its own book; an accept that has one is of the order that came of it.
    """

    seq: int
    at_ns: int
    kind: str
    account: str | None = None
    what: str | None = None
    symbol: str | None = None
    client_order_id: str | None = None
    order_id: int | None = None
    side: str | None = None
    order_type: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    order_list_id: int | None = None
    cumulative: Decimal | None = None
    last_quantity: Decimal | None = None
    last_price: Decimal | None = None
    fee: Decimal | None = None
    fee_asset: str | None = None
    asset: str | None = None
    amount: Decimal | None = None
    trade_id: int | None = None
    timestamp: str | None = None
    recv_window: str | None = None
    arrived_ns: int | None = None
    sender: Sender | None = None
    code: int | None = None
    reason: str | None = None
    fault: int | None = None
    venue: str | None = None
    reduce_only: bool | None = None
    realised: Decimal | None = None
    position: Decimal | None = None
    algo_id: int | None = None
    length_ms: int | None = None
    clock_offset_ns: int = 0

    def __post_init__(self) -> None:
        numbered = self.order_id is not None or self.algo_id is not None
        if self.quantity is None and numbered and (self.kind == "accept" or self.accepts):
            raise ValueError(f"{self.kind} {self.seq} names no quantity")
        if numbered and self.symbol is None:
            raise ValueError(f"{self.kind} {self.seq} of an order names no symbol")
        for name in _AMOUNTS:
            value = getattr(self, name)
            if value is not None and not money.is_amount(value):
                raise ValueError(f"{name} is no amount: {value}")
        if self.recv_window is not None and not _WINDOW.fullmatch(self.recv_window):
            raise ValueError(f"recv_window is no number of milliseconds: {self.recv_window}")

    @property
    def places(self) -> bool:
        """Whether this is the arrival of an order, and not of a question or a cancel."""
        return self.kind == "arrival" and bool(self.client_order_id) and self.side is not None

    @property
    def accepts(self) -> bool:
        """Whether the venue took an order that it was asked for: in the book, or as one that waits."""
        if self.kind == "algo":
            return self.what == "NEW"
        return self.kind == "accept" and self.algo_id is None

    @property
    def stamp_ns(self) -> int | None:
        """When the request says that it was made, on the venue's clock."""
        if self.timestamp is None or not self.timestamp.isdecimal():
            return None
        stamp = int(self.timestamp)
        return stamp * (1_000 if stamp >= _MICROSECONDS_FROM else MS_NS)

    @property
    def window_ns(self) -> int:
        """For how long after its stamp the request counts."""
        if self.recv_window is None:
            return RECV_WINDOW_MS * MS_NS
        return int(money.multiply(Decimal(self.recv_window), Decimal(MS_NS)))


class VenueOrder(msgspec.Struct, kw_only=True):
    """One order as the venue had it; the same client id accepted twice is two of these.

    A conditional order and the one that came of it are one: what was asked for once. `forced` is the venue's
    own, or the emergency tool's.
    """

    client_id: str
    order_id: int
    instrument: str
    side: str
    qty: Decimal
    accepted_ns: int
    account: str = ""
    order_type: str = ""
    filled: Decimal = ZERO
    ended: bool = False
    list_id: int | None = None  # of orders of which only one trades
    moved: Decimal = ZERO  # what its fills made of the position, less fees taken in base
    reduce_only: bool = False
    forced: bool = False

    @property
    def key(self) -> OrderId:
        """Under what the log knows it first."""
        return self.instrument, self.order_id

    @property
    def at_stake(self) -> Decimal:
        """What it may still trade."""
        return ZERO if self.ended else money.subtract(self.qty, self.filled)

    @property
    def exposes(self) -> Decimal:
        """What it has traded and may still trade."""
        return self.filled if self.ended else self.qty


class VenueLog:
    """Orders and fills by the venue's account; of every account where none is named."""

    def __init__(
        self, entries: Iterable[Entry] = (), account: str = "", names: Names | None = None
    ) -> None:
        self.account = account
        self.names = names or Names()
        self.orders: dict[OrderId, VenueOrder] = {}
        self.by_client_id: dict[str, list[VenueOrder]] = {}
        self.fills = 0
        self.cancels = 0
        self.partial_fills = 0
        self.volume = ZERO
        for entry in entries:
            self.read(entry)

    def concerns(self, entry: Entry) -> bool:
        """Whether the entry is about this account, or about no account that it names."""
        return not self.account or entry.account in (None, self.account)

    def read(self, entry: Entry) -> VenueOrder | None:
        """Fold one entry; the order that it accepted or changed, or None."""
        number = _number(entry)
        if number is None or not self.concerns(entry):
            return None
        key = (self.names.logged(entry.venue, entry.symbol or ""), number)
        if entry.accepts:
            return self._accept(entry, key)
        if entry.kind == "accept" and entry.algo_id is not None:
            return self._became(entry, key, entry.algo_id)
        order = self.orders.get(key)
        if order is None:
            return None
        if entry.kind == "fill":
            self._fill(order, entry)
        elif entry.kind in ("cancel", "expire"):
            order.ended = True
            self.cancels += entry.kind == "cancel"
        elif entry.kind == "algo" and entry.what in _ALGO_ENDS:
            order.ended = True
            self.cancels += entry.what == "CANCELED"
        elif entry.kind == "amend" and entry.quantity is not None:
            order.qty = entry.quantity
        return order

    def of(self, entry: Entry) -> VenueOrder | None:
        """The order that an entry, which was read before, is about."""
        number = _number(entry)
        if number is None:
            return None
        return self.orders.get((self.names.logged(entry.venue, entry.symbol or ""), number))

    def _accept(self, entry: Entry, key: OrderId) -> VenueOrder:
        assert entry.quantity is not None, f"accept {entry.seq} names no quantity"
        client_id = entry.client_order_id or ""
        order = VenueOrder(
            client_id=client_id,
            order_id=key[1],
            instrument=key[0],
            side=entry.side or "",
            qty=entry.quantity,
            accepted_ns=entry.at_ns,
            account=entry.account or "",
            order_type=entry.order_type or "",
            list_id=entry.order_list_id,
            reduce_only=bool(entry.reduce_only),
            forced=client_id.startswith(_BY_HAND)
            or (client_id.startswith(_FORCED_IDS) and self.names.contract(key[0])),
        )
        self.orders[key] = order
        self.by_client_id.setdefault(order.client_id, []).append(order)
        return order

    def _became(self, entry: Entry, key: OrderId, algo_id: int) -> VenueOrder:
        """A conditional order was triggered: it lives on under another number."""
        order = self.orders.get((key[0], -algo_id))
        if order is None:  # the log was cut between the two
            return self._accept(entry, key)
        assert entry.quantity is not None, f"accept {entry.seq} names no quantity"
        order.qty = entry.quantity
        self.orders[key] = order
        return order

    def _fill(self, order: VenueOrder, entry: Entry) -> None:
        qty = entry.last_quantity or ZERO
        order.filled = money.add(order.filled, qty)
        self.fills += 1
        self.volume = money.add(self.volume, money.notional(entry.last_price or ZERO, qty))
        if order.filled >= order.qty:
            order.ended = True
        else:
            self.partial_fills += 1


def _number(entry: Entry) -> int | None:
    if entry.kind == "algo":
        return None if entry.algo_id is None else -entry.algo_id
    return entry.order_id


def still_open(orders: Iterable[VenueOrder]) -> Decimal:
    """What orders of one side may still trade together: of a list only one does."""
    lists: dict[int, Decimal] = {}
    alone = ZERO
    for order in orders:
        if order.list_id is None:
            alone = money.add(alone, order.at_stake)
        else:
            lists[order.list_id] = max(lists.get(order.list_id, ZERO), order.at_stake)
    return money.add(alone, money.total(lists.values()))


def decode_log(lines: Iterable[bytes]) -> list[Entry]:
    """Entries from JSON lines; raises `msgspec.DecodeError` naming what does not fit."""
    decoder = msgspec.json.Decoder(Entry)
    return [decoder.decode(line) for line in lines if line.strip()]
