"""Order list endpoints: place, cancel and query.

Owns their routes, checks and replies. Refuses what single orders have: `trading` and `private`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nightdesk.lab import asked_lists, params, views
from nightdesk.lab.accounts import NewList
from nightdesk.lab.api import Ask, Route, Stage, day_span
from nightdesk.lab.engine_faults import EngineFaults
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.order_lists import ListRecord
from nightdesk.lab.orders import RespType
from nightdesk.lab.refusals import UNKNOWN_ORDER, Refused, cancel_rejected, filter_failure
from nightdesk.lab.reports import OrderList
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.trading import Trading

_READ = "/api/v3/orderList"
Read = Callable[[Mapping[str, str], Mapping[str, object]], NewList]


@dataclass(slots=True)
class ListApi:
    """The order list endpoints of one lab."""

    exchange: Exchange
    trading: Trading
    engine: EngineFaults

    def routes(self) -> list[Route]:
        """Every order list endpoint."""
        placing: tuple[tuple[str, Read, frozenset[str], str, int], ...] = (
            ("order/oco", asked_lists.old_oco, asked_lists.OLD_OCO_NAMES, "orderList.place", 2),
            ("orderList/oco", asked_lists.oco, asked_lists.OCO_NAMES, "orderList.place.oco", 2),
            ("orderList/oto", asked_lists.oto, asked_lists.OTO_NAMES, "orderList.place.oto", 2),
            (
                "orderList/otoco",
                asked_lists.otoco,
                asked_lists.OTOCO_NAMES,
                "orderList.place.otoco",
                3,
            ),
        )
        routes = [
            Route(
                method="POST",
                path=f"/api/v3/{path}",
                stage=Stage.ENGINE,
                run=self.place,
                before=lambda ask, read=read: self._check(ask, read),  # type: ignore[misc]  # a default binds each read
                names=names,
                ws=ws,
                orders=orders,
            )
            for path, read, names, ws, orders in placing
        ]
        one = frozenset({"symbol", "orderListId", "listClientOrderId", "newClientOrderId"})
        routes.append(
            Route(
                method="DELETE",
                path=_READ,
                stage=Stage.ENGINE,
                run=self.cancel,
                before=self._check_cancel,
                names=one,
                ws="orderList.cancel",
            )
        )
        return [*routes, *self._queries()]

    def _queries(self) -> list[Route]:
        spans = frozenset({"fromId", "startTime", "endTime", "limit"})
        which = frozenset({"orderListId", "origClientOrderId"})
        table = (
            (_READ, self.query, 4, which, "orderList.status"),
            ("/api/v3/allOrderList", self.all, 20, spans, "allOrderLists"),
            ("/api/v3/openOrderList", self.open, 6, frozenset[str](), "openOrderLists.status"),
        )
        return [
            Route(
                method="GET",
                path=path,
                stage=Stage.READ,
                run=run,
                weight=weight,
                names=names,
                ws=ws,
            )
            for path, run, weight, names, ws in table
        ]

    # --- placing and cancelling --------------------------------------------------------------

    def _check(self, ask: Ask, read: Read) -> None:
        """The list is one, every order of it keeps the filters, and they may still be placed."""
        new = ask.new_list = read(ask.params, self.exchange.rules)
        rules = self.exchange.rules[new.symbol]
        for number, order in enumerate(new.orders):
            self.trading.check_filters(ask, order, beside=new.orders[:number])
        open_lists = [r for r in self.exchange.lists.of(ask.client) if r.now.open]
        if sum(r.now.symbol == new.symbol for r in open_lists) >= rules.order_lists_max:
            raise filter_failure("MAX_NUM_ORDER_LISTS")
        self.trading.count(ask)

    def place(self, ask: Ask) -> object:
        """Send in a new order list."""
        assert ask.new_list is not None, "a list is read before it comes here"
        try:
            record = self.engine.place_list(ask, ask.new_list)
        except Refused:
            self.trading.uncount(ask)
            raise
        first = record.versions[0]
        return views.order_list(first, ask.stamp) | {"orderReports": self._placed(ask, first)}

    def _placed(self, ask: Ask, group: OrderList) -> list[views.Json]:
        """The orders as they are right after placing; pending ones as they came, as documented."""
        reports = []
        for order_id in group.orders:
            record = ask.client.orders[order_id]
            pending = record.versions[0].status == "PENDING_NEW"
            order = record.versions[0] if pending else record.now
            fills = [f for f in ask.client.fills if f.order_id == order_id]
            resp = RespType(ask.params.get("newOrderRespType", "RESULT"))
            reports.append(views.placed(order, fills, resp, ask.stamp))
        return reports

    def _check_cancel(self, ask: Ask) -> None:
        params.symbol(ask.params, self.exchange.rules)
        params.client_id(ask.params, "newClientOrderId")
        self._which(ask, "listClientOrderId")

    def cancel(self, ask: Ask) -> object:
        """Cancel every order of a list."""
        record = self._which(ask, "listClientOrderId")
        symbol = params.symbol(ask.params, self.exchange.rules)
        if record is None or not record.now.open or record.now.symbol != symbol:
            raise cancel_rejected(UNKNOWN_ORDER)
        orders = [ask.client.orders[order_id] for order_id in record.now.orders]
        still = [order for order in orders if order.now.status.open]
        self.engine.check_cancel(ask, still)
        self.engine.cancel(ask, still[0], ask.params.get("newClientOrderId"))
        return self.trading.canceled(ask, still[0])

    # --- queries -----------------------------------------------------------------------------

    def _which(self, ask: Ask, client_name: str) -> ListRecord | None:
        list_id = params.long(ask.params, "orderListId")
        client_id = params.client_id(ask.params, client_name)
        if list_id is None and client_id is None:
            raise Refused(
                -1102,
                f"Param '{client_name}' or 'orderListId' must be sent, but both were empty/null!",
            )
        return self.exchange.lists.find(ask.client, list_id, client_id)

    def query(self, ask: Ask) -> object:
        """One order list."""
        record = self._which(ask, "origClientOrderId")
        group = None if record is None else record.as_of(ask.as_of_ns)
        if group is None:
            raise Refused(-2013, "Order does not exist.")
        return views.order_list(group, ask.stamp)

    def _known(self, ask: Ask) -> list[OrderList]:
        versions = (r.as_of(ask.as_of_ns) for r in self.exchange.lists.of(ask.client))
        return [group for group in versions if group is not None]

    def all(self, ask: Ask) -> object:
        """Every order list, open or not."""
        from_id = params.long(ask.params, "fromId")
        spanned = "startTime" in ask.params or "endTime" in ask.params
        if from_id is not None and spanned:
            raise Refused(-1128, "Combination of optional parameters invalid.")
        count = params.limit(ask.params, default=500, most=1000)
        start_ms, end_ms = day_span(ask)
        groups = [
            group
            for group in self._known(ask)
            if start_ms <= (group.created_ns + ask.clock_offset_ns) // MS_NS <= end_ms
            and group.list_id >= (from_id or 0)
        ]
        oldest = from_id is not None or "startTime" in ask.params
        rows = groups[:count] if oldest else groups[-count:]
        return [views.order_list(group, ask.stamp) for group in rows]

    def open(self, ask: Ask) -> object:
        """The lists of which an order can still trade."""
        return [views.order_list(group, ask.stamp) for group in self._known(ask) if group.open]
