"""Conditional orders that wait for a price, and the last trade price they wait for.

Owns the condition of every such order and which trades meet it. Refuses to act: whoever hears
that an order is reached brings it to the book.

A stop price is met by a trade at or beyond it. A trailing delta follows the best trade price
since the stop price was met or, without one, since the order came, and is met by a trade that
far on the wrong side of it (trailing stop FAQ, read 2026-11-22). A trade that was made before
the order came moves nothing.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from nightdesk.lab.market import Trade
from nightdesk.lab.orders import Order, OrderType, Side

_BIPS = Decimal(10_000)


def waits_above(kind: OrderType, side: Side) -> bool:
    """Whether a conditional order's stop price lies above the market."""
    return kind.stop_loss == (side is Side.BUY)


def is_met(kind: OrderType, side: Side, stop_price: Decimal, price: Decimal) -> bool:
    """Whether a trade at `price` meets a stop price."""
    return price >= stop_price if waits_above(kind, side) else price <= stop_price


@dataclass(slots=True)
class Trigger:
    """What one order waits for. `best` is the price it trails from, once it trails."""

    order: Order
    since_ns: int = 0
    since_print: int = 0
    best: Decimal | None = None

    def reached(self, price: Decimal) -> bool:
        """Take a trade price into account; whether it brings the order to the book."""
        order = self.order
        if self.best is None and order.stop_price:
            if not is_met(order.type, order.side, order.stop_price, price):
                return False
            if order.trailing_delta is None:
                return True
        if self.best is None:
            self.best = price
        return self._trailed(price, self.best)

    def _trailed(self, price: Decimal, best: Decimal) -> bool:
        delta = self.order.trailing_delta
        assert delta is not None, "an order waits for a stop price, a delta or both"
        if self.order.side is Side.SELL:
            self.best = max(best, price)
            return price <= self.best * (_BIPS - delta) / _BIPS
        self.best = min(best, price)
        return price >= self.best * (_BIPS + delta) / _BIPS


@dataclass(slots=True)
class Waiting:
    """The orders of all symbols that wait for a price, oldest first."""

    last: dict[str, Decimal] = field(default_factory=dict)
    by_symbol: dict[str, dict[int, Trigger]] = field(default_factory=dict)
    _prints: int = 0

    def add(self, order: Order, now_ns: int, printed: int = 0) -> bool:
        """Let an order wait from now on, deaf to the next `printed` trades, which were there
        before it; whether it trails from the first moment."""
        trigger = Trigger(order, now_ns, self._prints + printed)
        if not order.stop_price:
            trigger.best = self.last.get(order.symbol)
        self.by_symbol.setdefault(order.symbol, {})[order.order_id] = trigger
        return trigger.best is not None

    def remove(self, order: Order) -> bool:
        """Stop waiting; whether the order did."""
        return self.by_symbol.get(order.symbol, {}).pop(order.order_id, None) is not None

    def has(self, order: Order) -> bool:
        """Whether an order waits for its price."""
        return order.order_id in self.by_symbol.get(order.symbol, {})

    def heard(self, trade: Trade) -> tuple[list[int], list[int]]:
        """Take a trade into account: the orders that begin to trail, and those it reaches."""
        self.last[trade.symbol] = trade.price
        self._prints += 1
        trailing, reached = [], []
        for order_id, trigger in self.by_symbol.get(trade.symbol, {}).items():
            if trigger.since_ns > trade.trade_ns or trigger.since_print >= self._prints:
                continue
            waited = trigger.best is None
            if trigger.reached(trade.price):
                reached.append(order_id)
            elif waited and trigger.best is not None:
                trailing.append(order_id)
        return trailing, reached
