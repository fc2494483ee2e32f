"""I7: after an operator's flatten the desk is flat and has no orders, in time, and never beyond flat."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from nightdesk.audit.facts import Commanded, Fact, Healed, Published, VenueSaid, Written
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Origin
from nightdesk.model.records import Configured, Reconciled
from nightdesk.model.time import SECOND_NS

LAW = "I7 way out"


class WayOut:
    """`within_ns` counts from the command or from the end of the faults, whichever is later.

    Dust, which the venue's filters refuse to sell, counts as flat, and so does what a spot account does not
    hold: its owner sent it away. A later "resume" calls the flatten off.
    """

    law = LAW
    needs = "an operator's flatten; only a simulation tells of one, and of the end of its faults"
    # What changes what stands, and once a second something that tells the time.
    hears: frozenset[Heard] = frozenset(
        {
            "accept",
            "algo",
            "fill",
            "cancel",
            "expire",
            "transfer",
            Reconciled,
            Configured,
            Commanded,
            Healed,
            Published,
        }
    )

    def __init__(self, *, within_ns: int = 60 * SECOND_NS, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._within_ns = within_ns
        self._commanded_ns: int | None = None
        self._healed_ns: int | None = None
        self._left: list[str] = []  # what is in the way of being flat, as of the last fact
        self._judged = False

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge a flattening fill by the sign it leaves, and the end of the time by what is left."""
        told = list(self._due(fact.at_ns))
        self.ledger.hear(fact)
        match fact:
            case Healed(at_ns=at_ns):
                self._healed_ns = at_ns
            case Commanded(command="flatten") if self._commanded_ns is None:
                self._commanded_ns, self._judged = fact.at_ns, False
            case Commanded(command="resume"):
                self._commanded_ns = None
            case VenueSaid() if self._commanded_ns is not None:
                told += self._crossed(fact)
            case _:
                pass
        if self._commanded_ns is not None and isinstance(fact, VenueSaid | Written | Commanded):
            self._left = list(self._standing())
        return told

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Judge a flatten whose time is over although nothing has happened since."""
        return list(self._due(at_ns))

    def _due(self, at_ns: int) -> Iterator[Finding]:
        if self._commanded_ns is None or self._healed_ns is None or self._judged:
            return
        if at_ns <= max(self._commanded_ns, self._healed_ns) + self._within_ns:
            return
        self._judged = self.checked = True
        for what in self._left:
            late = f"{what} {self._within_ns / 1e9:.0f} s after a flatten"
            yield Finding(law=LAW, order="", what=late, at_ns=at_ns)

    def _standing(self) -> Iterator[str]:
        for name, qty in sorted(self.ledger.positions().items()):
            if not self.ledger.dust(name, self._sellable(name, qty)):
                yield f"{name} is still {qty}"
        for order in self.ledger.live.values():
            yield f"order {order.client_id} is still open"

    def _sellable(self, name: str, qty: Decimal) -> Decimal:
        """As far as the account has it: somebody may have taken it away, or a trade back."""
        rules, balances = self.ledger.names.instruments.get(name), self.ledger.accounts.balances()
        if rules is None or balances is None or rules.held_as not in balances:
            return qty
        there = balances[rules.held_as]
        if rules.contract and qty < 0:
            return max(qty, min(there, ZERO))
        return min(qty, max(there, ZERO))

    def _crossed(self, fact: VenueSaid) -> Iterator[Finding]:
        """What a flattening order's own fill left beyond zero; others under way may still do as they like. Of
        what can only reduce, the venue's position says it: a trade that was taken back is no order's."""
        entry = fact.entry
        known = self.ledger.told_of(entry)
        if entry.kind != "fill" or known is None or known.intent.origin is not Origin.FLATTEN:
            return
        self.checked = True
        name = self.ledger.names.logged(entry.venue, entry.symbol or "")
        held = self.ledger.position(name)
        if known.intent.reduce_only and entry.position is not None:
            held = entry.position
        beyond = held > 0 if known.intent.side.sign > 0 else held < 0
        if beyond and not self.ledger.dust(name, held):
            what = f"a flattening {known.intent.side.name} left {name} at {money.canonical(held)}"
            yield Finding(law=LAW, order=known.intent.client_id, what=what, at_ns=fact.at_ns)
