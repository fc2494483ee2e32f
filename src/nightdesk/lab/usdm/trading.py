"""Trading endpoints: place, test, amend, cancel and cancel all.

Owns what these requests do. Refuses conditional orders: `algo_api` has them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from nightdesk.lab import params
from nightdesk.lab.agenda import Agenda
from nightdesk.lab.api import Ask, Route, Stage
from nightdesk.lab.catalogue import FaultKind
from nightdesk.lab.faults import FaultBoard
from nightdesk.lab.limits import Limits
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.usdm import filters, reading, views
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.engine import PerpExchange, unknown_order
from nightdesk.lab.usdm.orders import Knocked, NewPerp, PerpRecord, PerpType
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.usdm.solvency import assumed_price

_NEW_NAMES = frozenset(
    {
        *("symbol", "side", "positionSide", "type", "timeInForce", "quantity", "reduceOnly"),
        *("price", "newClientOrderId", "newOrderRespType", "priceMatch", "goodTillDate"),
        *("selfTradePreventionMode", "stopPrice", "closePosition", "activationPrice"),
        *("callbackRate", "workingType", "priceProtect"),
    }
)
_IDS = frozenset({"symbol", "orderId", "origClientOrderId"})
_AMEND_NAMES = _IDS | {"side", "quantity", "price", "priceMatch", "modifyId"}
_AMENDMENTS_MAX = 10_000
_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


@dataclass(slots=True)
class PerpTrading:
    """The trading endpoints of one USD-M venue."""

    exchange: PerpExchange
    limits: Limits
    faults: FaultBoard
    agenda: Agenda
    venue_ns: Callable[[int], int]

    def routes(self) -> list[Route]:
        """Every trading endpoint."""
        order, symbol = "/fapi/v1/order", frozenset({"symbol"})
        new, amend, cancel = self.check_new, self.check_amend, self.check_cancel
        table = (
            ("POST", order, self.place, new, _NEW_NAMES, 0, 1),
            ("PUT", order, self.amend, amend, _AMEND_NAMES, 0, 1),
            ("DELETE", order, self.cancel, cancel, _IDS, 1, 0),
            ("DELETE", "/fapi/v1/allOpenOrders", self.cancel_all, self.check_symbol, symbol, 1, 0),
        )
        routes = [
            Route(
                method=method,
                path=path,
                stage=Stage.ENGINE,
                run=run,
                before=before,
                names=names,
                weight=weight,
                orders=orders,
            )
            for method, path, run, before, names, weight, orders in table
        ]
        test = Route(
            method="POST",
            path=f"{order}/test",
            stage=Stage.READ,
            run=self.test,
            names=_NEW_NAMES,
        )
        return [*routes, test]

    def _account(self, ask: Ask) -> PerpAccount:
        return self.exchange.accounts[ask.client.name]

    def _rules(self, ask: Ask) -> PerpSettings:
        return self.exchange.rules[params.symbol(ask.params, self.exchange.rules)]

    # --- before the engine -----------------------------------------------------------------

    def check_symbol(self, ask: Ask) -> None:
        """The request names a contract."""
        self._rules(ask)

    def check_cancel(self, ask: Ask) -> None:
        """The request names a contract and an order."""
        self._rules(ask)
        reading.ids_of(ask.params)

    def check_new(self, ask: Ask) -> None:
        """The order is one, keeps the filters, and the account may still place orders."""
        self._check_filters(ask)
        self.limits.count_order(ask.client.name, ask.now_ns)

    def _check_filters(self, ask: Ask) -> None:
        new, account = self._read(ask), self._account(ask)
        rules, mark = self.exchange.rules[new.symbol], self.exchange.mark(new.symbol)
        at_market = new.type is PerpType.MARKET
        if not at_market:
            filters.check_price(rules, new.price)
            filters.check_near(rules, new.price, mark, buys=new.side == "BUY")
        filters.check_quantity(rules, new.quantity, at_market=at_market)
        if not new.reduce_only and mark is not None:
            price = assumed_price(new, self.exchange.matchers[new.symbol].book, mark)
            filters.check_notional(rules, new.quantity * price)
        if len(account.open_orders(new.symbol)) >= rules.open_orders_max:
            raise Refused(-2025, "Reach max open order limit.")

    def _read(self, ask: Ask) -> NewPerp:
        hedge_mode = self._account(ask).hedge_mode
        return reading.read_new_order(
            ask.params, self.exchange.rules, self.venue_ns(ask.now_ns), hedge_mode=hedge_mode
        )

    def check_amend(self, ask: Ask) -> None:
        """The new terms keep the filters, and count as an order."""
        rules = self._rules(ask)
        reading.ids_of(ask.params)
        reading.side_of(ask.params)
        reading.no_price_match(ask.params)
        price, quantity = reading.new_terms(ask.params)
        filters.check_price(rules, price)
        filters.check_quantity(rules, quantity, at_market=False)
        self.limits.count_order(ask.client.name, ask.now_ns)

    # --- in the engine ---------------------------------------------------------------------

    def place(self, ask: Ask) -> object:
        """Send in a new order. The short reply shows it as it was accepted."""
        new = self._read(ask)
        if self._struck(FaultKind.CANCEL_ONLY, ask) and not new.reduce_only:
            raise Refused(-4140, "Invalid symbol status for opening position.")
        if self._struck(FaultKind.INSUFFICIENT_BALANCE, ask):
            raise Refused(-2019, "Margin is insufficient.")
        record = self.exchange.place(self._account(ask), new, ask.now_ns)
        if new.good_till_ms:
            self._end_later(record, new.good_till_ms)
        shown = record.now if new.full else record.versions[0]
        return views.replied(self.exchange.rules[new.symbol], shown, ask.stamp)

    def _struck(self, kind: FaultKind, ask: Ask) -> bool:
        if not self.faults.faults:
            return False
        return self.faults.pick((kind,), ask.target, ask.now_ns) is not None

    def _end_later(self, record: PerpRecord, good_till_ms: int) -> None:
        """The venue counts whole seconds of `goodTillDate`."""
        order = record.now
        offset_ns = self.venue_ns(order.created_ns) - order.created_ns
        due_ns = good_till_ms // 1000 * 1000 * MS_NS - offset_ns

        def end(at_ns: int) -> None:
            if record.now.status.open:
                account = self.exchange.accounts[order.account]
                self.exchange.expire(account, record, Knocked.NOT, at_ns)

        self.agenda.at(due_ns, end)

    def test(self, ask: Ask) -> object:
        """Check an order without sending it to the engine."""
        self._check_filters(ask)
        return {}

    def amend(self, ask: Ask) -> object:
        """Give an open order another price and quantity."""
        account, rules = self._account(ask), self._rules(ask)
        record = unknown_order(account.find(rules.symbol, *reading.ids_of(ask.params)))
        price, quantity = reading.new_terms(ask.params)
        order = record.now
        if order.side != reading.side_of(ask.params):
            raise Refused(-1117, "Invalid side.")
        if order.type is not PerpType.LIMIT:
            raise Refused(-5025, "Only limit order is supported.")
        if (price, quantity) == (order.price, order.quantity):
            raise Refused(-5027, "No need to modify the order.")
        if order.amendments >= _AMENDMENTS_MAX:
            raise Refused(-5026, "Exceed maximum modify order limit.")
        if not order.reduce_only and price * quantity < rules.notional_min:
            raise Refused(-5029, f"Order's notional must be no smaller than {rules.notional_min:f}")
        modify_id = params.long(ask.params, "modifyId")
        self.exchange.amend(account, record, price, quantity, modify_id, ask.now_ns)
        return views.amended(rules, record.now, ask.stamp)

    def cancel(self, ask: Ask) -> object:
        """Cancel an open order."""
        account, rules = self._account(ask), self._rules(ask)
        record = unknown_order(account.find(rules.symbol, *reading.ids_of(ask.params)))
        if self._struck(FaultKind.UNKNOWN_ORDER_ON_CANCEL, ask):
            unknown_order(None)
        self.exchange.cancel(account, record, ask.now_ns)
        return views.replied(rules, record.now, ask.stamp)

    def cancel_all(self, ask: Ask) -> object:
        """Cancel every open order of a contract; conditional ones are another service's."""
        account = self._account(ask)
        for record in account.open_orders(self._rules(ask).symbol):
            self.exchange.cancel(account, record, ask.now_ns)
        return _DONE
