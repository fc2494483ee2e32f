"""Account endpoints: queries of orders, trades and balances.

Owns their routes and shapes, all of them able to answer as of a moment ago. Refuses to
change anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nightdesk.lab import params, views
from nightdesk.lab.api import Ask, Route, Stage, day_span
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.limits import Limits
from nightdesk.lab.orders import Order, text8
from nightdesk.lab.public import limit_shape
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.trading import no_discount
from nightdesk.lab.vanishing import Vanishing


def _open_orders_weight(sent: Mapping[str, str]) -> int:
    return 6 if "symbol" in sent else 80


def _my_trades_weight(sent: Mapping[str, str]) -> int:
    return 5 if "orderId" in sent else 20


@dataclass(slots=True)
class Private:
    """The account endpoints of one lab."""

    exchange: Exchange
    limits: Limits
    vanishing: Vanishing

    def routes(self) -> list[Route]:
        """Every account endpoint."""
        spans = frozenset({"symbol", "orderId", "startTime", "endTime", "limit"})
        one = frozenset({"symbol", "orderId", "origClientOrderId"})
        symbol = frozenset({"symbol"})
        zero = frozenset({"omitZeroBalances"})
        table = (
            ("order", self.order, 4, one, "order.status"),
            ("openOrders", self.open_orders, _open_orders_weight, symbol, "openOrders.status"),
            ("allOrders", self.all_orders, 20, spans, "allOrders"),
            ("myTrades", self.my_trades, _my_trades_weight, spans | {"fromId"}, "myTrades"),
            ("account", self.account, 20, zero, "account.status"),
            ("account/commission", self.commission, 20, symbol, "account.commission"),
            (
                "rateLimit/order",
                self.order_counts,
                40,
                frozenset[str](),
                "account.rateLimits.orders",
            ),
        )
        return [
            Route(
                method="GET",
                path=f"/api/v3/{path}",
                stage=Stage.READ,
                run=run,
                weight=weight,
                names=names,
                ws=ws,
            )
            for path, run, weight, names, ws in table
        ]

    def order(self, ask: Ask) -> object:
        """One order by its id or its client's."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        if "orderId" not in ask.params and "origClientOrderId" not in ask.params:
            raise Refused(
                -1102,
                "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
            )
        order = self._find(ask, symbol)
        if order is None or not self.vanishing.left(ask, [order]):
            raise Refused(-2013, "Order does not exist.")
        return views.queried(order, ask.stamp)

    def _find(self, ask: Ask, symbol: str) -> Order | None:
        """The newest matching order that existed at the moment the read describes."""
        account = ask.client
        order_id = params.long(ask.params, "orderId")
        client_id = ask.params.get("origClientOrderId")
        if order_id is not None:
            record = account.find(symbol, order_id, client_id)
            return record.as_of(ask.as_of_ns) if record is not None else None
        for number in reversed(account.by_client_id.get((symbol, client_id or ""), [])):
            order = account.orders[number].as_of(ask.as_of_ns)
            if order is not None:
                return order
        return None

    def open_orders(self, ask: Ask) -> object:
        """Orders that were open at the moment the read describes."""
        wanted = None
        if "symbol" in ask.params:
            wanted = params.symbol(ask.params, self.exchange.rules)
        if not ask.read_lag_ns:
            orders = [r.now for r in ask.client.open_orders(wanted)]
        else:
            orders = [o for o in self._orders(ask, wanted) if o.status.open]
        return [views.queried(order, ask.stamp) for order in self.vanishing.left(ask, orders)]

    def _orders(self, ask: Ask, symbol: str | None) -> list[Order]:
        versions = (record.as_of(ask.as_of_ns) for record in ask.client.orders.values())
        return [o for o in versions if o is not None and symbol in (None, o.symbol)]

    def all_orders(self, ask: Ask) -> object:
        """Every order of a symbol, open or not."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=500, most=1000)
        start_ms, end_ms = day_span(ask)
        from_id = params.long(ask.params, "orderId")
        orders = [
            o
            for o in self._orders(ask, symbol)
            if start_ms <= (o.created_ns + ask.clock_offset_ns) // MS_NS <= end_ms
            and (from_id is None or o.order_id >= from_id)
        ]
        oldest = from_id is not None or "startTime" in ask.params
        shown = self.vanishing.left(ask, orders)
        rows = shown[:count] if oldest else shown[-count:]
        return [views.queried(order, ask.stamp) for order in rows]

    def my_trades(self, ask: Ask) -> object:
        """The account's trades of a symbol."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=500, most=1000)
        start_ms, end_ms = day_span(ask)
        order_id = params.long(ask.params, "orderId")
        from_id = params.long(ask.params, "fromId")
        fills = [
            f
            for f in ask.client.fills
            if f.symbol == symbol
            and f.at_ns <= ask.as_of_ns
            and (order_id is None or f.order_id == order_id)
            and (from_id is None or f.trade_id >= from_id)
            and start_ms <= (f.at_ns + ask.clock_offset_ns) // MS_NS <= end_ms
        ]
        oldest = from_id is not None or "startTime" in ask.params
        rows = fills[:count] if oldest else fills[-count:]
        return [views.trade(fill, ask.stamp) for fill in rows]

    def account(self, ask: Ask) -> object:
        """Balances, commissions and permissions."""
        account, settings = ask.client, self.exchange.settings
        omit_zero = params.flag(ask.params, "omitZeroBalances", default=False)
        balances = []
        for asset, purse in account.wallet.purses.items():
            free, locked = purse.as_of(ask.as_of_ns)
            if free or locked or not omit_zero:
                balances.append({"asset": asset, "free": text8(free), "locked": text8(locked)})
        return {
            "makerCommission": int(settings.maker_fee * 10_000),
            "takerCommission": int(settings.taker_fee * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": text8(settings.maker_fee),
                "taker": text8(settings.taker_fee),
                "buyer": "0.00000000",
                "seller": "0.00000000",
            },
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": ask.stamp(account.wallet.updated_as_of(ask.as_of_ns)),
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": account.uid,
        }

    def commission(self, ask: Ask) -> object:
        """Commission rates of a symbol."""
        settings = self.exchange.settings
        zero = "0.00000000"
        none = {"maker": zero, "taker": zero, "buyer": zero, "seller": zero}
        return {
            "symbol": params.symbol(ask.params, self.exchange.rules),
            "standardCommission": none
            | {"maker": text8(settings.maker_fee), "taker": text8(settings.taker_fee)},
            "specialCommission": none,
            "taxCommission": none,
            "discount": no_discount(),
        }

    def order_counts(self, ask: Ask) -> object:
        """Unfilled orders of the account."""
        per_10s, per_day = self.limits.order_counts(ask.client.name, ask.now_ns)
        settings = self.exchange.settings
        return [
            limit_shape("ORDERS", "SECOND", 10, settings.orders_per_10s_max) | {"count": per_10s},
            limit_shape("ORDERS", "DAY", 1, settings.orders_per_day_max) | {"count": per_day},
        ]
