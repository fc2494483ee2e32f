"""I12: a node that lives keeps its loop turning and keeps telling where it stands.

Off unless it is given bounds: what is long enough to worry depends on the machine.
"""

from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, Published
from nightdesk.audit.invariant import Finding, Heard

LAW = "I12 responsiveness"


class Responsive:
    """`gap_max_ns` is between two words of one node in one epoch: a node that died owes none."""

    law = LAW
    needs = "to be switched on (bounds on loop lag and silence), and nodes that publish"
    hears: frozenset[Heard] = frozenset({Published})

    def __init__(self, *, lag_max_ns: int | None = None, gap_max_ns: int | None = None) -> None:
        self.checked = False
        self._lag_max_ns, self._gap_max_ns = lag_max_ns, gap_max_ns
        self._last: dict[tuple[str, int], int] = {}

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge a node's word by its lag and by when the one before it came."""
        if not isinstance(fact, Published):
            return ()
        self.checked = self._lag_max_ns is not None or self._gap_max_ns is not None
        told = list(self._judge(fact))
        self._last[fact.node, fact.epoch] = fact.at_ns
        return [Finding(law=LAW, order="", what=what, at_ns=fact.at_ns) for what in told]

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: whether a silent node should still speak, nobody tells this law."""
        return ()

    def _judge(self, fact: Published) -> Iterator[str]:
        node = fact.node or "a node"
        lag_ns, most_ns = fact.loop_lag_ns, self._lag_max_ns
        if most_ns is not None and lag_ns > most_ns:
            yield f"{node}'s loop lags {lag_ns / 1e6:.1f} ms, {most_ns / 1e6:.1f} ms are allowed"
        before_ns = self._last.get((fact.node, fact.epoch))
        gap_max_ns = self._gap_max_ns
        if before_ns is None or gap_max_ns is None or fact.at_ns - before_ns <= gap_max_ns:
            return
        gap_s = (fact.at_ns - before_ns) / 1e9
        yield f"{node} was silent for {gap_s:.3f} s, {gap_max_ns / 1e9:.3f} s are allowed"
