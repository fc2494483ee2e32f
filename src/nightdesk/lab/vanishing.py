"""Orders that the venue does not show for a while, although they are there.

Owns which order a fault has chosen and where it is left out. Refuses to touch the order: it
trades, can be cancelled and is reported as if nothing were wrong.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from nightdesk.lab.api import Ask
from nightdesk.lab.catalogue import FaultKind
from nightdesk.lab.faults import Fault, FaultBoard, Target


class Listed(Protocol):
    """What any venue's order is called."""

    @property
    def order_id(self) -> int:
        """The venue's number."""
        ...

    @property
    def client_order_id(self) -> str:
        """Its owner's name."""
        ...

    @property
    def symbol(self) -> str:
        """What it trades."""
        ...

    @property
    def side(self) -> str:
        """Which way."""
        ...

    @property
    def type(self) -> str:
        """What it is."""
        ...

    @property
    def status(self) -> str:
        """Where it stands."""
        ...


_L = TypeVar("_L", bound=Listed)


@dataclass(slots=True)
class Vanishing:
    """The vanished orders of one lab."""

    faults: FaultBoard

    def left(self, ask: Ask, orders: list[_L]) -> list[_L]:
        """What the venue shows of `orders`, which are sorted from old to new."""
        for fault in self.faults.standing(FaultKind.ORDER_VANISHES, ask.now_ns):
            orders = self._without(fault, ask, orders)
        return orders

    def _without(self, fault: Fault, ask: Ask, orders: list[_L]) -> list[_L]:
        for order in reversed(orders):
            if fault.victim not in (None, order.order_id):
                continue
            target = _target(ask, order)
            if not target.matches(fault.spec.match):
                continue
            if fault.victim is None and not self.faults.drawn(fault):
                return orders
            fault.victim = order.order_id
            self.faults.fire(fault, ask.now_ns, target)
            return [other for other in orders if other is not order]
        return orders


def _target(ask: Ask, order: Listed) -> Target:
    """What a fault's `match` is held against: the request's path, the order's own fields."""
    fields = {
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "orderId": order.order_id,
    }
    return Target(fields, ask.route.method, ask.route.path, ask.route.ws)
