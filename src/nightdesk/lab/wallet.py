"""One account's money: free, locked, and what it was a moment ago.

Owns the amounts and the law that none of them is ever negative. Refuses to know why money
moves: the exchange says so.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from nightdesk.lab.orders import ZERO
from nightdesk.lab.settings import READ_LAG_NS_MAX


@dataclass(slots=True)
class Purse:
    """The amounts of one asset."""

    initial: Decimal
    free: Decimal
    locked: Decimal = ZERO
    # Deposits less withdrawals.
    transferred: Decimal = ZERO
    history: deque[tuple[int, Decimal, Decimal]] = field(default_factory=deque)

    def as_of(self, at_ns: int) -> tuple[Decimal, Decimal]:
        """Free and locked as they were at `at_ns`."""
        for changed_ns, free, locked in reversed(self.history):
            if changed_ns <= at_ns:
                return free, locked
        return self.initial, ZERO

    def changed_as_of(self, at_ns: int) -> int:
        """When the amounts had last changed by `at_ns`; 0 when they had not."""
        return next((ns for ns, _, _ in reversed(self.history) if ns <= at_ns), 0)


@dataclass(slots=True)
class Wallet:
    """All purses of an account."""

    purses: dict[str, Purse]
    updated_ns: int = 0

    def free(self, asset: str) -> Decimal:
        """What may be spent or locked."""
        return self.purses[asset].free

    def move(self, asset: str, at_ns: int, *, free: Decimal = ZERO, locked: Decimal = ZERO) -> None:
        """Change an asset's free and locked amounts by these differences."""
        purse = self.purses[asset]
        purse.free += free
        purse.locked += locked
        assert purse.free >= 0, f"{asset}: free would be {purse.free}"
        assert purse.locked >= 0, f"{asset}: locked would be {purse.locked}"
        self.updated_ns = at_ns
        purse.history.append((at_ns, purse.free, purse.locked))
        # Always one entry at or before the oldest moment anyone may still ask for.
        while len(purse.history) > 1 and purse.history[1][0] <= at_ns - READ_LAG_NS_MAX:
            purse.history.popleft()

    def transfer(self, asset: str, at_ns: int, amount: Decimal) -> None:
        """Put money in, or take it out where the amount is below zero."""
        self.purses[asset].transferred += amount
        self.move(asset, at_ns, free=amount)

    def updated_as_of(self, at_ns: int) -> int:
        """When any amount had last changed by `at_ns`."""
        return max((purse.changed_as_of(at_ns) for purse in self.purses.values()), default=0)


def open_wallet(balances: dict[str, Decimal], assets: list[str]) -> Wallet:
    """A wallet that can hold any of `assets`, with these amounts in it."""
    amounts = {asset: balances.get(asset, ZERO) for asset in assets}
    return Wallet({asset: Purse(initial=a, free=a) for asset, a in amounts.items()})
