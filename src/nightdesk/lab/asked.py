"""What requests ask for: orders and cancels, read in the venue's words.

Owns which parameters go with which order, and what is wrong with a request. Refuses to know
books and balances: the exchange judges what was read.
"""

from collections.abc import Mapping
from decimal import Decimal

from nightdesk.lab import params
from nightdesk.lab.accounts import CancelOrder, NewOrder
from nightdesk.lab.orders import (
    ZERO,
    OrderType,
    RespType,
    Side,
    Status,
    StpMode,
    TimeInForce,
)
from nightdesk.lab.refusals import Refused, mandatory, not_required

NEW_NAMES = frozenset(
    {
        *("symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price"),
        *("newClientOrderId", "strategyId", "strategyType", "stopPrice", "trailingDelta"),
        *("icebergQty", "newOrderRespType", "selfTradePreventionMode"),
        *("pegPriceType", "pegOffsetValue", "pegOffsetType"),
    }
)
CANCEL_NAMES = frozenset(
    {"symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"}
)
REPLACE_NAMES = NEW_NAMES | {
    *("cancelReplaceMode", "cancelNewClientOrderId", "cancelOrigClientOrderId"),
    *("cancelOrderId", "cancelRestrictions", "orderRateLimitExceededMode"),
}
_STRATEGY_TYPE_MIN = 1_000_000
_BAD_STP = (-1013, "This symbol does not allow the specified self-trade prevention mode.")
_ONLY_STATUS = {"ONLY_NEW": Status.NEW, "ONLY_PARTIALLY_FILLED": Status.PARTIALLY_FILLED}
# What a type must have and must not have.
_NEEDS: dict[OrderType, tuple[str, ...]] = {
    OrderType.LIMIT: ("timeInForce", "quantity", "price"),
    OrderType.LIMIT_MAKER: ("quantity", "price"),
    OrderType.MARKET: (),
    OrderType.STOP_LOSS: ("quantity",),
    OrderType.STOP_LOSS_LIMIT: ("timeInForce", "quantity", "price"),
    OrderType.TAKE_PROFIT: ("quantity",),
    OrderType.TAKE_PROFIT_LIMIT: ("timeInForce", "quantity", "price"),
}
_MUST_NOT: dict[OrderType, tuple[str, ...]] = {
    OrderType.LIMIT: ("quoteOrderQty", "stopPrice", "trailingDelta"),
    OrderType.LIMIT_MAKER: ("quoteOrderQty", "timeInForce", "stopPrice", "trailingDelta"),
    OrderType.MARKET: ("timeInForce", "price", "stopPrice", "trailingDelta", "icebergQty"),
    OrderType.STOP_LOSS: ("quoteOrderQty", "timeInForce", "price", "icebergQty"),
    OrderType.STOP_LOSS_LIMIT: ("quoteOrderQty",),
    OrderType.TAKE_PROFIT: ("quoteOrderQty", "timeInForce", "price", "icebergQty"),
    OrderType.TAKE_PROFIT_LIMIT: ("quoteOrderQty",),
}
_IN_FULL = (OrderType.LIMIT, OrderType.MARKET)  # the others are acknowledged only


def new_order(sent: Mapping[str, str], known: Mapping[str, object]) -> NewOrder:
    """The order a request asks for. Raises `Refused` where the request is not one."""
    symbol = params.symbol(sent, known)
    params.required(sent, "side")
    side = params.choice(sent, "side", Side, (-1117, "Invalid side."))
    params.required(sent, "type")
    kind = params.choice(sent, "type", OrderType, (-1116, "Invalid orderType."))
    assert side is not None, "required above"
    assert kind is not None, "required above"
    _check_combination(sent, kind)
    quantity = _positive(sent, "quantity", "Invalid quantity.")
    quote_quantity = _positive(sent, "quoteOrderQty", "Invalid quote order qty.")
    price = _positive(sent, "price", "Invalid price.")
    resp_default = RespType.FULL if kind in _IN_FULL else RespType.ACK
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        time_in_force=params.choice(
            sent, "timeInForce", TimeInForce, (-1115, "Invalid timeInForce.")
        )
        or TimeInForce.GTC,
        price=price or ZERO,
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_order_id=params.client_id(sent, "newClientOrderId"),
        stp=params.choice(sent, "selfTradePreventionMode", StpMode, _BAD_STP) or StpMode.NONE,
        strategy_id=params.long(sent, "strategyId"),
        strategy_type=_strategy_type(sent),
        resp_type=params.choice(sent, "newOrderRespType", RespType, bad_value("newOrderRespType"))
        or resp_default,
        stop_price=_positive(sent, "stopPrice", "Invalid stop price.") or ZERO,
        trailing_delta=params.long(sent, "trailingDelta"),
    )


def _check_combination(sent: Mapping[str, str], kind: OrderType) -> None:
    for name in _NEEDS[kind]:
        params.required(sent, name)
    for name in _MUST_NOT[kind]:
        if name in sent:
            raise not_required(name)
    if kind is OrderType.MARKET:
        if "quantity" in sent and "quoteOrderQty" in sent:
            raise not_required("quoteOrderQty")
        if "quantity" not in sent and "quoteOrderQty" not in sent:
            raise mandatory("quantity")
    if kind.conditional and "stopPrice" not in sent and "trailingDelta" not in sent:
        raise Refused(
            -1102,
            "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
        )
    if "icebergQty" in sent:
        raise Refused(-2010, "Iceberg orders are not supported for this symbol.")
    if "pegPriceType" in sent:
        raise Refused(-2010, "Pegged orders are not supported for this symbol.")


def _positive(sent: Mapping[str, str], name: str, wrong: str) -> Decimal | None:
    amount = params.decimal(sent, name)
    if amount is not None and not amount:
        raise Refused(-1013, wrong)
    return amount


def _strategy_type(sent: Mapping[str, str]) -> int | None:
    number = params.long(sent, "strategyType")
    if number is not None and number < _STRATEGY_TYPE_MIN:
        raise Refused(-1134, "`strategyType` was less than 1000000.")
    return number


def bad_value(name: str) -> tuple[int, str]:
    """The code and the text for a parameter that says nothing the venue knows."""
    return -1130, f"Data sent for parameter '{name}' is not valid."


def cancel(
    sent: Mapping[str, str], known: Mapping[str, object], *, replacing: bool = False
) -> CancelOrder:
    """The cancel a request asks for."""
    id_name, client_name, new_name = (
        ("cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId")
        if replacing
        else ("orderId", "origClientOrderId", "newClientOrderId")
    )
    symbol = params.symbol(sent, known)
    if id_name not in sent and client_name not in sent:
        raise Refused(
            -1102,
            f"Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!",
        )
    restriction = sent.get("cancelRestrictions")
    if restriction is not None and restriction not in _ONLY_STATUS:
        raise Refused(-1145, "Invalid cancelRestrictions")
    return CancelOrder(
        symbol=symbol,
        order_id=params.long(sent, id_name),
        client_order_id=params.client_id(sent, client_name),
        cancel_id=params.client_id(sent, new_name),
        only_status=None if restriction is None else _ONLY_STATUS[restriction],
    )
