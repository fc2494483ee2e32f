"""What requests for order lists ask for: legs under prefixed names, read like single orders.

Owns which legs may go together. Refuses to know prices and balances: the exchange judges them.
"""

import re
from collections.abc import Mapping

from nightdesk.lab import asked, params
from nightdesk.lab.accounts import NewList, NewOrder
from nightdesk.lab.orders import OrderType, Side
from nightdesk.lab.refusals import Refused, mandatory

Sent = Mapping[str, str]

_SHARED = ("symbol", "selfTradePreventionMode", "newOrderRespType")
# A leg's own parameters: as the list's request ends their names, and as a single order has them.
_OF_LEG = {
    "Type": "type",
    "ClientOrderId": "newClientOrderId",
    "Price": "price",
    "StopPrice": "stopPrice",
    "TrailingDelta": "trailingDelta",
    "TimeInForce": "timeInForce",
    "StrategyId": "strategyId",
    "StrategyType": "strategyType",
    "IcebergQty": "icebergQty",
    "PegPriceType": "pegPriceType",
    "PegOffsetType": "pegOffsetType",
    "PegOffsetValue": "pegOffsetValue",
}
_WITH_SIDE = _OF_LEG | {"Side": "side", "Quantity": "quantity"}
_OLD_LIMIT = {
    "side": "side",
    "quantity": "quantity",
    "price": "price",
    "limitClientOrderId": "newClientOrderId",
    "limitStrategyId": "strategyId",
    "limitStrategyType": "strategyType",
    "limitIcebergQty": "icebergQty",
}
_OLD_STOP = {
    "side": "side",
    "quantity": "quantity",
    "stopPrice": "stopPrice",
    "trailingDelta": "trailingDelta",
    "stopLimitPrice": "price",
    "stopLimitTimeInForce": "timeInForce",
    "stopClientOrderId": "newClientOrderId",
    "stopStrategyId": "strategyId",
    "stopStrategyType": "strategyType",
    "stopIcebergQty": "icebergQty",
}
_LIST_NAMES = frozenset({*_SHARED, "listClientOrderId"})


def _pair_names(prefix: str) -> dict[str, dict[str, str]]:
    """What the two legs of a pair have under `prefix`, by which of them it is."""
    shared = {"pendingSide": "side", "pendingQuantity": "quantity"}
    if not prefix:
        shared = {"side": "side", "quantity": "quantity"}
    legs = ("pendingAbove", "pendingBelow") if prefix else ("above", "below")
    return {leg: shared | {leg + end: name for end, name in _OF_LEG.items()} for leg in legs}


_OCO, _OTOCO = _pair_names(""), _pair_names("pending")
_WORKING = {f"working{end}": name for end, name in _WITH_SIDE.items()}
_PENDING = {f"pending{end}": name for end, name in _WITH_SIDE.items()}

OLD_OCO_NAMES = _LIST_NAMES | _OLD_LIMIT.keys() | _OLD_STOP.keys()
OCO_NAMES = _LIST_NAMES | {name for leg in _OCO.values() for name in leg}
OTO_NAMES = _LIST_NAMES | _WORKING.keys() | _PENDING.keys()
OTOCO_NAMES = _LIST_NAMES | _WORKING.keys() | {name for leg in _OTOCO.values() for name in leg}


def old_oco(sent: Sent, known: Mapping[str, object]) -> NewList:
    """The pair that the deprecated request asks for: a limit order, and a stop loss."""
    for name in ("side", "quantity", "price", "stopPrice"):
        params.required(sent, name)
    if ("stopLimitPrice" in sent) != ("stopLimitTimeInForce" in sent):
        missing = {"stopLimitPrice", "stopLimitTimeInForce"} - sent.keys()
        raise mandatory(*missing)
    kind = OrderType.STOP_LOSS_LIMIT if "stopLimitPrice" in sent else OrderType.STOP_LOSS
    stop = _leg(sent, known, _OLD_STOP, kind)
    limit = _leg(sent, known, _OLD_LIMIT, OrderType.LIMIT_MAKER)
    return _list(sent, None, (stop, limit))


def oco(sent: Sent, known: Mapping[str, object]) -> NewList:
    """A pair of which one cancels the other."""
    return _list(sent, None, _pair(sent, known, _OCO))


def oto(sent: Sent, known: Mapping[str, object]) -> NewList:
    """A working order, and one that it triggers when it is filled."""
    pending = _leg(sent, known, _PENDING)
    return _list(sent, _working(sent, known), (pending,))


def otoco(sent: Sent, known: Mapping[str, object]) -> NewList:
    """A working order, and the pair that it triggers when it is filled."""
    return _list(sent, _working(sent, known), _pair(sent, known, _OTOCO))


def _list(sent: Sent, working: NewOrder | None, others: tuple[NewOrder, ...]) -> NewList:
    return NewList(
        symbol=others[0].symbol,
        client_list_id=params.client_id(sent, "listClientOrderId"),
        working=working,
        others=others,
    )


def _working(sent: Sent, known: Mapping[str, object]) -> NewOrder:
    order = _leg(sent, known, _WORKING)
    if order.type not in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        raise Refused(*asked.bad_value("workingType"))
    return order


def _pair(
    sent: Sent, known: Mapping[str, object], legs: Mapping[str, Mapping[str, str]]
) -> tuple[NewOrder, ...]:
    """The two legs, the stop loss first, as the venue numbers them."""
    above, below = (_leg(sent, known, names) for names in legs.values())
    limits = (above.type, below.type).count(OrderType.LIMIT_MAKER)
    if limits == len(legs):
        raise Refused(-1168, "At least one OCO order must be contingent.")
    _check_place(above, is_above=True)
    _check_place(below, is_above=False)
    return (above, below) if above.type.stop_loss else (below, above)


def _check_place(leg: NewOrder, *, is_above: bool) -> None:
    """Refuse a leg on the wrong side of the market; which is right depends on what it is."""
    kind = leg.type
    if not (kind.conditional or kind is OrderType.LIMIT_MAKER):
        raise Refused(-1158, "Order type not supported in OCO.")
    buys = leg.side is Side.BUY
    if is_above == (kind.stop_loss == buys):
        return
    what, of_buy, of_sell = "take profit order", -1198, -1199
    if kind.stop_loss:
        what, of_buy, of_sell = "stop loss order", -1196, -1197
    elif kind is OrderType.LIMIT_MAKER:
        what, of_buy, of_sell = "limit order", -1165, -1166
    side, place = ("buy", "below") if buys else ("sell", "above")
    if kind.stop_loss:
        place = "above" if buys else "below"
    raise Refused(of_buy if buys else of_sell, f"A {what} in a {side} OCO must be {place}.")


def _leg(
    sent: Sent, known: Mapping[str, object], names: Mapping[str, str], kind: OrderType | None = None
) -> NewOrder:
    """One order of a list. What is wrong with it is said in the list's own names."""
    own = {name: sent[name] for name in _SHARED if name in sent}
    own |= {name: sent[theirs] for theirs, name in names.items() if theirs in sent}
    if kind is not None:
        own["type"] = str(kind)
    own.setdefault("newOrderRespType", "RESULT")
    theirs_of = {name: theirs for theirs, name in names.items()}
    try:
        order = asked.new_order(own, known)
        if order.quote_quantity is not None or order.quantity is None:
            raise mandatory("quantity")
    except Refused as e:
        said = re.sub(r"'(\w+)'", lambda m: f"'{theirs_of.get(m[1], m[1])}'", e.msg)
        raise Refused(e.code, said, status=e.status) from e
    return order
