"""I1: what the venue took under one client order id is never more than was intended under it.

Several orders with one id count together: what ended by what it filled, what lives by its whole quantity. A
conditional order and what came of it are one; what is amended may be as large as was ever asked for. An order
that takes another's place never stands beside it. And a declared target has one order at a time: a second one,
while the first may still trade, is that wish twice.
"""

from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, VenueSaid, Written
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import VenueOrder
from nightdesk.model import money
from nightdesk.model.order import Intent, Origin
from nightdesk.model.records import Intended, Spooled

LAW = "I1 no duplicate exposure"
_TAKES = frozenset({"accept", "amend", "fill"})


class NoDuplicate:
    """The intent is found from the id alone; one that no journal knows may be as large as its largest order."""

    law = LAW
    needs = "orders of this desk in the venue's log"
    hears: frozenset[Heard] = frozenset({"accept", "algo", "amend", "fill", Intended, Spooled})

    def __init__(self, *, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._told: set[str] = set()
        self._for_target: dict[
            tuple[str, str], str
        ] = {}  # the newest order of (strategy, instrument)

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge the id that the fact is about."""
        self.ledger.hear(fact)
        match fact:
            case VenueSaid(entry=entry) if entry.accepts or entry.kind in _TAKES:
                order = self.ledger.venue.of(entry)
                return () if order is None else self._judge(order.client_id, fact.at_ns)
            case Written(record=Intended(intent=intent) | Spooled(intent=intent)):
                told = self._judge(intent.client_id, fact.at_ns)
                return (
                    told
                    if intent.origin is not Origin.TARGET
                    else (*told, *self._target(fact, intent))
                )
            case _:
                return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _target(self, fact: Written, intent: Intent) -> Iterator[Finding]:
        wish = (intent.strategy, self.ledger.names.of(intent.instrument))
        earlier = self.ledger.known(self._for_target.get(wish))
        self._for_target[wish] = intent.client_id
        if earlier is None or earlier.ended:
            return
        self.checked = True
        what = f"a second order for a target while {earlier.intent.client_id} may still trade"
        yield Finding(law=LAW, order=intent.client_id, what=what, at_ns=fact.at_ns)

    def _beside(self, intent: Intent) -> bool:
        """Whether what it was to replace lives at the venue."""
        replaced = self.ledger.venue.by_client_id.get(intent.replaces or "", ())
        return any(not order.ended for order in replaced)

    def _elsewhere(self, intent: Intent, orders: Sequence[VenueOrder]) -> str:
        """Where the venue took it, if that is another instrument."""
        wanted = self.ledger.names.of(intent.instrument)
        return next((order.instrument for order in orders if order.instrument != wanted), "")

    def _judge(self, client_id: str, at_ns: int) -> Sequence[Finding]:
        orders = self.ledger.venue.by_client_id.get(client_id)
        if not orders or client_id in self._told or not self.ledger.is_ours(client_id):
            return ()
        self.checked = True
        known = self.ledger.known(client_id)
        wanted = max(order.qty for order in orders) if known is None else known.largest
        side = orders[0].side if known is None else known.intent.side.name
        taken = money.total(order.exposes for order in orders)
        what = ""
        if taken > wanted:
            what = f"{taken} accepted of {wanted} intended, in {len(orders)} orders"
        elif any(order.side != side for order in orders):
            what = f"accepted as {', '.join(order.side for order in orders)}, intended as {side}"
        elif known is not None and (elsewhere := self._elsewhere(known.intent, orders)):
            what = f"accepted in {elsewhere}, intended in {known.intent.instrument}"
        elif known is not None and self._beside(known.intent):
            what = f"taken while {known.intent.replaces} lives, whose place it was to take"
        if not what:
            return ()
        self._told.add(client_id)
        return (Finding(law=LAW, order=client_id, what=what, at_ns=at_ns),)
