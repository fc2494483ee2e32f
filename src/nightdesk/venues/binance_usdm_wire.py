"""Binance USD-M futures' JSON where it is not spelled as spot's: only the fields this desk reads.

Sources: the venue's USD-M REST, algo, stream and user-data pages, as its own connector (derivatives, 17.2.0 of
2026-08-19) restates them, read 2026-11-22.
"""

from decimal import Decimal

import msgspec

from nightdesk.model.account import Flow, Forced, Margin
from nightdesk.model.order import VenueStatus
from nightdesk.venues import binance_wire as wire

# Until it is triggered an algo order tells of itself; from then on only the order it became does. FINISHED says
# no more than that the other one ended.
ALGO_STATUS = {
    "NEW": VenueStatus.WORKING,
    "TRIGGERING": VenueStatus.WORKING,
    "TRIGGERED": VenueStatus.WORKING,
    "FINISHED": VenueStatus.WORKING,
    "CANCELED": VenueStatus.CANCELLED,
    "REJECTED": VenueStatus.REJECTED,
    "EXPIRED": VenueStatus.EXPIRED,
}
INCOME = {Flow.FUNDING: "FUNDING_FEE", Flow.TRANSFER: "TRANSFER", Flow.INSURANCE: "INSURANCE_CLEAR"}
# Why ACCOUNT_UPDATE comes. ORDER is a trade's; what is not here is OTHER.
REASON = {
    "FUNDING_FEE": Flow.FUNDING,
    "DEPOSIT": Flow.TRANSFER,
    "WITHDRAW": Flow.TRANSFER,
    "WITHDRAW_REJECT": Flow.TRANSFER,
    "ADMIN_DEPOSIT": Flow.TRANSFER,
    "ADMIN_WITHDRAW": Flow.TRANSFER,
    "MARGIN_TRANSFER": Flow.TRANSFER,
    "ASSET_TRANSFER": Flow.TRANSFER,
    "INSURANCE_CLEAR": Flow.INSURANCE,
}
MARGIN = {"CROSSED": Margin.CROSS, "ISOLATED": Margin.ISOLATED}
_FORCED = (
    ("adl_autoclose", Forced.ADL),
    ("autoclose-", Forced.LIQUIDATION),
    ("settlement_autoclose-", Forced.SETTLEMENT),
    ("delivery_autoclose-", Forced.SETTLEMENT),
)


def reason_of(word: str) -> Flow | None:
    """Why ACCOUNT_UPDATE came; None for a trade, which its own reports tell."""
    return None if word == "ORDER" else REASON.get(word, Flow.OTHER)


def terms_of(
    kind: str, qty: Decimal | None, price: Decimal | None
) -> tuple[Decimal, Decimal] | None:
    """Quantity and price of an order that has both; None for another kind, and where one is not told."""
    if kind != "LIMIT" or qty is None or price is None:
        return None
    return wire.amount(qty), wire.amount(price)


def forced_of(client_id: str) -> Forced | None:
    """Why the venue placed the order of that client id; None where somebody else did."""
    for start, kind in _FORCED:
        if client_id.startswith(start):
            return kind
    return None


class AlgoAnswer(msgspec.Struct, rename="camel"):
    """POST and GET of algoOrder, and each element of openAlgoOrders. `actual_order_id` is "" until it triggers.

    `actualQty` is not read: the document's own example tells the whole quantity of an order that never traded.
    """

    algo_id: int
    client_algo_id: str
    symbol: str
    algo_status: str
    update_time: int = 0
    actual_order_id: str | int = ""


class ContractOrder(wire.OrderAnswer, rename="camel"):
    """POST, PUT, DELETE and GET of an order, and each element of openOrders, with terms that may be amended."""

    type: str = ""
    orig_qty: Decimal | None = None
    price: Decimal | None = None


class AlgoCancelled(msgspec.Struct, rename="camel"):
    """DELETE algoOrder."""

    algo_id: int
    client_algo_id: str
    code: str | int = ""


class ContractTrade(msgspec.Struct, rename="camel"):
    """An element of userTrades; a commission may be a rebate."""

    symbol: str
    id: int
    order_id: int
    side: str
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    realized_pnl: Decimal
    time: int
    maker: bool


class ContractAsset(msgspec.Struct, rename="camel"):
    """An asset in account (v3)."""

    asset: str
    wallet_balance: Decimal


class ContractPosition(msgspec.Struct, rename="camel"):
    """A position in account (v3), which lists those only that are not flat or have open orders."""

    symbol: str
    position_side: str
    position_amt: Decimal


class ContractAccount(msgspec.Struct):
    """GET account (v3)."""

    assets: list[ContractAsset]
    positions: list[ContractPosition]


class AccountConfig(msgspec.Struct, rename="camel"):
    """GET accountConfig."""

    dual_side_position: bool
    multi_assets_margin: bool


class SymbolConfig(msgspec.Struct, rename="camel"):
    """An element of symbolConfig."""

    symbol: str
    margin_type: str
    leverage: int


class Income(msgspec.Struct, rename="camel"):
    """An element of income; `tran_id` is unique within its type."""

    symbol: str
    income_type: str
    income: Decimal
    asset: str
    time: int
    tran_id: int


class ForceOrder(msgspec.Struct, rename="camel"):
    """An element of forceOrders."""

    symbol: str
    order_id: int
    client_order_id: str


class ListenKey(msgspec.Struct, rename="camel"):
    """POST listenKey, which also prolongs the key that is active."""

    listen_key: str


class ContractTicker(msgspec.Struct):
    """<symbol>@bookTicker; `T` is the matching engine's time."""

    u: int
    s: str
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal
    T: int


class ContractBook(msgspec.Struct):
    """<symbol>@depth<levels>: the best levels in the shape of an update; `T` is the matching engine's time."""

    T: int
    s: str
    u: int
    b: tuple[tuple[Decimal, Decimal], ...]
    a: tuple[tuple[Decimal, Decimal], ...]


class AggTrade(msgspec.Struct):
    """<symbol>@aggTrade; `m`: the buyer was the maker."""

    E: int
    s: str
    a: int
    p: Decimal
    q: Decimal
    m: bool


class MarkPrice(msgspec.Struct):
    """<symbol>@markPrice@1s; `T` is the next funding's time."""

    E: int
    s: str
    p: Decimal
    i: Decimal
    r: Decimal
    T: int


class UserEvent(msgspec.Struct):
    """Any frame of the private stream; in an envelope where the connection is a combined one."""

    e: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class OrderUpdate(msgspec.Struct, rename={"last_qty": "l"}):
    """`o` of ORDER_TRADE_UPDATE. Commission fields are missing where nothing traded."""

    s: str
    c: str
    S: str
    x: str
    X: str
    i: int
    last_qty: Decimal
    z: Decimal
    L: Decimal
    T: int
    t: int
    o: str = ""
    q: Decimal | None = None
    p: Decimal | None = None
    m: bool = False
    n: Decimal = Decimal(0)
    N: str | None = None
    rp: Decimal = Decimal(0)


class OrderTradeUpdate(msgspec.Struct):
    """ORDER_TRADE_UPDATE."""

    o: OrderUpdate


class AlgoOrderUpdate(msgspec.Struct):
    """`o` of ALGO_UPDATE; `ai` is the id of the order it became, `rm` why it failed."""

    caid: str
    aid: int
    s: str
    X: str
    ai: str | int = ""
    rm: str = ""


class AlgoUpdate(msgspec.Struct):
    """ALGO_UPDATE."""

    T: int
    o: AlgoOrderUpdate


class WalletUpdate(msgspec.Struct):
    """An element of `B` in ACCOUNT_UPDATE."""

    a: str
    wb: Decimal


class PositionUpdate(msgspec.Struct):
    """An element of `P` in ACCOUNT_UPDATE."""

    s: str
    pa: Decimal
    ps: str


class AccountChange(msgspec.Struct):
    """`a` of ACCOUNT_UPDATE."""

    m: str
    B: list[WalletUpdate] = []
    P: list[PositionUpdate] = []


class AccountUpdate(msgspec.Struct):
    """ACCOUNT_UPDATE."""

    T: int
    a: AccountChange


class LeverageUpdate(msgspec.Struct, rename={"leverage": "l"}):
    """`ac` of ACCOUNT_CONFIG_UPDATE."""

    s: str
    leverage: int


class MultiAssetUpdate(msgspec.Struct):
    """`ai` of ACCOUNT_CONFIG_UPDATE."""

    j: bool


class ConfigUpdate(msgspec.Struct):
    """ACCOUNT_CONFIG_UPDATE."""

    ac: LeverageUpdate | None = None
    ai: MultiAssetUpdate | None = None


class TriggerReject(msgspec.Struct):
    """`or` of CONDITIONAL_ORDER_TRIGGER_REJECT."""

    s: str
    i: int
    r: str


class TriggerRejected(msgspec.Struct, rename={"order": "or"}):
    """CONDITIONAL_ORDER_TRIGGER_REJECT."""

    order: TriggerReject
