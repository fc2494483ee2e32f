"""Trading endpoints: place, test, cancel, cancel all, cancel and replace.

Owns reading orders from requests, in the venue's words, and the replies. Refuses to match:
that is the exchange's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab import filters, params, views
from nightdesk.lab.accounts import CancelOrder, NewOrder
from nightdesk.lab.api import Ask, Route, Stage
from nightdesk.lab.engine_faults import EngineFaults
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.limits import Limits
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

_NEW_NAMES = frozenset(
    {
        *("symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price"),
        *("newClientOrderId", "strategyId", "strategyType", "stopPrice", "trailingDelta"),
        *("icebergQty", "newOrderRespType", "selfTradePreventionMode"),
        *("pegPriceType", "pegOffsetValue", "pegOffsetType"),
    }
)
_CANCEL_NAMES = frozenset(
    {"symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"}
)
_REPLACE_NAMES = _NEW_NAMES | {
    *("cancelReplaceMode", "cancelNewClientOrderId", "cancelOrigClientOrderId"),
    *("cancelOrderId", "cancelRestrictions", "orderRateLimitExceededMode"),
}
_STRATEGY_TYPE_MIN = 1_000_000
_BAD_STP = (-1013, "This symbol does not allow the specified self-trade prevention mode.")
# Documented order types this venue does not offer, with the documented refusal.
_NOT_OFFERED = {
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
_ONLY_STATUS = {"ONLY_NEW": Status.NEW, "ONLY_PARTIALLY_FILLED": Status.PARTIALLY_FILLED}
# What a type must have and must not have.
_NEEDS: dict[OrderType, tuple[str, ...]] = {
    OrderType.LIMIT: ("timeInForce", "quantity", "price"),
    OrderType.LIMIT_MAKER: ("quantity", "price"),
    OrderType.MARKET: (),
}
_MUST_NOT: dict[OrderType, tuple[str, ...]] = {
    OrderType.LIMIT: ("quoteOrderQty", "stopPrice", "trailingDelta"),
    OrderType.LIMIT_MAKER: ("quoteOrderQty", "timeInForce", "stopPrice", "trailingDelta"),
    OrderType.MARKET: ("timeInForce", "price", "stopPrice", "trailingDelta", "icebergQty"),
}


def read_new_order(sent: Mapping[str, str], known: Mapping[str, object]) -> NewOrder:
    """The order a request asks for. Raises `Refused` where the request is not one."""
    symbol = params.symbol(sent, known)
    params.required(sent, "side")
    side = params.choice(sent, "side", Side, (-1117, "Invalid side."))
    if params.required(sent, "type") in _NOT_OFFERED:
        raise Refused(-2010, _NOT_OFFERED[sent["type"]])
    kind = params.choice(sent, "type", OrderType, (-1116, "Invalid orderType."))
    assert side is not None, "required above"
    assert kind is not None, "required above"
    _check_combination(sent, kind)
    quantity = _positive(sent, "quantity", "Invalid quantity.")
    quote_quantity = _positive(sent, "quoteOrderQty", "Invalid quote order qty.")
    price = _positive(sent, "price", "Invalid price.")
    resp_default = RespType.ACK if kind is OrderType.LIMIT_MAKER else RespType.FULL
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
        resp_type=params.choice(sent, "newOrderRespType", RespType, _bad("newOrderRespType"))
        or resp_default,
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


def _bad(name: str) -> tuple[int, str]:
    return -1130, f"Data sent for parameter '{name}' is not valid."


def read_cancel(
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


@dataclass(slots=True)
class Trading:
    """The trading endpoints of one lab."""

    exchange: Exchange
    limits: Limits
    reference_price: Callable[[str, int], Decimal | None]
    engine: EngineFaults

    def routes(self) -> list[Route]:
        """Every trading endpoint."""
        order = "/api/v3/order"
        return [
            Route(
                method="POST",
                path=order,
                stage=Stage.ENGINE,
                run=self.place,
                before=self.check_new,
                names=_NEW_NAMES,
                ws="order.place",
                orders=1,
            ),
            Route(
                method="POST",
                path=f"{order}/test",
                stage=Stage.READ,
                run=self.test,
                names=_NEW_NAMES | {"computeCommissionRates"},
                ws="order.test",
            ),
            Route(
                method="DELETE",
                path=order,
                stage=Stage.ENGINE,
                run=self.cancel_one,
                before=self.check_cancel,
                names=_CANCEL_NAMES,
                ws="order.cancel",
            ),
            Route(
                method="DELETE",
                path="/api/v3/openOrders",
                stage=Stage.ENGINE,
                run=self.cancel_all,
                before=self.check_symbol,
                names=frozenset({"symbol"}),
                ws="openOrders.cancelAll",
            ),
            Route(
                method="POST",
                path=f"{order}/cancelReplace",
                stage=Stage.ENGINE,
                run=self.replace,
                before=self.check_replace,
                names=_REPLACE_NAMES,
                ws="order.cancelReplace",
                orders=1,
            ),
        ]

    # --- before the engine -----------------------------------------------------------------

    def check_symbol(self, ask: Ask) -> None:
        """The request names a symbol."""
        params.symbol(ask.params, self.exchange.rules)

    def check_new(self, ask: Ask) -> None:
        """The order is one, keeps the filters, and the account may still place orders."""
        self._check_filters(ask)
        self.limits.count_order(ask.client.name, ask.now_ns)

    def _check_filters(self, ask: Ask) -> None:
        new = ask.new = read_new_order(ask.params, self.exchange.rules)
        filters.check(
            self.exchange.rules[new.symbol],
            new,
            self.reference_price(new.symbol, ask.now_ns),
            len(ask.client.open_orders(new.symbol)),
        )

    def check_cancel(self, ask: Ask) -> None:
        """The cancel is one."""
        read_cancel(ask.params, self.exchange.rules)

    def check_replace(self, ask: Ask) -> None:
        """Both halves are well-formed; over the order limit only a cancel may go on."""
        mode = params.required(ask.params, "cancelReplaceMode")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise Refused(*_bad("cancelReplaceMode"))
        over_mode = ask.params.get("orderRateLimitExceededMode", "DO_NOTHING")
        if over_mode not in ("DO_NOTHING", "CANCEL_ONLY"):
            raise Refused(*_bad("orderRateLimitExceededMode"))
        read_cancel(ask.params, self.exchange.rules, replacing=True)
        self._check_filters(ask)
        if over_mode == "DO_NOTHING":
            self.limits.count_order(ask.client.name, ask.now_ns)

    # --- in the engine ---------------------------------------------------------------------

    def place(self, ask: Ask) -> object:
        """Send in a new order."""
        try:
            return self._place(ask)
        except Refused:
            self.limits.uncount_order(ask.client.name, ask.now_ns)
            raise

    def _place(self, ask: Ask) -> views.Json:
        new, account = ask.new, ask.client
        assert new is not None, "an order is read before it comes here"
        before = len(account.fills)
        record = self.engine.place(ask, new)
        order_id = record.now.order_id
        # With itself as its maker, an account has two fills of one trade: show the taker's.
        fills = [f for f in account.fills[before:] if f.order_id == order_id]
        return views.placed(record.now, fills, new.resp_type, ask.stamp)

    def test(self, ask: Ask) -> object:
        """Check an order without sending it to the engine."""
        self._check_filters(ask)
        if not params.flag(ask.params, "computeCommissionRates", default=False):
            return {}
        settings = self.exchange.settings
        rates = {"maker": f"{settings.maker_fee:.8f}", "taker": f"{settings.taker_fee:.8f}"}
        none = {"maker": "0.00000000", "taker": "0.00000000"}
        return {
            "standardCommissionForOrder": rates,
            "specialCommissionForOrder": none,
            "taxCommissionForOrder": none,
            "discount": no_discount(),
        }

    def cancel_one(self, ask: Ask) -> object:
        """Cancel an open order."""
        return self._cancel(ask, read_cancel(ask.params, self.exchange.rules))

    def _cancel(self, ask: Ask, cancel: CancelOrder) -> views.Json:
        record = self.engine.to_cancel(ask, cancel)
        self.engine.cancel(ask, record, cancel.cancel_id)
        return views.canceled(record.now, ask.stamp)

    def cancel_all(self, ask: Ask) -> object:
        """Cancel every open order of a symbol."""
        records = ask.client.open_orders(params.symbol(ask.params, self.exchange.rules))
        self.engine.check_cancel(ask, records)
        for record in records:
            self.engine.cancel(ask, record, None)
        return [views.canceled(record.now, ask.stamp) for record in records]

    def replace(self, ask: Ask) -> object:
        """Cancel an order and place another; each half may fail by itself."""
        results: views.Json = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        try:
            cancel = read_cancel(ask.params, self.exchange.rules, replacing=True)
            results["cancelResponse"] = self._cancel(ask, cancel)
        except Refused as e:
            results |= {"cancelResult": "FAILURE", "cancelResponse": e.body()}
        stop = ask.params["cancelReplaceMode"] == "STOP_ON_FAILURE"
        if stop and results["cancelResult"] == "FAILURE":
            results |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
            raise Refused(-2022, "Order cancel-replace failed.", data=results)
        status = self._place_second(ask, results)
        failures = [results["cancelResult"], results["newOrderResult"]].count("FAILURE")
        if failures == 0:
            return results
        if failures == 1:
            raise Refused(
                -2021,
                "Order cancel-replace partially failed.",
                status=status or 409,
                data=results,
            )
        raise Refused(-2022, "Order cancel-replace failed.", status=status or 400, data=results)

    def _place_second(self, ask: Ask, results: views.Json) -> int | None:
        """Place the new order; the HTTP status when the order limit forbids it."""
        try:
            if ask.params.get("orderRateLimitExceededMode") == "CANCEL_ONLY":
                self.limits.count_order(ask.client.name, ask.now_ns)
            results["newOrderResponse"] = self._place(ask)
        except Refused as e:
            results |= {"newOrderResult": "FAILURE", "newOrderResponse": e.body()}
            return e.status if e.status != 400 else None
        return None


def no_discount() -> views.Json:
    """Nobody pays fees with the venue's own coin here."""
    return {
        "enabledForAccount": False,
        "enabledForSymbol": False,
        "discountAsset": "BNB",
        "discount": "0.00000000",
    }
