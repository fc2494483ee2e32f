"""What the venue's accounts hold, by the venue's own fills and moves since the books were opened."""

from collections.abc import Mapping
from decimal import Decimal

from nightdesk.audit.names import Names
from nightdesk.audit.venue_log import Entry, VenueOrder
from nightdesk.model import money
from nightdesk.model.instrument import Instrument, wallet_of
from nightdesk.model.money import ZERO


class Accounts:
    """Assets are named as a journal's balances are: spot's by themselves, contracts by their ids, and what pays
    for those by its wallet. Mutable; its one writer is the ledger.

    `strange_ns` is when something else than this desk's orders moved an asset last: a desk learns that by
    asking.
    """

    def __init__(self, names: Names, account: str) -> None:
        self.account = account
        self.strange_ns: dict[str, int] = {}
        self._names = names
        self._opened: dict[str, Decimal] = {}
        self._moved: dict[tuple[str, str], Decimal] = {}

    def open(self, balances: Mapping[str, Decimal]) -> None:
        """A venue and the desk were compared: from the first time on an asset is followed."""
        for asset, amount in balances.items():
            if asset not in self._opened:
                self._opened[asset] = amount
                for moved in [each for each in self._moved if each[1] == asset]:
                    del self._moved[moved]  # it is in the balance

    def balances(self) -> dict[str, Decimal] | None:
        """What is held now of everything that was compared; None before a first comparison."""
        if not self._opened:
            return None
        found = dict(self._opened)
        for (account, asset), amount in self._moved.items():
            if account == self.account:
                found[asset] = money.add(found.get(asset, ZERO), amount)
        return found

    def follows(self, order: VenueOrder) -> bool:
        """Whether it is this desk's account's, and the books were opened before."""
        rules = self._names.instruments.get(order.instrument)
        if rules is None or rules.held_as not in self._opened:
            return False
        return self.account in ("", order.account)

    def moved(self, entry: Entry) -> None:
        """Money came or went by no trade: a transfer, funding, what the insurance fund bore."""
        asset = self._names.asset(entry.venue, entry.asset or "")
        self._move(entry.account or "", asset, entry.amount or ZERO)
        self.strange_ns[asset] = entry.at_ns

    def traded(self, order: VenueOrder, entry: Entry, *, ours: bool) -> None:
        """An order of anybody's traded."""
        rules = self._names.instruments.get(order.instrument)
        if rules is None:
            return
        qty = entry.last_quantity or ZERO
        signed = qty if order.side == "BUY" else money.minus(qty)
        fee, fee_asset = entry.fee or ZERO, entry.fee_asset or ""
        if not ours:
            self.strange_ns[rules.held_as] = self.strange_ns[rules.paid_in] = entry.at_ns
        self._move(order.account, rules.held_as, signed)
        self._move(order.account, rules.paid_in, _paid(rules, signed, entry))
        if rules.contract and fee_asset:
            fee_asset = wallet_of(rules.venue, fee_asset)
        self._move(order.account, fee_asset, money.minus(fee))

    def _move(self, account: str, asset: str, amount: Decimal) -> None:
        if asset and amount != 0:
            moved = self._moved.get((account, asset), ZERO)
            self._moved[account, asset] = money.add(moved, amount)


def _paid(rules: Instrument, signed: Decimal, entry: Entry) -> Decimal:
    """What a trade brought, before its fee: of contracts only what closing earned."""
    if rules.contract:
        return entry.realised or ZERO
    return money.minus(money.notional(entry.last_price or ZERO, signed))
