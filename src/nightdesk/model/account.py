"""What a venue says of an account of contracts: its terms, and what moves it without an order of ours."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum, auto

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.order import Side
from nightdesk.model.time import Wall


class Margin(StrEnum):
    """What stands behind a position: the whole wallet, or an amount of its own."""

    CROSS = auto()
    ISOLATED = auto()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On which terms one contract is held; `leverage` is notional over initial margin."""

    leverage: int
    margin: Margin = Margin.CROSS


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a whole account. `hedge`: long and short of one contract are held beside each other.
    `multi_asset`: every asset of the wallet is margin for every contract."""

    hedge: bool
    multi_asset: bool
    contracts: Mapping[InstrumentId, Terms]


class TermsTold(msgspec.Struct, frozen=True, kw_only=True):
    """The stream says that terms were changed: a contract's leverage, or the account's mode of margin."""

    instrument: InstrumentId | None = None
    leverage: int | None = None
    margin: Margin | None = None
    multi_asset: bool | None = None


class Flow(StrEnum):
    """Why a wallet moved, other than by a trade."""

    FUNDING = auto()  # paid between longs and shorts of a contract, by the clock
    TRANSFER = auto()  # by the account's owner
    INSURANCE = auto()  # what a liquidation left, or took from the venue's insurance fund
    OTHER = auto()


class WalletMove(msgspec.Struct, frozen=True, kw_only=True):
    """One such move; `id` is the venue's, unique within its kind. `instrument` is None where the move belongs
    to the whole account."""

    kind: Flow
    id: str
    instrument: InstrumentId | None
    asset: str
    amount: Decimal
    at: Wall


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The stream says that wallets or positions moved, and how they stand now.

    It carries no id, so nothing is booked by it: it says what to ask for.
    """

    kind: Flow | None  # None: by a trade
    wallets: Mapping[str, Decimal]
    positions: Mapping[InstrumentId, Decimal]
    at: Wall


class Forced(StrEnum):
    """Why there is a trade of the account that no desk asked for, and that closes what a desk holds."""

    LIQUIDATION = auto()
    ADL = auto()  # auto-deleveraging: the other side of somebody else's liquidation
    SETTLEMENT = auto()  # the contract is delisted or delivered
    EMERGENCY = auto()  # a person got out by hand, with the emergency tool


class ForcedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the venue placed for the account."""

    kind: Forced
    instrument: InstrumentId
    venue_order_id: str


class ForcedFill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of such an order, or of the emergency tool's. `realised` is the profit that the venue booked
    for it, before the fee."""

    kind: Forced
    instrument: InstrumentId
    venue_order_id: str
    trade_id: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    realised: Decimal
    at: Wall
