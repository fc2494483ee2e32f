"""What the journal says that each strategy holds: exactly what a desk knows that has written it."""

from collections.abc import Iterable
from decimal import Decimal

from nightdesk.audit.intents import Intents
from nightdesk.audit.names import Names
from nightdesk.model import money
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.money import ZERO
from nightdesk.model.order import Execution
from nightdesk.model.records import Executed, ForceTraded, Reconciled, Record, Reported

DESK_OWN = "operator"  # holds what no strategy ordered
Owner = tuple[str, str]  # strategy, instrument


class Books:
    """By each order's cumulative quantity, less fees taken in base; with what was adopted, and what a venue
    traded by itself, as it was shared out. Mutable; its one writer is the ledger, after it has read the
    intents."""

    def __init__(self, names: Names, intents: Intents) -> None:
        self.held: dict[Owner, Decimal] = {}
        self.fees: dict[str, Decimal] = {}  # taken in base, by instrument
        self._names, self._intents = names, intents
        self._filled: dict[ClientOrderId, Decimal] = {}
        self._trades: set[tuple[str, str]] = set()

    def learn(self, record: Record) -> None:
        """Fold one record."""
        match record:
            case Reported(report=told):
                self._follow(told.client_id)
            case Executed(execution=execution):
                self._follow(execution.client_id)
                self._fee(execution)
            case Reconciled():
                for instrument in record.surplus:
                    shares, rest = record.changes(instrument)
                    for strategy, qty in shares.items():
                        self._hold(strategy, instrument, qty)
                    self._hold(DESK_OWN, instrument, rest)
            case ForceTraded(fill=fill, shares=shares):
                for strategy, qty in shares.items():
                    signed = qty if fill.side.sign > 0 else money.minus(qty)
                    self._hold(strategy, fill.instrument, signed)
            case _:
                pass

    def of(self, instrument: str, strategy: str = "") -> Decimal:
        """What is held of it, of a strategy or of all."""
        return money.total(
            qty
            for (who, name), qty in self.held.items()
            if name == instrument and strategy in ("", who)
        )

    def owners(self, instrument: str) -> Iterable[tuple[str, Decimal]]:
        """Who holds some of it, and how much."""
        return [(who, qty) for (who, name), qty in self.held.items() if name == instrument and qty]

    def _follow(self, client_id: ClientOrderId) -> None:
        known = self._intents.known.get(client_id)
        if known is None:
            return
        grown = money.subtract(known.filled, self._filled.get(client_id, ZERO))
        if grown:
            self._filled[client_id] = known.filled
            signed = grown if known.intent.side.sign > 0 else money.minus(grown)
            self._hold(known.intent.strategy, known.intent.instrument, signed)

    def _fee(self, execution: Execution) -> None:
        name = self._names.of(execution.instrument)
        trade, rules = (name, execution.trade_id), self._names.instruments.get(name)
        spot = rules is not None and not rules.contract and execution.fee_asset == rules.base
        if not spot or trade in self._trades:
            return
        self._trades.add(trade)
        self.fees[name] = money.add(self.fees.get(name, ZERO), execution.fee)
        known = self._intents.known.get(execution.client_id)
        if known is not None:
            self._hold(known.intent.strategy, execution.instrument, money.minus(execution.fee))

    def _hold(self, strategy: str, instrument: str, signed: Decimal) -> None:
        owner = (str(strategy), self._names.of(instrument))
        self.held[owner] = money.add(self.held.get(owner, ZERO), signed)
