"""I13: a mode holds until whoever raised it lifts it: over restarts, failovers and a second desk.

Judged on the journal alone: the modes that its records demand against the orders that it intends.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from nightdesk.audit.facts import Fact, Written
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger, symbol_of
from nightdesk.model import money
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import Executed, Intended, ModeSet, Reconciled, Reported

LAW = "I13 modes hold"


class Modes:
    """An order may reduce where its side could bring the venue's or the journal's position nearer to zero: two
    that differ for a moment are not held against the desk."""

    law = LAW
    needs = "a journal with a mode that forbids new risk, and intents"
    hears: frozenset[Heard] = frozenset({ModeSet, Intended, Reported, Executed, Reconciled})

    def __init__(self, *, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._causes: dict[tuple[str, str], Mode] = {}
        self._filled: dict[str, Decimal] = {}  # by client id, as far as the journal knows
        self._held: dict[str, Decimal] = {}  # by symbol, the same

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge an intent by the modes in force when it was written."""
        self.ledger.hear(fact)
        match fact:
            case Written(record=ModeSet(scope=scope, cause=cause, mode=mode)):
                self._causes.pop((scope, cause), None)
                if Mode[mode] > Mode.CAUTIOUS:
                    self.checked = True
                    self._causes[scope, cause] = Mode[mode]
            case Written(record=Intended(intent=intent)) if self._causes:
                return [
                    Finding(law=LAW, order=intent.client_id, what=what, at_ns=fact.at_ns)
                    for what in self._judge(intent)
                ]
            case Written(record=Reported(report=told)):
                self._fold(told.client_id)
            case Written(record=Executed(execution=traded)):
                self._fold(traded.client_id)
            case Written(record=Reconciled(surplus=surplus)):
                for instrument, qty in surplus.items():
                    self._hold(symbol_of(instrument), qty)
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _judge(self, intent: Intent) -> Iterator[str]:
        if intent.origin is Origin.FLATTEN:
            return  # the way out stays open in every mode
        if intent.origin is Origin.PROTECT and self._may_reduce(intent):
            return  # so does what protects
        covers = ("desk", f"strategy/{intent.strategy}", f"instrument/{intent.instrument}")
        for (scope, cause), mode in self._causes.items():
            if scope not in covers:
                continue
            if mode > Mode.REDUCE_ONLY:
                yield f"intended although {cause} holds {scope} in {mode.name}"
            elif not self._may_reduce(intent):
                yield f"adds risk although {cause} holds {scope} in {mode.name}"

    def _may_reduce(self, intent: Intent) -> bool:
        held = self._held.get(symbol_of(intent.instrument), ZERO)
        return self.ledger.may_reduce(intent) or held * intent.side.sign < 0

    def _fold(self, client_id: str) -> None:
        known = self.ledger.known(client_id)
        if known is None:
            return
        more = money.subtract(known.filled, self._filled.get(client_id, ZERO))
        self._filled[client_id] = known.filled
        signed = more if known.intent.side.sign > 0 else money.minus(more)
        self._hold(symbol_of(known.intent.instrument), signed)

    def _hold(self, symbol: str, signed: Decimal) -> None:
        self._held[symbol] = money.add(self._held.get(symbol, ZERO), signed)
