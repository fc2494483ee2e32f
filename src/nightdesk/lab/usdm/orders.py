"""Orders of perpetual contracts, as immutable versions.

Owns the vocabulary of plain orders (LIMIT and MARKET). Refuses conditional orders,
which `algo` has, and to change anything.
"""

from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec

from nightdesk.lab.orders import ZERO, Side, Status, StpMode
from nightdesk.lab.usdm.history import Versions


class PerpType(StrEnum):
    """What an order is. The last two are the venue's own orders."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIQUIDATION = "LIQUIDATION"


class Tif(StrEnum):
    """How long an order stays; GTX is refused where it would take."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"


class Knocked(IntEnum):
    """Why an order expired, as `er` of ORDER_TRADE_UPDATE numbers it."""

    NOT = 0
    SELF_TRADE = 1
    IOC = 2
    REDUCE_ONLY = 4
    LIQUIDATED = 5
    MARKET = 9


class PerpOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an order. `price` is zero at market; `executed_quote` is the sum of its fills."""

    order_id: int
    account: str
    symbol: str
    client_order_id: str
    side: Side
    type: PerpType
    time_in_force: Tif
    price: Decimal
    quantity: Decimal
    reduce_only: bool
    stp: StpMode
    good_till_ms: int
    created_ns: int
    updated_ns: int
    status: Status = Status.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    knocked: Knocked = Knocked.NOT
    amendments: int = 0
    modify_id: int | None = None
    # What a conditional order was before it was triggered.
    original_type: str | None = None
    stop_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    close_position: bool = False

    @property
    def remaining(self) -> Decimal:
        """What could still trade if the order were open."""
        return self.quantity - self.executed

    @property
    def average_price(self) -> Decimal:
        """What its fills cost on average; zero without fills."""
        return self.executed_quote / self.executed if self.executed else ZERO


class PerpFill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of one client's order. `realised` is the profit it made by closing, before its fee."""

    trade_id: int
    order_id: int
    account: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    realised: Decimal
    maker: bool
    at_ns: int


class NewPerp(msgspec.Struct, frozen=True, kw_only=True):
    """An order as asked for, before the engine has looked at it."""

    symbol: str
    side: Side
    type: PerpType
    time_in_force: Tif
    price: Decimal
    quantity: Decimal
    reduce_only: bool
    client_order_id: str | None
    stp: StpMode = StpMode.EXPIRE_MAKER
    good_till_ms: int = 0
    full: bool = False  # the reply waits for what the engine makes of it
    original_type: str | None = None
    stop_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    close_position: bool = False
    algo_id: int | None = None


PerpRecord = Versions[PerpOrder]
