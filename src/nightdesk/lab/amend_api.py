"""Amending endpoints: make an order smaller in its place, and what was amended before.

Owns their routes, checks and replies. Refuses to say what an amendment does: the exchange does.
"""

from dataclasses import dataclass

import msgspec

from nightdesk.lab import filters, params, views
from nightdesk.lab.accounts import AmendOrder
from nightdesk.lab.api import Ask, Route, Stage
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.orders import NO_LIST
from nightdesk.lab.refusals import Refused, mandatory


@dataclass(slots=True)
class AmendApi:
    """The amending endpoints of one lab."""

    exchange: Exchange

    def routes(self) -> list[Route]:
        """Both endpoints."""
        ids = {"symbol", "orderId"}
        return [
            Route(
                method="PUT",
                path="/api/v3/order/amend/keepPriority",
                stage=Stage.ENGINE,
                run=self.amend,
                before=self._check,
                weight=4,
                names=frozenset({*ids, "origClientOrderId", "newClientOrderId", "newQty"}),
                ws="order.amend.keepPriority",
            ),
            Route(
                method="GET",
                path="/api/v3/order/amendments",
                stage=Stage.READ,
                run=self.amendments,
                weight=4,
                names=frozenset({*ids, "fromExecutionId", "limit"}),
                ws="order.amendments",
            ),
        ]

    def _check(self, ask: Ask) -> None:
        self._read(ask)

    def _read(self, ask: Ask) -> AmendOrder:
        sent = ask.params
        symbol = params.symbol(sent, self.exchange.rules)
        if "orderId" not in sent and "origClientOrderId" not in sent:
            raise Refused(
                -1102,
                "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
            )
        params.required(sent, "newQty")
        quantity = params.decimal(sent, "newQty")
        if not quantity:
            raise Refused(-1013, "Invalid quantity.")
        return AmendOrder(
            symbol=symbol,
            order_id=params.long(sent, "orderId"),
            client_order_id=params.client_id(sent, "origClientOrderId"),
            quantity=quantity,
            new_client_id=params.client_id(sent, "newClientOrderId"),
        )

    def amend(self, ask: Ask) -> object:
        """Make an open order smaller; it keeps its place in the queue."""
        asked, account = self._read(ask), ask.client
        record = self.exchange.to_amend(account, asked)
        smaller = msgspec.structs.replace(record.now, quantity=asked.quantity)
        filters.check_size(self.exchange.rules[asked.symbol], smaller)
        amendment = self.exchange.amend(account, record, asked, ask.now_ns)
        order = record.now
        lists = self.exchange.lists.records
        group = None if order.list_id == NO_LIST else lists[order.list_id].now
        return views.amended(order, amendment, group, ask.stamp)

    def amendments(self, ask: Ask) -> object:
        """How an order was amended, oldest first."""
        symbol = params.symbol(ask.params, self.exchange.rules)
        order_id = params.long(ask.params, "orderId")
        if order_id is None:
            raise mandatory("orderId")
        from_id = params.long(ask.params, "fromExecutionId") or 0
        count = params.limit(ask.params, default=500, most=1000)
        rows = [
            one
            for one in ask.client.amendments
            if one.order_id == order_id
            and one.execution_id >= from_id
            and one.at_ns <= ask.as_of_ns
            and ask.client.orders[order_id].now.symbol == symbol
        ]
        return [views.amendment(one, symbol, ask.stamp) for one in rows[:count]]
