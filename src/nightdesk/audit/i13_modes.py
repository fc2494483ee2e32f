"""I13: a mode holds until whoever raised it lifts it: over restarts, failovers and a second desk.

Judged on the journal alone: the modes that its records demand against the orders that it intends.
"""

from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, Written
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import DESK, scopes_of
from nightdesk.model.mode import Mode
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import AmendAsked, Intended, ModeSet

LAW = "I13 modes hold"


class Modes:
    """An order may reduce where its side could bring the venue's or the journal's position nearer to zero: two
    that differ for a moment are not held against the desk; and where the venue lets it do nothing else."""

    law = LAW
    needs = "a journal with a mode that forbids new risk, and intents"
    hears: frozenset[Heard] = frozenset({ModeSet, Intended, AmendAsked})

    def __init__(self, *, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._causes: dict[tuple[str, str], Mode] = {}

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge an intent by the modes in force when it was written."""
        self.ledger.hear(fact)
        match fact:
            case Written(record=ModeSet(scope=scope, cause=cause, mode=mode)):
                self._causes.pop((scope, cause), None)
                if Mode[mode] > Mode.CAUTIOUS:
                    self.checked = True
                    self._causes[scope, cause] = Mode[mode]
            case Written(record=Intended() | AmendAsked() as record) if self._causes:
                decided = self.ledger.decided(record)
                return [
                    Finding(law=LAW, order=intent.client_id, what=what, at_ns=fact.at_ns)
                    for intent, _ in ([] if decided is None else [decided])
                    for what in self._judge(intent, amends=isinstance(record, AmendAsked))
                ]
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _judge(self, intent: Intent, *, amends: bool) -> Iterator[str]:
        if intent.origin is Origin.FLATTEN:
            return  # the way out stays open in every mode
        if intent.origin is Origin.PROTECT and self._may_reduce(intent):
            return  # so does what protects
        covers = (DESK, *scopes_of(intent.strategy, intent.instrument))
        for (scope, cause), mode in self._causes.items():
            if scope not in covers:
                continue
            if mode > Mode.REDUCE_ONLY:
                yield f"intended although {cause} holds {scope} in {mode.name}"
            elif amends or not self._may_reduce(intent):
                yield f"adds risk although {cause} holds {scope} in {mode.name}"

    def _may_reduce(self, intent: Intent) -> bool:
        held = self.ledger.books.of(self.ledger.names.of(intent.instrument))
        return self.ledger.may_reduce(intent) or held * intent.side.sign < 0
