"""What the matching engine does wrong: refusals without a reason, and fills it tells too late.

Owns the engine's door: every new order and every cancel goes through here, faults or not.
Refuses to match or to settle: the exchange does.
"""

from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab.accounts import CancelOrder, NewList, NewOrder
from nightdesk.lab.agenda import Agenda
from nightdesk.lab.api import Ask
from nightdesk.lab.catalogue import FaultKind
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.faults import Fault, FaultBoard, Target
from nightdesk.lab.order_lists import ListRecord
from nightdesk.lab.orders import ZERO, Order, OrderRecord
from nightdesk.lab.refusals import (
    INSUFFICIENT_BALANCE,
    MARKET_CLOSED,
    UNKNOWN_ORDER,
    Refused,
    cancel_rejected,
    new_order_rejected,
)
from nightdesk.lab.settings import MS_NS


@dataclass(slots=True)
class EngineFaults:
    """The engine's door of one lab."""

    exchange: Exchange
    faults: FaultBoard
    agenda: Agenda

    def place(self, ask: Ask, new: NewOrder) -> OrderRecord:
        """Send in a new order. Raises `Refused`, for a reason or without one."""
        self._check_new(ask)
        return self.exchange.place(ask.client, new, ask.now_ns)

    def place_list(self, ask: Ask, new: NewList) -> ListRecord:
        """Send in a new order list. Raises `Refused`, for a reason or without one."""
        self._check_new(ask)
        return self.exchange.place_list(ask.client, new, ask.now_ns)

    def _check_new(self, ask: Ask) -> None:
        if self._pick(FaultKind.CANCEL_ONLY, ask) is not None:
            raise Refused(-1013, MARKET_CLOSED)
        if self._pick(FaultKind.INSUFFICIENT_BALANCE, ask) is not None:
            raise new_order_rejected(INSUFFICIENT_BALANCE)

    def to_cancel(self, ask: Ask, cancel: CancelOrder) -> OrderRecord:
        """The order a cancel means. Raises `Refused` when there is none, or as if there were none."""
        record = self.exchange.to_cancel(ask.client, cancel)
        self.check_cancel(ask, [record])
        return record

    def check_cancel(self, ask: Ask, records: list[OrderRecord]) -> None:
        """Refuse a cancel of no orders, or of these as if they were none."""
        if not records or self._pick(FaultKind.UNKNOWN_ORDER_ON_CANCEL, ask) is not None:
            raise cancel_rejected(UNKNOWN_ORDER)

    def cancel(self, ask: Ask, record: OrderRecord, cancel_id: str | None) -> None:
        """Cancel an order; a fault may let it fill an instant before."""
        # What is not in the book cannot have been filled there.
        works = record.now.working
        fault = self._pick(FaultKind.FILL_AFTER_CANCEL_ACK, ask) if works else None
        withheld = ZERO if fault is None else self._withheld(fault, record)
        hidden = self.exchange.cancel(ask.client, record, cancel_id, ask.now_ns, withheld=withheld)
        if hidden is not None and fault is not None:
            reveal_ns = ask.now_ns + fault.spec.ms * MS_NS
            settlement = self.exchange.settlement
            self.agenda.at(reveal_ns, lambda at_ns: settlement.reveal(hidden, at_ns))

    def prevents(self, order: Order, now_ns: int) -> bool:
        """Whether a match of this order expires it, as one of an account with itself would."""
        if not self.faults.faults:
            return False
        fields = {
            "symbol": order.symbol,
            "side": order.side,
            "clientOrderId": order.client_order_id,
            "orderId": order.order_id,
        }
        target = Target(fields, name="match", symbol=order.symbol)
        return self.faults.pick((FaultKind.STP_EXPIRE,), target, now_ns) is not None

    def _withheld(self, fault: Fault, record: OrderRecord) -> Decimal:
        step, remaining = self.exchange.rules[record.now.symbol].step, record.now.remaining
        withheld = remaining * Decimal(str(fault.spec.fraction)) // step * step
        return min(max(withheld, step), remaining)

    def _pick(self, kind: FaultKind, ask: Ask) -> Fault | None:
        if not self.faults.faults:
            return None
        return self.faults.pick((kind,), ask.target, ask.now_ns)
