"""Locks: what open orders keep from being spent twice.

Owns how much of an account each open order has locked, and that a pair of which only one can
trade locks once. Refuses to know what an order costs: whoever takes it in says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from nightdesk.lab.accounts import Account
from nightdesk.lab.orders import ZERO, Fill, Order, Side
from nightdesk.lab.settings import SymbolSettings


@dataclass(slots=True)
class Locks:
    """The locks of all accounts. Whoever drives the exchange drains `touched`."""

    rules: Mapping[str, SymbolSettings]
    touched: dict[tuple[str, str], None] = field(default_factory=dict)

    def paid_asset(self, symbol: str, side: Side) -> str:
        """The asset an order of `side` pays with."""
        rules = self.rules[symbol]
        return rules.quote if side is Side.BUY else rules.base

    def touch(self, account: Account, asset: str) -> None:
        """Remember that a balance may have changed."""
        self.touched[account.name, asset] = None

    def hold(self, account: Account, order: Order, amount: Decimal) -> None:
        """Lock what a new order needs."""
        asset = self.paid_asset(order.symbol, order.side)
        account.locks[order.order_id] = amount
        account.wallet.move(asset, order.created_ns, free=-amount, locked=amount)
        self.touch(account, asset)

    def pair(self, account: Account, first: Order, second: Order) -> None:
        """Only one of these two can trade: what the first has locked serves both."""
        account.pairs[first.order_id] = second.order_id
        account.pairs[second.order_id] = first.order_id

    def part(self, account: Account, order: Order) -> None:
        """The order ends, and is no longer one of a pair."""
        other = account.pairs.pop(order.order_id, None)
        if other is not None:
            del account.pairs[other]

    def take_over(self, account: Account, order: Order, at_ns: int) -> None:
        """From now on this order of a pair is the one that may trade: what was locked for both is
        its own, and what it does not need is free."""
        other = account.pairs.get(order.order_id)
        if other is None:
            return
        self.part(account, order)
        both = account.locks[order.order_id] + account.locks[other]
        account.locks[other], account.locks[order.order_id] = ZERO, both
        if order.side is Side.BUY and order.price:
            self.change(account, order, order.price * order.remaining, at_ns)

    def change(self, account: Account, order: Order, amount: Decimal, at_ns: int) -> bool:
        """Lock another amount for an order; False, and nothing changes, where it is not there."""
        asset = self.paid_asset(order.symbol, order.side)
        more = amount - account.locks[order.order_id]
        if more > account.wallet.free(asset):
            return False
        if more:
            account.locks[order.order_id] = amount
            account.wallet.move(asset, at_ns, free=-more, locked=more)
            self.touch(account, asset)
        return True

    def unlock(self, account: Account, order: Order, at_ns: int) -> None:
        """Free whatever a finished order still has locked."""
        amount = account.locks.pop(order.order_id)
        if amount:
            asset = self.paid_asset(order.symbol, order.side)
            account.wallet.move(asset, at_ns, free=amount, locked=-amount)
            self.touch(account, asset)


def reserved_for(order: Order, fill: Fill) -> Decimal:
    """What an order had locked for a fill: a limit buy locks at its limit and may pay less."""
    if order.side is Side.SELL:
        return fill.quantity
    return order.price * fill.quantity if order.price else fill.quote
