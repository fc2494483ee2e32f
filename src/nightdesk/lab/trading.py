"""Trading endpoints: place, test, cancel, cancel all, cancel and replace.

Owns the order of checks and the replies. Refuses to read orders from requests, which `asked`
does, and to match: that is the exchange's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab import asked, filters, params, views
from nightdesk.lab.accounts import CancelOrder, NewOrder
from nightdesk.lab.api import Ask, Route, Stage
from nightdesk.lab.engine_faults import EngineFaults
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.limits import Limits
from nightdesk.lab.orders import NO_LIST, OrderRecord
from nightdesk.lab.refusals import Refused


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
                names=asked.NEW_NAMES,
                ws="order.place",
                orders=1,
            ),
            Route(
                method="POST",
                path=f"{order}/test",
                stage=Stage.READ,
                run=self.test,
                names=asked.NEW_NAMES | {"computeCommissionRates"},
                ws="order.test",
            ),
            Route(
                method="DELETE",
                path=order,
                stage=Stage.ENGINE,
                run=self.cancel_one,
                before=self.check_cancel,
                names=asked.CANCEL_NAMES,
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
                names=asked.REPLACE_NAMES,
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
        self._read_new(ask)
        self.count(ask)

    def count(self, ask: Ask) -> None:
        """Count what a request places. Raises `Refused` over the limit."""
        self.limits.count_order(ask.client.name, ask.now_ns, ask.route.orders)

    def uncount(self, ask: Ask) -> None:
        """The engine did not take what was counted."""
        self.limits.uncount_order(ask.client.name, ask.now_ns, ask.route.orders)

    def _read_new(self, ask: Ask) -> None:
        new = ask.new = asked.new_order(ask.params, self.exchange.rules)
        self.check_filters(ask, new)

    def check_filters(self, ask: Ask, new: NewOrder, beside: Sequence[NewOrder] = ()) -> None:
        """The order keeps the filters; those `beside` it come in before it."""
        open_orders = [record.now for record in ask.client.open_orders(new.symbol)]
        filters.check(
            self.exchange.rules[new.symbol],
            new,
            self.reference_price(new.symbol, ask.now_ns),
            [*open_orders, *beside],
        )

    def check_cancel(self, ask: Ask) -> None:
        """The cancel is one."""
        asked.cancel(ask.params, self.exchange.rules)

    def check_replace(self, ask: Ask) -> None:
        """Both halves are well-formed; over the order limit only a cancel may go on."""
        mode = params.required(ask.params, "cancelReplaceMode")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise Refused(*asked.bad_value("cancelReplaceMode"))
        over_mode = ask.params.get("orderRateLimitExceededMode", "DO_NOTHING")
        if over_mode not in ("DO_NOTHING", "CANCEL_ONLY"):
            raise Refused(*asked.bad_value("orderRateLimitExceededMode"))
        asked.cancel(ask.params, self.exchange.rules, replacing=True)
        self._read_new(ask)
        try:
            self.count(ask)
        except Refused as e:
            if over_mode == "DO_NOTHING":
                raise
            ask.over_limit = e

    # --- in the engine ---------------------------------------------------------------------

    def place(self, ask: Ask) -> object:
        """Send in a new order."""
        try:
            return self._place(ask)
        except Refused:
            self.uncount(ask)
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
        self._read_new(ask)
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
        return self._cancel(ask, asked.cancel(ask.params, self.exchange.rules))

    def _cancel(self, ask: Ask, cancel: CancelOrder) -> views.Json:
        record = self.engine.to_cancel(ask, cancel)
        self.engine.cancel(ask, record, cancel.cancel_id)
        return self.canceled(ask, record)

    def canceled(self, ask: Ask, record: OrderRecord) -> views.Json:
        """The reply to a cancel: of an order, or of the list that was canceled with it."""
        order = record.now
        if order.list_id == NO_LIST:
            return views.canceled(order, ask.stamp)
        group = self.exchange.lists.records[order.list_id].now
        ended = [ask.client.orders[order_id].now for order_id in group.orders]
        reports = [views.canceled(o, ask.stamp) for o in ended if o.cancel_id is not None]
        return views.order_list(group, ask.stamp) | {"orderReports": reports}

    def cancel_all(self, ask: Ask) -> object:
        """Cancel every open order of a symbol."""
        records = ask.client.open_orders(params.symbol(ask.params, self.exchange.rules))
        self.engine.check_cancel(ask, records)
        canceled = []
        for record in records:
            if record.now.status.open:  # and not yet canceled with another of its list
                self.engine.cancel(ask, record, None)
                canceled.append(self.canceled(ask, record))
        return canceled

    def replace(self, ask: Ask) -> object:
        """Cancel an order and place another; each half may fail by itself."""
        results: views.Json = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        try:
            cancel = asked.cancel(ask.params, self.exchange.rules, replacing=True)
            results["cancelResponse"] = self._cancel(ask, cancel)
        except Refused as e:
            results |= {"cancelResult": "FAILURE", "cancelResponse": e.body()}
        stop = ask.params["cancelReplaceMode"] == "STOP_ON_FAILURE"
        # Over the order limit, the answer has that limit's status only where a failure stops.
        status = ask.over_limit.status if stop and ask.over_limit is not None else None
        if stop and results["cancelResult"] == "FAILURE":
            results |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
            raise _both_failed(results, status)
        try:
            if ask.over_limit is not None:
                raise ask.over_limit
            results["newOrderResponse"] = self._place(ask)
        except Refused as e:
            results |= {"newOrderResult": "FAILURE", "newOrderResponse": e.body()}
        failures = [results["cancelResult"], results["newOrderResult"]].count("FAILURE")
        if failures == 0:
            return results
        if failures == 1:
            text = "Order cancel-replace partially failed."
            raise Refused(-2021, text, status=status or 409, data=results)
        raise _both_failed(results, status)


def _both_failed(results: views.Json, status: int | None) -> Refused:
    return Refused(-2022, "Order cancel-replace failed.", status=status or 400, data=results)


def no_discount() -> views.Json:
    """Nobody pays fees with the venue's own coin here."""
    return {
        "enabledForAccount": False,
        "enabledForSymbol": False,
        "discountAsset": "BNB",
        "discount": "0.00000000",
    }
