"""Orders that the venue loses while they wait for their price.

Owns which order a fault takes and that nobody is told. Refuses to touch what rests in the book.
"""

from dataclasses import dataclass

from nightdesk.lab.catalogue import FaultRefused
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.faults import Fault, FaultBoard, Target


@dataclass(slots=True)
class Dropping:
    """The lost orders of one lab."""

    exchange: Exchange
    faults: FaultBoard

    def act(self, fault: Fault, now_ns: int) -> None:
        """Lose the oldest order that waits for its price. Raises `FaultRefused` without one."""
        spec, accounts = fault.spec, self.exchange.accounts
        named = [accounts[spec.account]] if spec.account else list(accounts.values())
        for account in named:
            for record in account.open_orders(spec.symbol):
                order = record.now
                if not self.exchange.floor.waiting.has(order):
                    continue
                self.exchange.drop(account, record, now_ns)
                fields = {"clientOrderId": order.client_order_id}
                name = f"{order.type} {order.side} {order.symbol} dropped"
                target = Target(fields, name=name, symbol=order.symbol)
                self.faults.fire(fault, now_ns, target)
                return
        raise FaultRefused("no order waits for its price")
