"""Queries: orders, trades, balances, positions, income; all able to answer as of a moment ago.

Owns their routes and weights. Refuses to change anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab import params
from nightdesk.lab.api import Ask, Route, Run, Stage, Weight, asked_span
from nightdesk.lab.limits import Limits
from nightdesk.lab.public import limit_shape
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.usdm import reading, views
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.margin import (
    AssetMargin,
    SymbolMargin,
    liquidation_price,
    notional_max,
)
from nightdesk.lab.usdm.orders import PerpOrder
from nightdesk.lab.vanishing import Vanishing
from nightdesk.lab.views import Json

_WEEK_MS = 7 * 86_400_000


def _open_weight(sent: Mapping[str, str]) -> int:
    return 1 if "symbol" in sent else 40


def _force_weight(sent: Mapping[str, str]) -> int:
    return 20 if "symbol" in sent else 50


@dataclass(slots=True)
class Queries:
    """The query endpoints of one USD-M venue."""

    exchange: PerpExchange
    limits: Limits
    vanishing: Vanishing

    def routes(self) -> list[Route]:
        """Every query."""
        symbol = frozenset({"symbol"})
        spans = frozenset({"symbol", "startTime", "endTime", "limit"})
        ids = frozenset({"symbol", "orderId", "origClientOrderId"})
        nothing = frozenset[str]()
        table: tuple[tuple[str, Run, int | Weight, frozenset[str]], ...] = (
            ("v1/order", self.order, 1, ids),
            ("v1/openOrder", self.open_order, 1, ids),
            ("v1/openOrders", self.open_orders, _open_weight, symbol),
            ("v1/allOrders", self.all_orders, 5, spans | {"orderId"}),
            ("v1/userTrades", self.trades, 5, spans | {"orderId", "fromId"}),
            ("v1/forceOrders", self.force_orders, _force_weight, spans | {"autoCloseType"}),
            ("v2/account", self.account_v2, 5, nothing),
            ("v3/account", self.account_v3, 5, nothing),
            ("v2/balance", self.balance, 5, nothing),
            ("v3/balance", self.balance, 5, nothing),
            ("v2/positionRisk", self.risk_v2, 5, symbol),
            ("v3/positionRisk", self.risk_v3, 5, symbol),
            ("v1/income", self.income, 30, spans | {"incomeType", "page"}),
            ("v1/rateLimit/order", self.order_counts, 1, nothing),
        )
        return [
            Route(
                method="GET",
                path=f"/fapi/{path}",
                stage=Stage.READ,
                run=run,
                weight=weight,
                names=names,
            )
            for path, run, weight, names in table
        ]

    def _account(self, ask: Ask) -> PerpAccount:
        return self.exchange.accounts[ask.client.name]

    # --- orders and trades -----------------------------------------------------------------

    def order(self, ask: Ask) -> object:
        """One order by its id or its client's."""
        found = self._find(ask)
        if found is None:
            raise Refused(-2013, "Order does not exist.")
        return self._shown(found, ask)

    def open_order(self, ask: Ask) -> object:
        """The same among the open ones."""
        found = self._find(ask)
        if found is None or not found.status.open:
            raise Refused(-2013, "Order does not exist.")
        return self._shown(found, ask)

    def _find(self, ask: Ask) -> PerpOrder | None:
        symbol = params.symbol(ask.params, self.exchange.rules)
        ids = reading.ids_of(ask.params)
        found = self._account(ask).find_as_of(symbol, *ids, ask.as_of_ns)
        return found if found is not None and self.vanishing.left(ask, [found]) else None

    def _shown(self, order: PerpOrder, ask: Ask) -> Json:
        return views.queried(self.exchange.rules[order.symbol], order, ask.stamp)

    def open_orders(self, ask: Ask) -> object:
        """Orders that were open at the moment the read describes."""
        wanted = None
        if "symbol" in ask.params:
            wanted = params.symbol(ask.params, self.exchange.rules)
        if not ask.read_lag_ns:
            orders = [r.now for r in self._account(ask).open_orders(wanted)]
        else:
            orders = [o for o in self._orders(ask, wanted) if o.status.open]
        return [self._shown(order, ask) for order in self.vanishing.left(ask, orders)]

    def _orders(self, ask: Ask, symbol: str | None) -> list[PerpOrder]:
        versions = (record.as_of(ask.as_of_ns) for record in self._account(ask).orders.values())
        return [o for o in versions if o is not None and symbol in (None, o.symbol)]

    def all_orders(self, ask: Ask) -> object:
        """Every order of a contract, open or not."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=500, most=1000)
        start_ms, end_ms = self._span(ask)
        from_id = params.long(ask.params, "orderId")
        orders = [
            o
            for o in self._orders(ask, symbol)
            if start_ms <= (o.created_ns + ask.clock_offset_ns) // MS_NS <= end_ms
            and (from_id is None or o.order_id >= from_id)
        ]
        shown = self.vanishing.left(ask, orders)
        oldest = from_id is not None or "startTime" in ask.params
        return [self._shown(o, ask) for o in (shown[:count] if oldest else shown[-count:])]

    def _span(self, ask: Ask) -> tuple[int, int]:
        start_ms, end_ms = asked_span(ask)
        if start_ms > end_ms:
            raise Refused(-1023, "Start time is greater than end time.")
        both = "startTime" in ask.params and "endTime" in ask.params
        if both and end_ms - start_ms > _WEEK_MS:
            raise Refused(-4165, "Maximum time interval is 7 days.")
        return start_ms, end_ms

    def trades(self, ask: Ask) -> object:
        """The account's trades of a contract."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        count = params.limit(ask.params, default=500, most=1000)
        start_ms, end_ms = self._span(ask)
        order_id = params.long(ask.params, "orderId")
        from_id = params.long(ask.params, "fromId")
        fills = [
            f
            for f in self._account(ask).fills
            if f.symbol == symbol
            and f.at_ns <= ask.as_of_ns
            and (order_id is None or f.order_id == order_id)
            and (from_id is None or f.trade_id >= from_id)
            and start_ms <= (f.at_ns + ask.clock_offset_ns) // MS_NS <= end_ms
        ]
        oldest = from_id is not None or "startTime" in ask.params
        rows = fills[:count] if oldest else fills[-count:]
        return [views.trade(self.exchange.rules[symbol], fill, ask.stamp) for fill in rows]

    def force_orders(self, ask: Ask) -> object:
        """The account's orders that the venue placed: liquidations and ADL."""
        kinds = {"LIQUIDATION": ("autoclose-",), "ADL": ("adl_autoclose",)}
        wanted = kinds.get(ask.params.get("autoCloseType", ""), ("autoclose-", "adl_autoclose"))
        count = params.limit(ask.params, default=50, most=100)
        rows = [
            order
            for order in self._orders(ask, ask.params.get("symbol"))
            if order.client_order_id.startswith(wanted)
        ]
        return [self._shown(order, ask) for order in rows[-count:]]

    def order_counts(self, ask: Ask) -> object:
        """Orders of the account in each interval."""
        counts = self.limits.order_counts(ask.client.name, ask.now_ns)
        (seconds, minutes) = self.limits.quota.orders
        return [
            limit_shape("ORDERS", "SECOND", 10, seconds.most) | {"count": counts[0]},
            limit_shape("ORDERS", "MINUTE", 1, minutes.most) | {"count": counts[1]},
        ]

    # --- money and positions ---------------------------------------------------------------

    def account_v2(self, ask: Ask) -> object:
        """Balances, positions and settings; every contract has its row."""
        account = self._account(ask)
        held = account.as_of(ask.as_of_ns)
        rows, sums = self.exchange.margins(account, held)
        return {
            "feeTier": 0,
            "feeBurn": False,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": account.multi_assets,
            "tradeGroupId": -1,
            **views.totals(sums),
            "assets": [
                views.asset(row, ask.stamp, held.updated_ns) | {"marginAvailable": True}
                for row in sums.values()
            ],
            "positions": [
                views.position_v2(row, self._notional_max(symbol, row.position.leverage), ask.stamp)
                for symbol, row in rows.items()
            ],
        }

    def account_v3(self, ask: Ask) -> object:
        """Balances and positions; only contracts with a position or open orders have a row."""
        held = self._account(ask).as_of(ask.as_of_ns)
        rows, sums = self.exchange.margins(self._account(ask), held)
        shown = [row for row in rows.values() if row.position.amount or row.order_initial]
        return {
            **views.totals(sums),
            "assets": [views.asset(row, ask.stamp, held.updated_ns) for row in sums.values()],
            "positions": [views.position_v3(row, ask.stamp) for row in shown],
        }

    def balance(self, ask: Ask) -> object:
        """Balances by asset."""
        held = self._account(ask).as_of(ask.as_of_ns)
        _, sums = self.exchange.margins(self._account(ask), held)
        return [views.balance(row, ask.stamp, held.updated_ns) for row in sums.values()]

    def risk_v2(self, ask: Ask) -> object:
        """Positions with their prices; every contract has its row."""
        rows, sums = self._margins(ask)
        return [
            views.risk_v2(
                row,
                liquidation_price(row, sums),
                self._notional_max(symbol, row.position.leverage),
                ask.stamp,
            )
            for symbol, row in rows.items()
            if ask.params.get("symbol") in (None, symbol)
        ]

    def risk_v3(self, ask: Ask) -> object:
        """Positions with their prices; only contracts with a position or open orders have a row."""
        rows, sums = self._margins(ask)
        return [
            views.risk_v3(row, liquidation_price(row, sums), ask.stamp)
            for symbol, row in rows.items()
            if ask.params.get("symbol") in (None, symbol)
            and (row.position.amount or row.order_initial)
        ]

    def _margins(self, ask: Ask) -> tuple[dict[str, SymbolMargin], dict[str, AssetMargin]]:
        if "symbol" in ask.params:
            params.symbol(ask.params, self.exchange.rules)
        account = self._account(ask)
        return self.exchange.margins(account, account.as_of(ask.as_of_ns))

    def _notional_max(self, symbol: str, leverage: int) -> Decimal:
        return notional_max(self.exchange.rules[symbol], leverage)

    def income(self, ask: Ask) -> object:
        """What changed the balances."""
        count = params.limit(ask.params, default=100, most=1000)
        start_ms, end_ms = asked_span(ask)
        wanted, kind = ask.params.get("symbol"), ask.params.get("incomeType")
        rows = [
            row
            for row in self._account(ask).incomes
            if wanted in (None, row.symbol)
            and kind in (None, row.kind)
            and row.at_ns <= ask.as_of_ns
            and start_ms <= (row.at_ns + ask.clock_offset_ns) // MS_NS <= end_ms
        ]
        shown = rows[:count] if "startTime" in ask.params else rows[-count:]
        return [views.income(row, ask.stamp) for row in shown]
