"""Positions and balances of one account: what a fill makes of them, exactly.

Owns the arithmetic of one-way positions. A position keeps what it cost rather than an average price, so
that realised profit and cost always add up to the money that changed hands. Refuses to know prices of
the market: margin has them.
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
from msgspec.structs import replace

from nightdesk.lab.orders import ZERO, Side

_UNIT = Decimal("0.00000001")


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of a contract: `amount` below zero is short, and then `cost` is too."""

    symbol: str
    leverage: int
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    isolated: bool = False
    isolated_wallet: Decimal = ZERO
    updated_ns: int = 0
    grown_ns: int = 0  # when it was last opened, made larger, or turned

    @property
    def entry(self) -> Decimal:
        """The average price of what is held; zero when flat."""
        return self.cost / self.amount if self.amount else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """The profit of closing at `mark`, in eight decimals."""
        return rounded(self.amount * mark - self.cost)

    def reducible(self, side: Side) -> Decimal:
        """How much an order of `side` can take off this position."""
        closes = self.amount if side is Side.SELL else -self.amount
        return max(closes, ZERO)


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an account has here: wallet balances by asset, positions by contract.

    A balance covers the isolated wallets of its asset too.
    """

    balances: dict[str, Decimal]
    positions: dict[str, Position]
    updated_ns: int = 0

    def with_balance(self, asset: str, change: Decimal, at_ns: int) -> "Holdings":
        """The same with more (or less) of an asset."""
        balances = self.balances | {asset: self.balances[asset] + change}
        return replace(self, balances=balances, updated_ns=at_ns)

    def with_position(self, position: Position, at_ns: int) -> "Holdings":
        """The same with this position in place of the one of its contract."""
        before = self.positions[position.symbol]
        grew = abs(position.amount) > abs(before.amount) or position.amount * before.amount < 0
        moved = replace(position, updated_ns=at_ns, grown_ns=at_ns if grew else before.grown_ns)
        positions = self.positions | {position.symbol: moved}
        return replace(self, positions=positions, updated_ns=at_ns)


def rounded(amount: Decimal) -> Decimal:
    """To the venue's eight decimals."""
    return amount.quantize(_UNIT, rounding=ROUND_HALF_EVEN)


def filled(
    position: Position, side: Side, price: Decimal, quantity: Decimal
) -> tuple[Position, Decimal]:
    """The position after a fill, and the profit that closing part of it realised.

    A fill through zero closes first and opens the other way with what is left.
    """
    closing = min(quantity, position.reducible(side))
    sign = 1 if side is Side.BUY else -1
    realised = ZERO
    if closing:
        given = position.cost
        if closing != abs(position.amount):
            given = rounded(position.cost * closing / abs(position.amount))
        # A sale brings its proceeds for what was paid; buying back costs for what was received.
        realised = -sign * closing * price - given
        position = replace(
            position, amount=position.amount + sign * closing, cost=position.cost - given
        )
    opening = quantity - closing
    if opening:
        position = replace(
            position,
            amount=position.amount + sign * opening,
            cost=position.cost + sign * opening * price,
        )
    return position, realised
