"""What one strategy holds of one instrument, and what it earned.

Quantity follows each order's cumulative fill, which a lost or repeated report cannot falsify. Price, fee and
profit follow single trades, each folded once. Until every trade is known, `unpriced` says how much of the
quantity has no price yet. A fee taken in the base asset makes the position smaller; every fee is reported in
its own asset and never hidden in the profit.
"""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.account import ForcedFill
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution, Side


class Position(msgspec.Struct, kw_only=True):
    """Mutable; its one writer is the desk's fold.

    `cost` is the quote paid for the priced part (negative for a short one); `realised` is before fees.
    `funding` is what a contract's longs and shorts paid each other: negative where it was paid.
    """

    qty: Decimal = ZERO
    priced: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    fees_quote: Decimal = ZERO
    fees: dict[str, Decimal] = msgspec.field(default_factory=dict)
    volume: Decimal = ZERO
    trades: int = 0
    funding: Decimal = ZERO

    @property
    def unpriced(self) -> Decimal:
        """Quantity whose trades are not known yet."""
        return money.subtract(self.qty, self.priced)

    @property
    def earned(self) -> Decimal:
        """Realised profit after fees, with the funding of a contract."""
        return money.add(money.subtract(self.realised, self.fees_quote), self.funding)

    def fill(self, side: Side, qty: Decimal) -> None:
        """An order's cumulative quantity grew by `qty`."""
        self.qty = money.add(self.qty, qty if side is Side.BUY else money.minus(qty))

    def trade(self, execution: Execution, base: str, quote: str) -> None:
        """Fold one trade: price, fee, profit."""
        self._trade(execution.side, execution.qty, execution.price)
        if execution.fee == 0:
            return
        asset = execution.fee_asset
        self._fee(asset, execution.fee, quote)
        if asset == base:
            self.fees_quote = money.add(
                self.fees_quote, money.notional(execution.price, execution.fee)
            )
            self.qty = money.subtract(self.qty, execution.fee)
            # The fee leaves at the price just paid: its value is in `fees_quote`, not in the profit.
            self._match(money.minus(execution.fee), execution.price)

    def forced(self, fill: ForcedFill, qty: Decimal, fee: Decimal, quote: str) -> None:
        """`qty` of a trade that no desk asked for, and what this position bears of its fee."""
        self.fill(fill.side, qty)
        self._trade(fill.side, qty, fill.price)
        if fee != 0:
            self._fee(fill.fee_asset, fee, quote)

    def taken(self, signed: Decimal) -> None:
        """Somebody else changed it, at a price that nobody told: what leaves earns nothing."""
        self.qty = money.add(self.qty, signed)
        if self.priced * signed < 0:
            self._close(signed)

    def _trade(self, side: Side, qty: Decimal, price: Decimal) -> None:
        self._match(qty if side is Side.BUY else money.minus(qty), price)
        self.volume = money.add(self.volume, money.notional(price, qty))
        self.trades += 1

    def _fee(self, asset: str, fee: Decimal, quote: str) -> None:
        self.fees[asset] = money.add(self.fees.get(asset, ZERO), fee)
        if asset == quote:
            self.fees_quote = money.add(self.fees_quote, fee)

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit of what is held, were it sold at `mark`; before fees, priced part only."""
        return money.subtract(money.multiply(self.priced, mark), self.cost)

    def average_price(self) -> Decimal | None:
        """What the held quantity cost per unit, or None when flat."""
        return None if self.priced == 0 else money.shown(money.average(self.cost, self.priced))

    def _match(self, signed: Decimal, price: Decimal) -> None:
        """Add to the position, or close part of it at its average cost and book the profit."""
        if self.priced == 0 or (self.priced > 0) == (signed > 0):
            self.priced = money.add(self.priced, signed)
            self.cost = money.add(self.cost, money.multiply(signed, price))
            return
        closing, released = self._close(signed)
        earned = money.subtract(money.multiply(closing, price), released)
        self.realised = money.add(self.realised, earned)
        rest = money.add(signed, closing)
        if rest != 0:
            self.priced = rest
            self.cost = money.multiply(rest, price)

    def _close(self, signed: Decimal) -> tuple[Decimal, Decimal]:
        """Take what `signed` closes out of the priced part: how much it is, and what it had cost."""
        within = money.magnitude(signed) <= money.magnitude(self.priced)
        closing = money.minus(signed) if within else self.priced
        released = (
            self.cost
            if closing == self.priced
            else money.shown(money.average(money.multiply(self.cost, closing), self.priced))
        )
        self.cost = money.subtract(self.cost, released)
        self.priced = money.subtract(self.priced, closing)
        return closing, released
