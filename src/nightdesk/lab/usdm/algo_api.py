"""Endpoints of the algo service: place, query and cancel conditional orders.

Owns reading them from requests and their shapes. Refuses to trigger anything: `algo` does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab import params
from nightdesk.lab.api import Ask, Route, Run, Stage, Weight, asked_span
from nightdesk.lab.limits import Limits
from nightdesk.lab.orders import ZERO
from nightdesk.lab.refusals import Refused, not_required
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.usdm import filters, reading
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.algo import AlgoService
from nightdesk.lab.usdm.algo_orders import (
    AlgoOrder,
    AlgoRecord,
    AlgoTif,
    AlgoType,
    NewAlgo,
    WorkingType,
)
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.orders import Tif
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.usdm.views import price, quantity
from nightdesk.lab.views import Json, Stamp

_NAMES = frozenset(
    {
        *("algoType", "symbol", "side", "positionSide", "type", "timeInForce", "quantity"),
        *("price", "triggerPrice", "workingType", "priceMatch", "closePosition", "priceProtect"),
        *("reduceOnly", "activatePrice", "callbackRate", "clientAlgoId", "newOrderRespType"),
        *("selfTradePreventionMode", "goodTillDate"),
    }
)
_IDS = frozenset({"symbol", "algoId", "clientAlgoId"})
_CALLBACK_MIN, _CALLBACK_MAX = Decimal("0.1"), Decimal(10)
_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


def _open_weight(sent: Mapping[str, str]) -> int:
    return 1 if "symbol" in sent else 40


@dataclass(slots=True)
class AlgoApi:
    """The algo endpoints of one USD-M venue."""

    exchange: PerpExchange
    service: AlgoService
    limits: Limits
    venue_ns: Callable[[int], int]

    def routes(self) -> list[Route]:
        """Every endpoint of the algo service."""
        spans = frozenset({"symbol", "algoId", "startTime", "endTime", "limit", "page"})
        opened = frozenset({"symbol", "algoId", "algoType"})
        reads: tuple[tuple[str, Run, int | Weight, frozenset[str]], ...] = (
            ("algoOrder", self.query, 1, _IDS),
            ("openAlgoOrders", self.open_orders, _open_weight, opened),
            ("allAlgoOrders", self.all_orders, 5, spans),
        )
        acts: tuple[tuple[str, str, Run, frozenset[str]], ...] = (
            ("DELETE", "algoOrder", self.cancel, _IDS),
            ("DELETE", "algoOpenOrders", self.cancel_all, frozenset({"symbol"})),
        )
        place = Route(
            method="POST",
            path="/fapi/v1/algoOrder",
            stage=Stage.ENGINE,
            run=self.place,
            before=self.check_new,
            names=_NAMES,
            weight=0,
            orders=1,
        )
        return [
            place,
            *(
                Route(
                    method=method,
                    path=f"/fapi/v1/{path}",
                    stage=Stage.ENGINE,
                    run=run,
                    names=names,
                )
                for method, path, run, names in acts
            ),
            *(
                Route(
                    method="GET",
                    path=f"/fapi/v1/{path}",
                    stage=Stage.READ,
                    run=run,
                    weight=weight,
                    names=names,
                )
                for path, run, weight, names in reads
            ),
        ]

    def _account(self, ask: Ask) -> PerpAccount:
        return self.exchange.accounts[ask.client.name]

    # --- placing ---------------------------------------------------------------------------

    def check_new(self, ask: Ask) -> None:
        """The order is one, keeps the filters, and the account may still place orders."""
        new = self._read(ask)
        rules = self.exchange.rules[new.symbol]
        for amount in (new.price, new.trigger_price, new.activate_price):
            if amount:
                filters.check_price(rules, amount)
        if not new.close_position:
            filters.check_quantity(rules, new.quantity, at_market=new.type.at_market)
        if not new.close_position and not new.reduce_only:
            at = new.price or new.trigger_price or self.exchange.mark(new.symbol) or ZERO
            filters.check_notional(rules, new.quantity * at)
        self.limits.count_order(ask.client.name, ask.now_ns)

    def _read(self, ask: Ask) -> NewAlgo:
        hedge_mode = self._account(ask).hedge_mode
        venue_ns = self.venue_ns(ask.now_ns)
        return read_new_algo(ask.params, self.exchange.rules, venue_ns, hedge_mode=hedge_mode)

    def place(self, ask: Ask) -> object:
        """Take a conditional order."""
        record = self.service.place(self._account(ask), self._read(ask), ask.now_ns)
        order = record.now
        rules, trails = self.exchange.rules[order.terms.symbol], _trails(order)
        return _shown(rules, order, ask.stamp) | {
            "activatePrice": price(rules, order.terms.activate_price) if trails else "",
            "callbackRate": f"{order.terms.callback_rate:f}" if trails else "",
        }

    # --- the rest --------------------------------------------------------------------------

    def cancel(self, ask: Ask) -> object:
        """Cancel one that waits."""
        record = self._named(ask)
        if record is None or not record.now.open:
            raise Refused(-2011, "Unknown order sent.")
        self.service.cancel(record, ask.now_ns)
        return {
            "algoId": record.now.algo_id,
            "clientAlgoId": record.now.client_algo_id,
            "code": "200",
            "msg": "success",
        }

    def _named(self, ask: Ask) -> AlgoRecord | None:
        if "algoId" not in ask.params and "clientAlgoId" not in ask.params:
            raise Refused(
                -1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!"
            )
        algo_id = params.long(ask.params, "algoId")
        return self.service.find(self._account(ask), algo_id, ask.params.get("clientAlgoId"))

    def cancel_all(self, ask: Ask) -> object:
        """Cancel every one of a contract that waits."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        for record in self.service.open_of(self._account(ask), symbol):
            self.service.cancel(record, ask.now_ns)
        return _DONE

    def query(self, ask: Ask) -> object:
        """One by its id or its client's, waiting or not."""
        record = self._named(ask)
        order = None if record is None else record.as_of(ask.as_of_ns)
        if order is None:
            raise Refused(-2013, "Order does not exist.")
        return self._queried(order, ask.stamp)

    def _queried(self, order: AlgoOrder, stamp: Stamp) -> Json:
        rules, child = self.exchange.rules[order.terms.symbol], order.order_id
        return _shown(rules, order, stamp) | {
            "actualOrderId": "" if child is None else str(child),
            "actualPrice": f"{order.average_price:.5f}",
            "actualType": "MARKET" if order.terms.type.at_market else "LIMIT",
            "actualQty": quantity(rules, order.executed),
            "tpOrderType": "",
            "tpTriggerPrice": "0.000",
            "tpPrice": "0.000",
            "slTriggerPrice": "0.000",
            "slPrice": "0.000",
        }

    def open_orders(self, ask: Ask) -> object:
        """Those that waited at the moment the read describes."""
        wanted = None
        if "symbol" in ask.params:
            wanted = params.symbol(ask.params, self.exchange.rules)
        return [self._queried(o, ask.stamp) for o in self._orders(ask, wanted) if o.open]

    def _orders(self, ask: Ask, symbol: str | None) -> list[AlgoOrder]:
        versions = (record.as_of(ask.as_of_ns) for record in self.service.of(self._account(ask)))
        from_id = params.long(ask.params, "algoId") or 0
        return [
            o
            for o in versions
            if o is not None and symbol in (None, o.terms.symbol) and o.algo_id >= from_id
        ]

    def all_orders(self, ask: Ask) -> object:
        """Every one of a contract, waiting or not."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=500, most=1000)
        start_ms, end_ms = asked_span(ask)
        rows = [
            o
            for o in self._orders(ask, symbol)
            if start_ms <= (o.created_ns + ask.clock_offset_ns) // MS_NS <= end_ms
        ]
        oldest = "algoId" in ask.params or "startTime" in ask.params
        return [self._queried(o, ask.stamp) for o in (rows[:count] if oldest else rows[-count:])]


def _trails(order: AlgoOrder) -> bool:
    return order.terms.type is AlgoType.TRAILING_STOP_MARKET


def _shown(rules: PerpSettings, order: AlgoOrder, stamp: Stamp) -> Json:
    terms = order.terms
    return {
        "algoId": order.algo_id,
        "clientAlgoId": order.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": terms.type,
        "symbol": terms.symbol,
        "side": terms.side,
        "positionSide": "BOTH",
        "timeInForce": terms.time_in_force,
        "quantity": quantity(rules, terms.quantity),
        "algoStatus": order.status,
        "triggerPrice": price(rules, terms.trigger_price),
        "price": price(rules, terms.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": terms.stp,
        "workingType": terms.working_type,
        "priceMatch": "NONE",
        "closePosition": terms.close_position,
        "priceProtect": terms.price_protect,
        "reduceOnly": terms.reduce_only,
        "createTime": stamp(order.created_ns),
        "updateTime": stamp(order.updated_ns),
        "triggerTime": stamp(order.triggered_ns) if order.triggered_ns else 0,
        "goodTillDate": terms.good_till_ms,
    }


# --- reading ---------------------------------------------------------------------------------


def read_new_algo(
    sent: Mapping[str, str], known: Mapping[str, object], venue_ns: int, *, hedge_mode: bool
) -> NewAlgo:
    """The conditional order a request asks for. Raises `Refused` where the request is not one."""
    if params.required(sent, "algoType") != "CONDITIONAL":
        raise Refused(-1130, "Data sent for parameter 'algoType' is not valid.")
    symbol, side = params.symbol(sent, known), reading.side_of(sent)
    params.required(sent, "type")
    kind = params.choice(sent, "type", AlgoType, (-1116, "Invalid orderType."))
    assert kind is not None, "required above"
    reading.one_way(sent, hedge_mode=hedge_mode)
    reading.no_price_match(sent)
    closes = params.flag(sent, "closePosition", default=False)
    reduces = params.flag(sent, "reduceOnly", default=False)
    _check_combination(sent, kind, closes=closes, reduces=reduces)
    wrong = (-4031, f"Invalid parameter working type: {sent.get('workingType')}")
    tif = params.choice(sent, "timeInForce", AlgoTif, (-1115, "Invalid timeInForce."))
    tif = tif or AlgoTif.GTC
    dated = Tif.GTD if tif is AlgoTif.GTD else Tif.GTC
    return NewAlgo(
        symbol=symbol,
        side=side,
        type=kind,
        time_in_force=tif,
        quantity=reading.quantity_of(sent) or ZERO,
        price=reading.price_of(sent) or ZERO,
        trigger_price=_above_zero(sent, "triggerPrice"),
        working_type=params.choice(sent, "workingType", WorkingType, wrong)
        or WorkingType.CONTRACT_PRICE,
        reduce_only=reduces,
        close_position=closes,
        price_protect=params.flag(sent, "priceProtect", default=False),
        activate_price=_above_zero(sent, "activatePrice"),
        callback_rate=_callback(sent),
        client_algo_id=reading.client_id(sent, "clientAlgoId"),
        stp=reading.stp_of(sent),
        good_till_ms=reading.good_till(sent, dated, venue_ns),
    )


def _above_zero(sent: Mapping[str, str], name: str) -> Decimal:
    return reading.positive(sent, name, (-4006, "Stop price less than zero.")) or ZERO


def _callback(sent: Mapping[str, str]) -> Decimal:
    rate = params.decimal(sent, "callbackRate")
    if rate is not None and not _CALLBACK_MIN <= rate <= _CALLBACK_MAX:
        raise Refused(-2007, "Invalid callBack rate.")
    return rate or ZERO


def _check_combination(
    sent: Mapping[str, str], kind: AlgoType, *, closes: bool, reduces: bool
) -> None:
    """What a type must have and must not have."""
    trails = kind is AlgoType.TRAILING_STOP_MARKET
    if closes and (trails or not kind.at_market):
        raise Refused(-4139, "Order type can not be market if it's unable to cancel")
    if closes and "quantity" in sent:
        raise Refused(-4137, "Quantity must be zero with closePosition equals true")
    if closes and reduces:
        raise not_required("reduceonly")
    needs = ["callbackRate"] if trails else ["triggerPrice"]
    if not closes:
        needs.append("quantity")
    if not kind.at_market:
        needs.append("price")
    for name in needs:
        params.required(sent, name)
    if kind.at_market and "price" in sent:
        raise not_required("price")
