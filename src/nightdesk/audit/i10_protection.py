"""I10: where a desk is told to protect its positions, none stands without a protective order for long.

Off unless it is given a time: the desk does not place such orders by itself.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from nightdesk.audit.facts import Fact, Published
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.model import money
from nightdesk.model.records import Configured, Reconciled

LAW = "I10 protection"
_HEARS: frozenset[Heard] = frozenset(
    {"accept", "fill", "cancel", "expire", Reconciled, Configured, Published}
)
PROTECTIVE = frozenset(
    {"STOP_LOSS", "STOP_LOSS_LIMIT", "TRAILING_STOP_MARKET", "STOP", "STOP_MARKET"}
)


class Protection:
    """A desk that says it is not NORMAL has said so: it is not held to this meanwhile."""

    law = LAW
    needs = "to be switched on (a time within which a position must be protected), and positions"

    def __init__(self, *, within_ns: int | None = None, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self.hears: frozenset[Heard] = frozenset() if within_ns is None else _HEARS
        self._within_ns = within_ns
        self._bare_since: dict[str, int] = {}
        self._told: set[str] = set()
        self._degraded = False

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge how long each position stands bare."""
        if self._within_ns is None:
            return ()
        told = list(self._judge(fact.at_ns, self._within_ns))
        self.ledger.hear(fact)
        if isinstance(fact, Published):
            self._degraded = fact.mode != "NORMAL"
        self._look(fact.at_ns)
        return told

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Judge once more, with the time that has passed since the last fact."""
        return [] if self._within_ns is None else list(self._judge(at_ns, self._within_ns))

    def _look(self, at_ns: int) -> None:
        held = self.ledger.positions()
        self.checked = self.checked or bool(held)
        bare = {s for s, qty in held.items() if self._is_bare(s, qty) and not self._degraded}
        for symbol in self._bare_since.keys() - bare:
            del self._bare_since[symbol]
            self._told.discard(symbol)
        for symbol in bare:
            self._bare_since.setdefault(symbol, at_ns)

    def _is_bare(self, symbol: str, qty: Decimal) -> bool:
        if self.ledger.dust(symbol, qty):
            return False
        closing = "SELL" if qty > 0 else "BUY"
        covered = money.total(
            order.at_stake
            for order in self.ledger.live.values()
            if order.symbol == symbol and order.side == closing and order.order_type in PROTECTIVE
        )
        return covered < money.magnitude(qty)

    def _judge(self, at_ns: int, within_ns: int) -> Iterator[Finding]:
        for symbol, since_ns in self._bare_since.items():
            if at_ns - since_ns > within_ns and symbol not in self._told:
                self._told.add(symbol)
                what = f"{symbol} unprotected for {(at_ns - since_ns) / 1e9:.1f} s"
                yield Finding(law=LAW, order="", what=what, at_ns=at_ns)
