"""What a venue's log says happened to orders, read for the checkers.

The log is the lab's (`GET /lab/log`) or a venue export in the same shape: one object per fact, with `kind`,
`at_ns`, and what applies of `client_order_id`, `symbol`, `side`, `quantity`, `last_quantity`, `fee`,
`fee_asset`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.money import ZERO


class VenueOrder(msgspec.Struct, kw_only=True):
    """One order as the venue had it; the same client id accepted twice is two of these."""

    client_id: str
    order_id: int
    symbol: str
    side: str
    qty: Decimal
    accepted_ns: int
    filled: Decimal = ZERO
    ended: bool = False


class Entry(msgspec.Struct, kw_only=True):
    """One line of the log, as far as the checkers read it."""

    seq: int
    at_ns: int
    kind: str
    account: str | None = None
    what: str | None = None
    symbol: str | None = None
    client_order_id: str | None = None
    order_id: int | None = None
    side: str | None = None
    quantity: Decimal | None = None
    last_quantity: Decimal | None = None
    last_price: Decimal | None = None
    fee: Decimal | None = None
    fee_asset: str | None = None


class VenueLog:
    """Orders and fills by the venue's account."""

    def __init__(self, entries: Iterable[Entry], account: str) -> None:
        self.orders: dict[int, VenueOrder] = {}
        self.fills = 0
        self.cancels = 0
        self.partial_fills = 0
        self.volume = ZERO
        self.moved: dict[str, Decimal] = {}  # asset -> net change, fees included
        self.arrivals: dict[
            str, int
        ] = {}  # client id -> when an order request with it first arrived
        for entry in entries:
            if entry.account == account:
                self._read(entry)

    def by_client_id(self) -> Mapping[str, list[VenueOrder]]:
        """Every order ever accepted, by the id its client gave it."""
        found: dict[str, list[VenueOrder]] = {}
        for order in self.orders.values():
            found.setdefault(order.client_id, []).append(order)
        return found

    def _read(self, entry: Entry) -> None:
        client_id = entry.client_order_id or ""
        if entry.kind == "arrival" and client_id:
            self.arrivals.setdefault(client_id, entry.at_ns)
            return
        if entry.order_id is None:
            return
        if entry.kind == "accept":
            assert entry.quantity is not None, f"accept {entry.seq} names no quantity"
            self.orders[entry.order_id] = VenueOrder(
                client_id=client_id,
                order_id=entry.order_id,
                symbol=entry.symbol or "",
                side=entry.side or "",
                qty=entry.quantity,
                accepted_ns=entry.at_ns,
            )
            return
        order = self.orders.get(entry.order_id)
        if order is None:
            return
        if entry.kind == "fill":
            self._fill(order, entry)
        elif entry.kind in ("cancel", "expire"):
            order.ended = True
            self.cancels += entry.kind == "cancel"

    def _fill(self, order: VenueOrder, entry: Entry) -> None:
        qty = entry.last_quantity or ZERO
        order.filled = money.add(order.filled, qty)
        self.fills += 1
        self.volume = money.add(self.volume, money.notional(entry.last_price or ZERO, qty))
        if order.filled >= order.qty:
            order.ended = True
        else:
            self.partial_fills += 1


def decode_log(lines: Iterable[bytes]) -> list[Entry]:
    """Entries from JSON lines; raises `msgspec.DecodeError` naming what does not fit."""
    decoder = msgspec.json.Decoder(Entry)
    return [decoder.decode(line) for line in lines if line.strip()]
