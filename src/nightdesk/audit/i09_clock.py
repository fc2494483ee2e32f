"""I9: an order's stamp is right to within half its window, so that the window means what it says.

A cancel is not judged, nor what may reduce: they are the way out, and leave also while the venue's time is old.
"""

from collections import deque
from collections.abc import Sequence

from nightdesk.audit.facts import Fact, SentOut, VenueSaid
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import Entry
from nightdesk.model.time import SECOND_NS

LAW = "I9 clock"
MEASURED_NS = 15 * SECOND_NS  # a desk asks for the venue's time every ten seconds
_SENDS_KEPT = 8  # of one id; a correct desk sends each once


class Clock:
    """Held against when the bytes left, where that is known, else against when they arrived, which counts the
    way as the clock's error. `slack_ns` is how far the venue's own clock may be off unsaid."""

    law = LAW
    needs = "requests of this desk that the venue took, with their stamps"
    hears: frozenset[Heard] = frozenset({"arrival", "accept", "algo", "fault_fired", SentOut})

    def __init__(self, *, slack_ns: int = 0, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._slack_ns = slack_ns
        self._sent: dict[str, deque[int]] = {}
        self._offsets: deque[tuple[int, int]] = deque()  # of the venue's clock: until when, which

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge the stamp of what the venue took."""
        self.ledger.hear(fact)
        match fact:
            case SentOut(what="place"):
                tries = self._sent.setdefault(fact.client_id, deque(maxlen=_SENDS_KEPT))
                tries.append(fact.at_ns)
            case VenueSaid(entry=entry) if entry.accepts:
                return self._judge(entry)
            case VenueSaid(entry=entry) if entry.kind == "arrival" or entry.what == "clock_offset":
                self._recent(entry.at_ns, entry.clock_offset_ns)
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _recent(self, at_ns: int, offset_ns: int) -> list[int]:
        if not self._offsets or self._offsets[-1][1] != offset_ns:
            self._offsets.append((at_ns, offset_ns))
        self._offsets[-1] = (at_ns, offset_ns)
        while self._offsets[0][0] < at_ns - MEASURED_NS:
            self._offsets.popleft()
        return [offset for _, offset in self._offsets]

    def _judge(self, entry: Entry) -> Sequence[Finding]:
        stamp_ns, client_id = entry.stamp_ns, entry.client_order_id or ""
        if stamp_ns is None or not self.ledger.is_ours(client_id):
            return ()
        self.checked = True
        known = self.ledger.known(client_id)
        if known is not None and self.ledger.may_reduce(known.intent):
            return ()
        arrived_ns = entry.at_ns if entry.arrived_ns is None else entry.arrived_ns
        made = self._sent.pop(client_id, None) or (arrived_ns,)
        # A venue whose clock has just stepped is not the desk's error before it could be measured again.
        clocks = {0, *self._recent(entry.at_ns, entry.clock_offset_ns)}
        off_ns = min((then + ahead - stamp_ns for then in made for ahead in clocks), key=abs)
        if abs(off_ns) <= entry.window_ns // 2 + self._slack_ns:
            return ()
        behind = "behind" if off_ns > 0 else "ahead"
        said = f"stamped {abs(off_ns) / 1e6:.3f} ms {behind}, half its window is "
        said += f"{entry.window_ns / 2e6:.3f} ms"
        return (Finding(law=LAW, order=client_id, what=said, at_ns=entry.at_ns),)
