"""What is done once, when a fault is set: by hand or by a venue, at either of a lab's venues.

Owns who does it. Refuses to do anything itself.
"""

from dataclasses import dataclass

from nightdesk.lab.by_hand import ByHand
from nightdesk.lab.catalogue import BY_HAND, OF_POSITIONS, FaultKind, FaultRefused
from nightdesk.lab.choices import Venue
from nightdesk.lab.dropping import Dropping
from nightdesk.lab.faults import Fault, Target
from nightdesk.lab.rewriting import rewrite
from nightdesk.lab.usdm.venue import Usdm


@dataclass(slots=True)
class Deeds:
    """The hands in the accounts of one lab."""

    by_hand: ByHand
    dropping: Dropping
    usdm: Usdm | None

    def act(self, fault: Fault, now_ns: int) -> None:
        """Do what the fault says. Raises `FaultRefused` where it cannot be done."""
        spec = fault.spec
        if spec.venue is Venue.USDM or spec.kind in OF_POSITIONS:
            if self.usdm is None:
                raise FaultRefused("this lab has no USD-M venue; start it with --usdm")
            self.usdm.hands.act(fault, now_ns)
        elif spec.kind in BY_HAND:
            self.by_hand.act(fault, now_ns)
        elif spec.kind is FaultKind.RULES_CHANGED:
            self._rewrite(fault, now_ns)
        else:
            self.dropping.act(fault, now_ns)

    def _rewrite(self, fault: Fault, now_ns: int) -> None:
        exchange, faults = self.dropping.exchange, self.dropping.faults
        done = rewrite(exchange.rules, exchange.settings.symbols, fault.spec)
        faults.fire(fault, now_ns, Target({}, name=done, symbol=fault.spec.symbol))
