"""What each strategy paid for what it holds, what it has earned, and what balances and wallets have: from the
journal's own trades and moves."""

from decimal import Decimal

from nightdesk.audit.ledger import Ledger
from nightdesk.model import money
from nightdesk.model.account import ForcedFill
from nightdesk.model.instrument import Instrument, wallet_of
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution
from nightdesk.model.records import Executed, Flowed, ForceTraded, Reconciled, Record


class Lot:
    """What one strategy holds of one instrument, what it paid for it, what it has earned after fees."""

    def __init__(self) -> None:
        self.qty = self.cost = self.earned = ZERO

    def worth(self, mark: Decimal) -> Decimal:
        """What it would bring at that price beyond what was paid."""
        return money.subtract(money.multiply(self.qty, mark), self.cost)

    def trade(self, execution: Execution, rules: Instrument) -> None:
        """One of its orders traded."""
        price, fee = execution.price, execution.fee
        self._move(money.multiply(execution.qty, Decimal(execution.side.sign)), price)
        if execution.fee_asset == rules.quote:
            self.earned = money.subtract(self.earned, fee)
        elif execution.fee_asset == rules.base and not rules.contract:
            self.earned = money.subtract(self.earned, money.notional(price, fee))
            self._move(money.minus(fee), price)

    def forced(self, fill: ForcedFill, qty: Decimal, fee: Decimal) -> None:
        """The venue traded so much of it by itself."""
        self._move(money.multiply(qty, Decimal(fill.side.sign)), fill.price)
        self.earned = money.subtract(self.earned, fee)

    def taken(self, signed: Decimal) -> None:
        """Somebody else closed some of it, and nobody told at what price: that earns nothing."""
        if self.qty * signed < 0:
            self._close(signed)

    def _move(self, signed: Decimal, price: Decimal) -> None:
        if self.qty * signed < 0:
            closed, paid = self._close(signed)
            self.earned = money.add(
                self.earned, money.subtract(money.multiply(closed, price), paid)
            )
            signed = money.add(signed, closed)
        self.qty = money.add(self.qty, signed)
        self.cost = money.add(self.cost, money.multiply(signed, price))

    def _close(self, signed: Decimal) -> tuple[Decimal, Decimal]:
        """What `signed` closes, and what was paid for that."""
        within = money.magnitude(signed) < money.magnitude(self.qty)
        closed, paid = money.minus(signed) if within else self.qty, self.cost
        if within:
            paid = money.shown(money.average(money.multiply(self.cost, closed), self.qty))
        self.qty, self.cost = money.subtract(self.qty, closed), money.subtract(self.cost, paid)
        return closed, paid


class Lots:
    """By strategy and instrument. Told every record after the ledger was."""

    def __init__(self, ledger: Ledger) -> None:
        self.lots: dict[tuple[str, str], Lot] = {}
        self.wallets: dict[str, Decimal] = {}  # and balances of spot
        self.opened: dict[str, Decimal] = {}  # as they were told first
        self._ledger = ledger
        self._trades: set[tuple[str, str]] = set()

    def learn(self, record: Record) -> tuple[str, Decimal] | None:
        """Fold one record; whose order closed something by it, and what that earned."""
        match record:
            case Executed(execution=execution):
                return self._traded(execution)
            case Reconciled(balances=balances, shares=shares):
                self.wallets.update(balances)
                self.opened = balances | self.opened
                for instrument, by in shares.items():
                    for strategy, qty in by.items():
                        self._lot(strategy, instrument).taken(qty)
            case Flowed(venue=venue, move=move, shares=shares):
                self._move(wallet_of(venue, move.asset), move.amount)
                for strategy, amount in shares.items():
                    lot = self._lot(strategy, move.instrument or "")
                    lot.earned = money.add(lot.earned, amount)
            case ForceTraded(fill=fill, shares=shares):
                self._pay(fill)
                fee = fill.fee  # the first one bears it
                for strategy, qty in shares.items():
                    self._lot(strategy, fill.instrument).forced(fill, qty, fee)
                    fee = ZERO
            case _:
                pass
        return None

    def _lot(self, strategy: str, instrument: str) -> Lot:
        return self.lots.setdefault((str(strategy), self._ledger.names.of(instrument)), Lot())

    def _move(self, wallet: str, amount: Decimal) -> None:
        self.wallets[wallet] = money.add(self.wallets.get(wallet, ZERO), amount)

    def _pay(self, trade: Execution | ForcedFill) -> None:
        rules = self._ledger.instruments.get(self._ledger.names.of(trade.instrument))
        if rules is None:
            return
        if rules.contract:
            self._move(rules.paid_in, trade.realised or ZERO)
            self._move(wallet_of(rules.venue, trade.fee_asset), money.minus(trade.fee))
            return
        sign = Decimal(trade.side.sign)
        self._move(rules.base, money.multiply(trade.qty, sign))
        value = money.notional(trade.price, trade.qty)
        self._move(rules.quote, money.minus(money.multiply(value, sign)))
        self._move(trade.fee_asset, money.minus(trade.fee))

    def _traded(self, execution: Execution) -> tuple[str, Decimal] | None:
        known, name = (
            self._ledger.known(execution.client_id),
            self._ledger.names.of(execution.instrument),
        )
        rules, trade = self._ledger.instruments.get(name), (name, execution.trade_id)
        if known is None or rules is None or trade in self._trades:
            return None
        self._trades.add(trade)
        self._pay(execution)
        strategy = str(known.intent.strategy)
        lot = self._lot(strategy, execution.instrument)
        closes, before = lot.qty * execution.side.sign < 0, lot.earned
        lot.trade(execution, rules)
        return (strategy, money.subtract(lot.earned, before)) if closes else None
