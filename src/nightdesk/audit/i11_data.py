"""I11: what adds risk was decided on a market that was fresh and made sense."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from nightdesk.audit.facts import Fact, Written
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import still_open
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Inputs, Intent, Origin, Side
from nightdesk.model.records import AmendAsked, Intended

LAW = "I11 data hygiene"


class Data:
    """Every strategy's and target's order that can do more than reduce, by the venue's truth when it was
    decided. `stale_after_ns` wins over what the journal's settings say."""

    law = LAW
    needs = "a journal with orders that strategies decided"
    hears: frozenset[Heard] = frozenset({Intended, AmendAsked})

    def __init__(self, *, stale_after_ns: int | None = None, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._stale_after_ns = stale_after_ns

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge the inputs of what was decided."""
        self.ledger.hear(fact)
        decided = self.ledger.decided(fact.record) if isinstance(fact, Written) else None
        if decided is None:
            return ()
        intent, added = decided
        if intent.origin in (Origin.FLATTEN, Origin.PROTECT):
            return ()  # the ways out go without a market
        self.checked = True
        amends = isinstance(fact, Written) and isinstance(fact.record, AmendAsked)
        if not amends and self._reduces(intent, added):
            return ()
        return [
            Finding(law=LAW, order=intent.client_id, what=what, at_ns=fact.at_ns)
            for what in self._faults(intent)
        ]

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _faults(self, intent: Intent) -> Iterator[str]:
        inputs = intent.inputs
        if inputs is None:
            yield "adds risk and was decided on no market"
            return
        yield from _senseless(inputs)
        most_ns = self._stale_after_ns
        if most_ns is None:
            limits = self.ledger.limits.get(self.ledger.names.of(intent.instrument))
            most_ns = None if limits is None else limits.stale_after_ns
        if inputs.age_ns < 0:
            yield f"decided on a quote from {-inputs.age_ns / 1e6:.3f} ms ahead"
        elif most_ns is not None and inputs.age_ns > most_ns:
            old, most = inputs.age_ns / 1e6, most_ns / 1e6
            yield f"decided on a quote {old:.3f} ms old, {most:.0f} ms are allowed"

    def _open(self, name: str, side: str) -> Decimal:
        """What orders there may still trade, but for those whose end the journal has: a venue that denies one
        everywhere is believed, and the law that each comes to its end judges who believes too soon."""
        return still_open(
            order
            for order in self.ledger.live.values()
            if (order.instrument, order.side) == (name, side)
            and not order.reduce_only
            and not ((known := self.ledger.known(order.client_id)) and known.ended)
        )

    def _reduces(self, intent: Intent, added: Decimal) -> bool:
        if intent.reduce_only:
            return True  # the venue sees to it
        name = self.ledger.names.of(intent.instrument)
        held = self.ledger.position(name)
        closable = held if intent.side is Side.SELL else money.minus(held)
        closing = money.add(self._open(name, intent.side.name), added)
        return closing <= money.add(closable, self.ledger.unknown_fees(name))


def _senseless(inputs: Inputs) -> Iterator[str]:
    if inputs.bid <= ZERO or inputs.ask <= ZERO:
        yield f"decided on a market of {inputs.bid} to {inputs.ask}"
    elif inputs.bid > inputs.ask:
        yield f"decided on a crossed market: {inputs.bid} bid, {inputs.ask} asked"
