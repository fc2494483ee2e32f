"""All invariants together, on one shared ledger."""

from collections.abc import Callable, Sequence

from nightdesk.audit.facts import Fact
from nightdesk.audit.i01_no_duplicate import NoDuplicate
from nightdesk.audit.i02_risk import Risk
from nightdesk.audit.i03_single_writer import SingleWriter
from nightdesk.audit.i04_convergence import Convergence
from nightdesk.audit.i05_resolved import Resolution
from nightdesk.audit.i06_write_ahead import WriteAhead
from nightdesk.audit.i07_way_out import WayOut
from nightdesk.audit.i08_politeness import Politeness
from nightdesk.audit.i09_clock import Clock
from nightdesk.audit.i10_protection import Protection
from nightdesk.audit.i11_data import Data
from nightdesk.audit.i12_responsive import Responsive
from nightdesk.audit.i13_modes import Modes
from nightdesk.audit.i14_dead_man import DeadMan
from nightdesk.audit.invariant import Finding, Heard, Invariant, kind_of
from nightdesk.audit.ledger import Ledger
from nightdesk.model.time import SECOND_NS


class Hearing:
    """Invariants that share a ledger: each hears only what it says that it hears, after the ledger."""

    def __init__(self, invariants: Sequence[Invariant], ledger: Ledger) -> None:
        self.invariants = invariants
        self.ledger = ledger
        self._hearers: dict[Heard, list[Callable[[Fact], Sequence[Finding]]]] = {}

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """What this fact reveals, law by law."""
        self.ledger.hear(fact)
        kind = kind_of(fact)
        hearers = self._hearers.get(kind)
        if hearers is None:
            hearers = [law.hear for law in self.invariants if kind in law.hears]
            self._hearers[kind] = hearers
        found: Sequence[Finding] = ()
        for hear in hearers:
            told = hear(fact)
            if told:
                found = [*found, *told]
        return found

    def rest(self, at_ns: int) -> list[Finding]:
        """What is wrong at rest, law by law."""
        return [finding for law in self.invariants for finding in law.rest(at_ns)]


def every_invariant(
    *,
    account: str = "",
    resolve_within_ns: int = 60 * SECOND_NS,
    flat_within_ns: int = 60 * SECOND_NS,
    lie_ns: int = 5 * SECOND_NS,
    clock_slack_ns: int = 0,
    alone: bool = False,
) -> Hearing:
    """All of them; `account` is the venue's, "" where its log has one only.

    `resolve_within_ns` and `flat_within_ns` count from the end of the faults; `lie_ns` is how long a confident
    desk may tell a position that never was: as long as reports may be late. `clock_slack_ns` is how far the
    venue's clock may be mistaken by whoever measures it over a slow way. `alone` is whether nobody else uses
    the desk's address and account.
    """
    ledger = Ledger(account)
    invariants: list[Invariant] = [
        NoDuplicate(ledger=ledger),
        Risk(ledger=ledger),
        SingleWriter(ledger=ledger),
        Convergence(ledger=ledger, lie_ns=lie_ns, recover_within_ns=resolve_within_ns),
        Resolution(ledger=ledger, resolve_within_ns=resolve_within_ns),
        WriteAhead(ledger=ledger),
        WayOut(ledger=ledger, within_ns=flat_within_ns),
        Politeness(ledger=ledger, alone=alone),
        Clock(slack_ns=clock_slack_ns, ledger=ledger),
        Protection(ledger=ledger),
        Data(ledger=ledger),
        Responsive(),
        Modes(ledger=ledger),
        DeadMan(ledger=ledger),
    ]
    return Hearing(invariants, ledger)
