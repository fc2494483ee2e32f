"""Orders as the venue knows them: immutable versions of one order, kept in a row.

Owns the order's vocabulary and its history, so that the venue can also answer as of a moment
ago. Refuses to change anything: matching and wallets live elsewhere.
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

import msgspec

ZERO = Decimal(0)
NO_LIST = -1
_UNIT = Decimal("0.00000001")


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """The order types this venue offers."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def stop_loss(self) -> bool:
        """Whether it waits for a price that is worse than the market's."""
        return self in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)

    @property
    def conditional(self) -> bool:
        """Whether it waits for a price outside the book; the venue's filters call it "algo"."""
        return self.stop_loss or self in (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)

    @property
    def at_market(self) -> bool:
        """Whether it takes at any price once it works."""
        return self in (OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)


class TimeInForce(StrEnum):
    """How long an order stays."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    """Where an order stands."""

    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    @property
    def open(self) -> bool:
        """Whether the order can still trade."""
        return self in (Status.NEW, Status.PENDING_NEW, Status.PARTIALLY_FILLED)


class StpMode(StrEnum):
    """What happens instead of a trade of an account with itself."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class RespType(StrEnum):
    """How much a reply to a new order tells."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class ExpiryReason(StrEnum):
    """Why an order ended without its owner's cancel."""

    REJECTED = "REJECTED"
    EXCHANGE = "EXCHANGE_CANCELED"
    OCO_TRIGGER = "OCO_TRIGGER"
    OTO_PHASE_ONE = "OTO_PHASE_ONE_EXPIRED"
    IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
    FOK = "UNFILLED_FOK_ORDER_EXPIRED"
    LIQUIDITY = "INSUFFICIENT_LIQUIDITY"


class Prevented(msgspec.Struct, frozen=True, kw_only=True):
    """A match with oneself that was prevented, seen from one of the two orders."""

    match_id: int
    quantity: Decimal
    price: Decimal
    counter_order_id: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an order. `stop_price` is zero where there is none; `trailing_delta` is in
    hundredths of a percent, and `trailing_ns` is when it began to follow the price."""

    order_id: int
    account: str
    symbol: str
    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    stp: StpMode
    strategy_id: int | None
    strategy_type: int | None
    created_ns: int
    updated_ns: int
    working: bool = False
    status: Status = Status.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    prevented: Prevented | None = None
    expiry: ExpiryReason | None = None
    cancel_id: str | None = None
    stop_price: Decimal = ZERO
    trailing_delta: int | None = None
    trailing_ns: int | None = None
    # When it came to the book; None while it waits for a price or for another order.
    working_ns: int | None = None
    list_id: int = NO_LIST
    amends: int = 0

    @property
    def remaining(self) -> Decimal:
        """What could still trade if the order were open."""
        return self.quantity - self.executed


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of one client's order."""

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
    maker: bool
    at_ns: int
    list_id: int = NO_LIST


@dataclass(slots=True)
class OrderRecord:
    """Every version of one order, oldest first."""

    versions: list[Order]

    @property
    def now(self) -> Order:
        """The newest version."""
        return self.versions[-1]

    def as_of(self, at_ns: int) -> Order | None:
        """The version that was newest at `at_ns`; None when the order did not exist yet."""
        if self.versions[-1].updated_ns <= at_ns:
            return self.versions[-1]
        index = bisect_right(self.versions, at_ns, key=_updated_ns)
        return self.versions[index - 1] if index else None


def _updated_ns(order: Order) -> int:
    return order.updated_ns


def floor8(amount: Decimal) -> Decimal:
    """Down to the venue's eight decimals."""
    return amount.quantize(_UNIT, rounding=ROUND_DOWN)


def text8(amount: Decimal) -> str:
    """As the venue writes amounts: always eight decimals, never an exponent."""
    return f"{amount:.8f}"
