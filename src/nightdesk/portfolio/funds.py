"""What an account holds of each asset, and what its orders may still take from it."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.account import Flow, ForcedFill
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.instrument import Instrument, wallet_of
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution, Side

AnyTrade = Execution | ForcedFill


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """The most that one order may still take of an asset."""

    asset: str
    amount: Decimal


class Funds:
    """Balances opened by a reconcile and moved by trades; mutable, one writer, the desk's fold. `flows` is what
    else the venues moved, by its kind, all wallets together; below zero it was taken."""

    __slots__ = ("balances", "flows", "held", "holds")

    def __init__(self) -> None:
        self.balances: dict[str, Decimal] = {}
        self.flows: dict[Flow, Decimal] = {}
        self.holds: dict[ClientOrderId, Hold] = {}
        self.held: dict[str, Decimal] = {}

    def available(self, asset: str) -> Decimal:
        """What no order may take any more."""
        return money.subtract(self.balances.get(asset, ZERO), self.held.get(asset, ZERO))

    def set_hold(self, client_id: ClientOrderId, hold: Hold | None) -> None:
        """Replace what `client_id` may still take; None when it may take nothing."""
        old = self.holds.pop(client_id, None)
        if old is not None:
            self.held[old.asset] = money.subtract(self.held[old.asset], old.amount)
        if hold is not None and hold.amount > 0:
            self.holds[client_id] = hold
            self.held[hold.asset] = money.add(self.held.get(hold.asset, ZERO), hold.amount)

    def trade(self, execution: AnyTrade, base: str, quote: str) -> None:
        """One trade moved base, quote and fee."""
        value = money.notional(execution.price, execution.qty)
        if execution.side is Side.BUY:
            self.move(base, execution.qty)
            self.move(quote, money.minus(value))
        else:
            self.move(base, money.minus(execution.qty))
            self.move(quote, value)
        if execution.fee != 0:
            self.move(execution.fee_asset, money.minus(execution.fee))

    def forced(self, instrument: Instrument, fill: ForcedFill) -> None:
        """A trade for the account that no order of the desk asked for."""
        if instrument.contract:
            self.contract_trade(instrument, fill)
        else:
            self.trade(fill, instrument.base, instrument.quote)

    def contract_trade(self, instrument: Instrument, trade: AnyTrade) -> None:
        """One trade moved a contract's position; its wallet got what the venue booked, less the fee."""
        signed = trade.qty if trade.side is Side.BUY else money.minus(trade.qty)
        self.move(instrument.held_as, signed)
        self.move(instrument.paid_in, trade.realised or ZERO)
        if trade.fee != 0:
            self.move(wallet_of(instrument.venue, trade.fee_asset), money.minus(trade.fee))

    def flow(self, wallet: str, kind: Flow, amount: Decimal) -> None:
        """A venue moved a wallet by no trade."""
        self.move(wallet, amount)
        self.flows[kind] = money.add(self.flows.get(kind, ZERO), amount)

    def move(self, asset: str, amount: Decimal) -> None:
        """A balance became larger (or smaller)."""
        self.balances[asset] = money.add(self.balances.get(asset, ZERO), amount)
