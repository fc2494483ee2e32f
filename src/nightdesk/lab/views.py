"""Shapes of orders, trades and balances in replies, exactly as documented.

Owns the keys and their order. Refuses to look anything up: what is shown is handed in.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import cast

from nightdesk.lab.accounts import Amendment
from nightdesk.lab.orders import ZERO, Fill, Order, RespType, text8
from nightdesk.lab.reports import Execution, ListReport, ListStatus, OrderList, Report

Json = dict[str, object]
# Lab time in nanoseconds to venue time in the unit the client asked for.
Stamp = Callable[[int], int]

_ZERO_TEXT = text8(ZERO)
# A time that has not come.
_NOT_YET = -1
# What no document of the venue has among the values of any field.
UNHEARD_OF = "UNHEARD_OF"
# Where a report has what replies spell out.
_IN_REPORT = {"status": "X", "type": "o", "timeInForce": "f", "side": "S"}


def placed(order: Order, fills: Iterable[Fill], resp_type: RespType, stamp: Stamp) -> Json:
    """The reply to a new order."""
    shown: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": stamp(order.updated_ns),
    }
    if resp_type is RespType.ACK:
        return shown
    shown |= _amounts(order)
    shown["workingTime"] = _moment(order.working_ns, stamp)
    shown["selfTradePreventionMode"] = order.stp
    if resp_type is RespType.FULL:
        shown["fills"] = [
            {
                "price": text8(fill.price),
                "qty": text8(fill.quantity),
                "commission": text8(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ]
    return shown | _conditional(order, stamp)


def canceled(order: Order, stamp: Stamp) -> Json:
    """The reply to a cancel."""
    shown: Json = {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.cancel_id,
        "transactTime": stamp(order.updated_ns),
    }
    shown |= _amounts(order)
    shown["selfTradePreventionMode"] = order.stp
    return shown | _conditional(order, stamp)


def queried(order: Order, stamp: Stamp) -> Json:
    """An order as queries show it."""
    shown: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
    }
    amounts = _amounts(order)
    quote = amounts.pop("origQuoteOrderQty")
    shown |= amounts
    shown |= {
        "stopPrice": text8(order.stop_price),
        "icebergQty": _ZERO_TEXT,
        "time": stamp(order.created_ns),
        "updateTime": stamp(order.updated_ns),
        "isWorking": order.working_ns is not None,
        "workingTime": _moment(order.working_ns, stamp),
        "origQuoteOrderQty": quote,
        "selfTradePreventionMode": order.stp,
    }
    return shown | _conditional(order, stamp)


def _amounts(order: Order) -> Json:
    return {
        "price": text8(order.price),
        "origQty": text8(order.quantity),
        "executedQty": text8(order.executed),
        "origQuoteOrderQty": text8(order.quote_quantity),
        "cummulativeQuoteQty": text8(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def amended(order: Order, amendment: Amendment, group: OrderList | None, stamp: Stamp) -> Json:
    """The reply to an amendment; `group` is the order's list."""
    shown: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "origClientOrderId": amendment.old_client_id,
        "clientOrderId": order.client_order_id,
        "price": text8(order.price),
        "qty": text8(order.quantity),
        "executedQty": text8(order.executed),
        "preventedQty": _ZERO_TEXT,
        "quoteOrderQty": text8(order.quote_quantity),
        "cumulativeQuoteQty": text8(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "selfTradePreventionMode": order.stp,
    }
    if order.working_ns is not None:
        shown["workingTime"] = stamp(order.working_ns)
    reply: Json = {
        "transactTime": stamp(amendment.at_ns),
        "executionId": amendment.execution_id,
        "amendedOrder": shown | _conditional(order, stamp),
    }
    if group is not None:
        listed = order_list(group, stamp)
        for name in ("listStatusType", "transactionTime"):
            del listed[name]
        reply["listStatus"] = listed
    return reply


def amendment(one: Amendment, symbol: str, stamp: Stamp) -> Json:
    """How an order was once amended."""
    return {
        "symbol": symbol,
        "orderId": one.order_id,
        "executionId": one.execution_id,
        "origClientOrderId": one.old_client_id,
        "newClientOrderId": one.new_client_id,
        "origQty": text8(one.old_quantity),
        "newQty": text8(one.new_quantity),
        "time": stamp(one.at_ns),
    }


def order_list(group: OrderList, stamp: Stamp) -> Json:
    """An order list as queries show it."""
    over = ListStatus.ALL_DONE if not group.open else "EXECUTING"
    return {
        "orderListId": group.list_id,
        "contingencyType": group.contingency,
        "listStatusType": group.status,
        "listOrderStatus": over,
        "listClientOrderId": group.client_list_id,
        "transactionTime": stamp(group.updated_ns),
        "symbol": group.symbol,
        "orders": [
            {"symbol": group.symbol, "orderId": order_id, "clientOrderId": client_id}
            for order_id, client_id in zip(group.orders, group.client_ids, strict=True)
        ],
    }


def list_status(report: ListReport, stamp: Stamp) -> Json:
    """The `listStatus` event of one step of an order list."""
    group, happened = report.group, stamp(report.at_ns)
    shown = order_list(group, stamp)
    return {
        "e": "listStatus",
        "E": happened,
        "s": group.symbol,
        "g": group.list_id,
        "c": group.contingency,
        "l": group.status,
        "L": shown["listOrderStatus"],
        "r": "NONE",
        "C": group.client_list_id,
        "T": happened,
        "O": [
            {"s": group.symbol, "i": order_id, "c": client_id}
            for order_id, client_id in zip(group.orders, group.client_ids, strict=True)
        ],
    }


def _moment(at_ns: int | None, stamp: Stamp) -> int:
    return _NOT_YET if at_ns is None else stamp(at_ns)


def _conditional(order: Order, stamp: Stamp) -> Json:
    shown: Json = {}
    if order.type.conditional:
        shown["stopPrice"] = text8(order.stop_price)
    if order.trailing_delta is not None:
        shown["trailingDelta"] = order.trailing_delta
        shown["trailingTime"] = _moment(order.trailing_ns, stamp)
    if order.strategy_id is not None:
        shown["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        shown["strategyType"] = order.strategy_type
    if order.prevented is not None:
        shown["preventedMatchId"] = order.prevented.match_id
        shown["preventedQuantity"] = text8(order.prevented.quantity)
    if order.expiry is not None:
        shown["expiryReason"] = order.expiry
    return shown


def trade(fill: Fill, stamp: Stamp) -> Json:
    """One of an account's own trades."""
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": fill.list_id,
        "price": text8(fill.price),
        "qty": text8(fill.quantity),
        "quoteQty": text8(fill.quote),
        "commission": text8(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": stamp(fill.at_ns),
        "isBuyer": fill.side == "BUY",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def execution_report(report: Report, stamp: Stamp) -> Json:
    """The `executionReport` event of one step of one order."""
    order, fill = report.order, report.fill
    happened, created = stamp(report.at_ns), stamp(order.created_ns)
    cancel = report.execution is Execution.CANCELED
    event: Json = {
        "e": "executionReport",
        "E": happened,
        "s": order.symbol,
        "c": order.cancel_id if cancel else order.client_order_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": text8(order.quantity),
        "p": text8(order.price),
        "P": text8(order.stop_price),
        "F": _ZERO_TEXT,
        "g": order.list_id,
        "C": order.client_order_id if cancel else report.old_id,
        "x": report.execution,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": text8(fill.quantity) if fill else _ZERO_TEXT,
        "z": text8(order.executed),
        "L": text8(fill.price) if fill else _ZERO_TEXT,
        "n": text8(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": happened,
        "t": fill.trade_id if fill else -1,
        "I": report.execution_id,
        "w": order.working,
        "m": fill.maker if fill else False,
        "M": False,
        "O": created,
        "Z": text8(order.executed_quote),
        "Y": text8(fill.quote) if fill else _ZERO_TEXT,
        "Q": text8(order.quote_quantity),
        "V": order.stp,
    }
    return event | _conditional_in_report(order, stamp)


def _conditional_in_report(order: Order, stamp: Stamp) -> Json:
    event: Json = {}
    if order.working_ns is not None:
        event["W"] = stamp(order.working_ns)
    if order.trailing_delta is not None:
        event["d"] = order.trailing_delta
        event["D"] = _moment(order.trailing_ns, stamp)
    if order.strategy_id is not None:
        event["j"] = order.strategy_id
    if order.strategy_type is not None:
        event["J"] = order.strategy_type
    if order.prevented is not None:
        event["v"] = order.prevented.match_id
        event["A"] = event["B"] = text8(order.prevented.quantity)
        event["u"] = -1
        event["U"] = order.prevented.counter_order_id
        event["Cs"] = order.symbol
        event["pL"] = text8(order.prevented.price)
        event["pl"] = text8(order.prevented.quantity)
        event["pY"] = text8(order.prevented.price * order.prevented.quantity)
    if order.expiry is not None:
        event["eR"] = order.expiry
    return event


def shows_orders(result: object) -> bool:
    """Whether a reply tells where orders stand."""
    rows = result if isinstance(result, list) else [result]
    return bool(rows) and all(
        isinstance(row, dict) and "clientOrderId" in row and "status" in row for row in rows
    )


def with_unheard_of(result: object, name: str) -> object:
    """A reply that `shows_orders`, with a value in each that no document knows."""
    if isinstance(result, list):
        return [cast(Json, row) | {name: UNHEARD_OF} for row in result]
    return cast(Json, result) | {name: UNHEARD_OF}


def report_with_unheard_of(event: Json, name: str) -> Json:
    """The same for an execution report."""
    return event | {_IN_REPORT[name]: UNHEARD_OF}


def balance_update(asset: str, amount: Decimal, at_ns: int, stamp: Stamp) -> Json:
    """The `balanceUpdate` event of a deposit or a withdrawal."""
    return {
        "e": "balanceUpdate",
        "E": stamp(at_ns),
        "a": asset,
        "d": text8(amount),
        "T": stamp(at_ns),
    }
