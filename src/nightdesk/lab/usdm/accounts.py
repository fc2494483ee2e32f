"""Clients of the USD-M venue: their holdings, orders, fills and income.

Owns the records of one account and what they were a moment ago. Refuses to decide what changes:
the engine does.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from nightdesk.lab.orders import ZERO
from nightdesk.lab.settings import READ_LAG_NS_MAX, HeldBy
from nightdesk.lab.usdm.orders import PerpFill, PerpOrder, PerpRecord
from nightdesk.lab.usdm.positions import Holdings, Position
from nightdesk.lab.usdm.settings import UsdmSettings

_INCOMES_MAX = 10_000  # the venue itself keeps three months; this is a month of heavy practice


class Income(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a balance and its reason, in the venue's words."""

    kind: str
    symbol: str
    asset: str
    amount: Decimal
    at_ns: int
    transfer_id: int
    trade_id: int | None = None


@dataclass(slots=True)
class PerpAccount:
    """One client of the venue."""

    name: str
    holdings: Holdings
    initial: dict[str, Decimal]
    hedge_mode: bool
    multi_assets: bool
    orders: dict[int, PerpRecord] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    open_ids: dict[int, None] = field(default_factory=dict)
    fills: list[PerpFill] = field(default_factory=list)
    incomes: deque[Income] = field(default_factory=lambda: deque(maxlen=_INCOMES_MAX))
    warned: bool = False  # a margin call stands
    transferred: dict[str, Decimal] = field(default_factory=dict)
    _past: deque[Holdings] = field(default_factory=deque)

    def change(self, holdings: Holdings) -> None:
        """Hold this from now on."""
        self._past.append(self.holdings)
        self.holdings = holdings
        oldest_ns = holdings.updated_ns - READ_LAG_NS_MAX
        while len(self._past) > 1 and self._past[1].updated_ns <= oldest_ns:
            self._past.popleft()

    def as_of(self, at_ns: int) -> Holdings:
        """What the account held at `at_ns`."""
        if self.holdings.updated_ns <= at_ns or not self._past:
            return self.holdings
        index = bisect_right(self._past, at_ns, key=lambda held: held.updated_ns)
        return self._past[max(0, index - 1)]

    def position(self, symbol: str) -> Position:
        """What is held of a contract, flat or not."""
        return self.holdings.positions[symbol]

    def open_orders(self, symbol: str | None = None) -> list[PerpRecord]:
        """Orders that can still trade, oldest first."""
        records = [self.orders[order_id] for order_id in self.open_ids]
        return [r for r in records if symbol is None or r.now.symbol == symbol]

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> PerpRecord | None:
        """The newest order with this id; the venue's own id is looked at first."""
        if order_id is None:
            ids = self.by_client_id.get((symbol, client_id or ""), [])
            return self.orders[ids[-1]] if ids else None
        record = self.orders.get(order_id)
        return record if record is not None and record.now.symbol == symbol else None

    def find_as_of(
        self, symbol: str, order_id: int | None, client_id: str | None, at_ns: int
    ) -> PerpOrder | None:
        """The same among the orders that there were at `at_ns`, as they were then."""
        if order_id is not None:
            record = self.find(symbol, order_id, None)
            return None if record is None else record.as_of(at_ns)
        for number in reversed(self.by_client_id.get((symbol, client_id or ""), [])):
            order = self.orders[number].as_of(at_ns)
            if order is not None:
                return order
        return None

    def has_open(self, symbol: str, client_id: str) -> bool:
        """Whether an open order has this client id."""
        ids = self.by_client_id.get((symbol, client_id), ())
        return any(order_id in self.open_ids for order_id in ids)

    def transfer(self, asset: str, amount: Decimal, at_ns: int) -> None:
        """Put money in, or take it out where the amount is below zero."""
        self.transferred[asset] = self.transferred.get(asset, ZERO) + amount
        self.change(self.holdings.with_balance(asset, amount, at_ns))

    def agree(self, contracts: Mapping[str, HeldBy]) -> None:
        """Hold contracts as their owner had set it before the lab began."""
        for symbol, how in contracts.items():
            if symbol in self.holdings.positions:
                self.set_position(0, symbol, leverage=how.leverage, isolated=how.isolated)

    def set_position(self, at_ns: int, symbol: str, **changes: object) -> None:
        """Change what a position is besides what it holds: its leverage, its margin."""
        moved = replace(self.position(symbol), **changes)
        self.change(self.holdings.with_position(moved, at_ns))


def open_account(name: str, balances: dict[str, Decimal], settings: UsdmSettings) -> PerpAccount:
    """An account with these balances and no position."""
    initial = {asset: balances.get(asset, ZERO) for asset in settings.margin_assets()}
    positions = {
        rules.symbol: Position(symbol=rules.symbol, leverage=settings.leverage)
        for rules in settings.symbols
    }
    return PerpAccount(
        name=name,
        holdings=Holdings(balances=initial, positions=positions),
        initial=initial,
        hedge_mode=settings.hedge_mode,
        multi_assets=settings.multi_assets,
    )
