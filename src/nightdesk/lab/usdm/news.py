"""News: what the engine leaves to be told to accounts and to everybody.

Owns the facts in the order in which they happened. Refuses shapes: `events` writes them.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from nightdesk.lab.usdm.algo_orders import AlgoOrder
from nightdesk.lab.usdm.orders import PerpFill, PerpOrder
from nightdesk.lab.usdm.positions import Holdings


class Execution(StrEnum):
    """What a report reports; CALCULATED is the execution of a liquidation."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    CALCULATED = "CALCULATED"
    AMENDMENT = "AMENDMENT"


class Reason(StrEnum):
    """Why a balance or a position changed."""

    ORDER = "ORDER"
    FUNDING_FEE = "FUNDING_FEE"
    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    MARGIN_TRANSFER = "MARGIN_TRANSFER"
    MARGIN_TYPE_CHANGE = "MARGIN_TYPE_CHANGE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"
    ADL = "ADL"


class OrderNews(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one order."""

    account: str
    execution: Execution
    order: PerpOrder
    fill: PerpFill | None
    at_ns: int


class AccountNews(msgspec.Struct, frozen=True, kw_only=True):
    """Balances and positions that changed; `moved` is what came or went besides profit and fees,
    `about` the contract whose funding it is."""

    account: str
    reason: Reason
    holdings: Holdings
    assets: tuple[str, ...]
    symbols: tuple[str, ...]
    at_ns: int
    moved: Decimal = Decimal(0)
    about: str | None = None


class ConfigNews(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of the account changed: a contract's leverage, or the multi-assets mode."""

    account: str
    at_ns: int
    symbol: str | None = None
    leverage: int | None = None
    multi_assets: bool | None = None


class MarginCallNews(msgspec.Struct, frozen=True, kw_only=True):
    """An account's margin is getting short."""

    account: str
    symbols: tuple[str, ...]
    at_ns: int


class AlgoNews(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one conditional order."""

    account: str
    order: AlgoOrder
    at_ns: int


News = AlgoNews | OrderNews | AccountNews | ConfigNews | MarginCallNews
