"""Clients of the venue: their orders, fills and locks, and what they may ask of the engine.

Owns the records of one account. Refuses to change money or orders: `exchange` and
`settlement` do.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from nightdesk.lab.orders import (
    ZERO,
    Fill,
    OrderRecord,
    OrderType,
    RespType,
    Side,
    Status,
    StpMode,
    TimeInForce,
)
from nightdesk.lab.settings import AccountSettings
from nightdesk.lab.wallet import Wallet


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as asked for, before the engine has looked at it. Price is zero at market, the
    stop price where there is none; `trailing_delta` is in hundredths of a percent."""

    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal | None
    quote_quantity: Decimal | None
    client_order_id: str | None
    stp: StpMode
    strategy_id: int | None
    strategy_type: int | None
    resp_type: RespType
    stop_price: Decimal = ZERO
    trailing_delta: int | None = None


class NewList(msgspec.Struct, frozen=True, kw_only=True):
    """An order list as asked for. Without a `working` order, the two `others` are an OCO pair;
    with one, they come to the book when it is filled: a single order, or an OCO pair."""

    symbol: str
    client_list_id: str | None
    working: NewOrder | None
    others: tuple[NewOrder, ...]

    @property
    def orders(self) -> tuple[NewOrder, ...]:
        """Every order of the list, as the venue numbers them."""
        return self.others if self.working is None else (self.working, *self.others)


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which order to cancel; at least one of the two ids is given."""

    symbol: str
    order_id: int | None
    client_order_id: str | None
    cancel_id: str | None
    only_status: Status | None


class AmendOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which order to make smaller, to what quantity, and its name from then on."""

    symbol: str
    order_id: int | None
    client_order_id: str | None
    quantity: Decimal
    new_client_id: str | None


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """How an order was once amended."""

    order_id: int
    execution_id: int
    old_client_id: str
    new_client_id: str
    old_quantity: Decimal
    new_quantity: Decimal
    at_ns: int


@dataclass(slots=True)
class Account:
    """One client of the venue."""

    settings: AccountSettings
    uid: int
    wallet: Wallet
    orders: dict[int, OrderRecord] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    open_ids: dict[int, None] = field(default_factory=dict)
    # What each open order still has locked, in the asset it pays with.
    locks: dict[int, Decimal] = field(default_factory=dict)
    # The two orders of a pair of which only one can ever trade: one lock serves both.
    pairs: dict[int, int] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The account's name in the lab."""
        return self.settings.name

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> OrderRecord | None:
        """The newest order with these ids; with both given, both must fit the same order."""
        if order_id is None:
            ids = self.by_client_id.get((symbol, client_id or ""), [])
            return self.orders[ids[-1]] if ids else None
        record = self.orders.get(order_id)
        if record is None or record.now.symbol != symbol:
            return None
        if client_id is not None and client_id != record.now.client_order_id:
            return None
        return record

    def open_orders(self, symbol: str | None = None) -> list[OrderRecord]:
        """Orders that can still trade, oldest first."""
        records = [self.orders[order_id] for order_id in self.open_ids]
        return [r for r in records if symbol is None or r.now.symbol == symbol]

    def has_open(self, symbol: str, client_id: str) -> bool:
        """Whether an open order has this client id."""
        return any(i in self.open_ids for i in self.by_client_id.get((symbol, client_id), ()))

    def rename(self, symbol: str, old_id: str, new_id: str, order_id: int) -> None:
        """Find an order by a new client id instead of its old one."""
        self.by_client_id[symbol, old_id].remove(order_id)
        self.index(symbol, new_id, order_id)

    def index(self, symbol: str, client_id: str, order_id: int) -> None:
        """Make an order findable by one more client id."""
        self.by_client_id.setdefault((symbol, client_id), []).append(order_id)
