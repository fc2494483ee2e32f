"""Conditional ("algo") orders: immutable versions of one, and the prices that trigger it.

Owns the vocabulary and the conditions. Refuses to act on them. Source: "New Algo Order" and "Event: Algo
Order Update" of the venue's documents, 2026-08.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from nightdesk.lab.orders import ZERO, Side, StpMode
from nightdesk.lab.usdm.history import Versions

_PERCENT = Decimal(100)


class AlgoType(StrEnum):
    """What is waited for and what is ordered then."""

    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"

    @property
    def at_market(self) -> bool:
        """Whether a market order comes of it."""
        return self not in (AlgoType.STOP, AlgoType.TAKE_PROFIT)

    @property
    def takes_profit(self) -> bool:
        """Whether it waits for a better price rather than a worse one."""
        return self in (AlgoType.TAKE_PROFIT, AlgoType.TAKE_PROFIT_MARKET)


class AlgoStatus(StrEnum):
    """Where a conditional order stands."""

    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class WorkingType(StrEnum):
    """Which price is watched."""

    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class AlgoTif(StrEnum):
    """How long what comes of it stays; GTE_GTC ends with the position."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"
    GTE_GTC = "GTE_GTC"


class NewAlgo(msgspec.Struct, frozen=True, kw_only=True):
    """A conditional order as asked for. Quantity is zero where it closes the position."""

    symbol: str
    side: Side
    type: AlgoType
    time_in_force: AlgoTif
    quantity: Decimal
    price: Decimal
    trigger_price: Decimal
    working_type: WorkingType
    reduce_only: bool
    close_position: bool
    price_protect: bool
    activate_price: Decimal
    callback_rate: Decimal
    client_algo_id: str | None
    stp: StpMode
    good_till_ms: int = 0


class AlgoOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a conditional order. `best` is the price a trailing stop trails from, once it
    is active; `rejection` is what the engine said to what came of it."""

    algo_id: int
    account: str
    client_algo_id: str
    terms: NewAlgo
    created_ns: int
    updated_ns: int
    status: AlgoStatus = AlgoStatus.NEW
    triggered_ns: int = 0
    order_id: int | None = None
    average_price: Decimal = ZERO
    executed: Decimal = ZERO
    best: Decimal | None = None
    rejection: str = ""

    @property
    def open(self) -> bool:
        """Whether it still waits for its price."""
        return self.status is AlgoStatus.NEW


AlgoRecord = Versions[AlgoOrder]


def reached(terms: NewAlgo, price: Decimal) -> bool:
    """Whether a price triggers an order that does not trail."""
    above = terms.type.takes_profit == (terms.side is Side.SELL)
    return price >= terms.trigger_price if above else price <= terms.trigger_price


def trailed(order: AlgoOrder, price: Decimal) -> tuple[AlgoOrder, bool]:
    """A trailing stop after a price, and whether that triggers it."""
    terms, sells = order.terms, order.terms.side is Side.SELL
    best = order.best
    if best is None:
        passed = price >= terms.activate_price if sells else price <= terms.activate_price
        if terms.activate_price and not passed:
            return order, False
        best = price
    best = max(best, price) if sells else min(best, price)
    share = terms.callback_rate / _PERCENT
    far = price <= best * (1 - share) if sells else price >= best * (1 + share)
    return replace(order, best=best), far
