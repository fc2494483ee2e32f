"""I4: a desk that says all is well is right about its positions, and once the faults are over about everything.

In between a desk may lag, as long as it does not say NORMAL with nothing unknown for longer than it may.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal

from nightdesk.audit.facts import Fact, Healed, Published, VenueSaid, Written
from nightdesk.audit.i04_attribution import Attribution
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.limits import venue_scope
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.records import EpochOpened, Flowed, ForceTraded, Reconciled
from nightdesk.model.time import SECOND_NS

LAW = "I4 convergence"
LAST_DIGIT = Decimal("1E-8")  # a venue rounds what it books to this


class Convergence:
    """`lag_ns` is how old the venue's position may be that a confident desk tells, and `lie_ns` for how long
    it may tell one that never was: reports of two orders may cross, for a moment. One that was silent for so
    long (its process stood still) told nothing meanwhile. At rest nothing is judged before `recover_within_ns`
    after the faults."""

    law = LAW
    needs = "what nodes published, or what a venue of contracts did by itself"
    hears: frozenset[Heard] = frozenset(
        {
            *("fill", "funding", "transfer", "insurance"),
            *(EpochOpened, Flowed, ForceTraded, Reconciled),
            *(Published, Healed),
        }
    )

    def __init__(
        self,
        *,
        lag_ns: int = 15 * SECOND_NS,
        lie_ns: int = 5 * SECOND_NS,
        recover_within_ns: int = 60 * SECOND_NS,
        ledger: Ledger | None = None,
    ) -> None:
        self.ledger = ledger or Ledger()
        self._published = False
        self._attribution = Attribution(self.ledger)
        self._lag_ns, self._lie_ns, self._recover_ns = lag_ns, lie_ns, recover_within_ns
        self._healed_ns: int | None = None
        self._last: Published | None = None
        self._were: dict[str, deque[tuple[int, Decimal]]] = {}  # positions, since when
        self._wrong_since: dict[tuple[str, str], int] = {}  # (node, instrument)
        self._spoke_ns: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()

    @property
    def checked(self) -> bool:
        """See `Invariant`."""
        return self._published or self._attribution.checked

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge what a node published by what the venue's positions were lately, what it booked by who held
        it."""
        self.ledger.hear(fact)
        match fact:
            case VenueSaid() | Written():
                if isinstance(fact, VenueSaid) or isinstance(fact.record, Reconciled):
                    self._follow(fact.at_ns)
                return [_finding(what, fact.at_ns) for what in self._attribution.hear(fact)]
            case Healed(at_ns=at_ns):
                self._healed_ns = at_ns
            case Published():
                self._published = True
                if self._last is None or fact.epoch >= self._last.epoch:
                    self._last = fact
                return list(self._confident(fact))
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Judge the newest leader's last words by what the venue holds now, and what was booked by its log."""
        told = [_finding(what, then_ns) for then_ns, what in self._attribution.rest()]
        if self._healed_ns is None or at_ns < self._healed_ns + self._recover_ns:
            return told
        said = self._last
        if said is None:
            return told
        if said.at_ns < self._healed_ns:
            return [*told, _finding("nothing was published after the faults were over", at_ns)]
        differ = [*self._positions(said), *self._orders(said), *self._balances(said)]
        return [*told, *(_finding(what, at_ns) for what in differ)]

    def _follow(self, at_ns: int) -> None:
        for name, qty in self.ledger.positions_ever():
            were = self._were.setdefault(name, deque([(0, ZERO)]))
            if were[-1][1] != qty:
                were.append((at_ns, qty))
            while len(were) > 1 and were[1][0] < at_ns - self._lag_ns:
                were.popleft()

    def _confident(self, said: Published) -> Iterator[Finding]:
        sure = said.mode == "NORMAL" and said.trading and not said.unknown
        if said.at_ns - self._spoke_ns.get(said.node, said.at_ns) > self._lie_ns:
            for key in [key for key in self._wrong_since if key[0] == said.node]:
                del self._wrong_since[key]
        self._spoke_ns[said.node] = said.at_ns
        told = self._told_of(said)
        for name in sorted(told.keys() | self._were.keys()):
            key, qty = (said.node, name), told.get(name, ZERO)
            if not sure or self._doubted(name) or self._was(name, qty, said.at_ns):
                self._wrong_since.pop(key, None)
                self._told.discard(key)
                continue
            since_ns = self._wrong_since.setdefault(key, said.at_ns)
            if said.at_ns - since_ns > self._lie_ns and key not in self._told:
                self._told.add(key)
                really = self.ledger.position(name)
                what = f"{said.node or 'a node'} says {name} {qty} in NORMAL for "
                what += f"{(said.at_ns - since_ns) / 1e9:.1f} s, the venue has {really}"
                yield _finding(what, said.at_ns)

    def _told_of(self, said: Published) -> dict[str, Decimal]:
        return {self.ledger.names.of(each): qty for each, qty in said.positions.items()}

    def _doubted(self, name: str) -> bool:
        """Whether the desk says itself that something is wrong at the venue of an instrument."""
        rules = self.ledger.instruments.get(name)
        return rules is not None and bool(self.ledger.causes.get(venue_scope(rules.id)))

    def _was(self, name: str, qty: Decimal, at_ns: int) -> bool:
        """Whether the venue's position was this at some moment of the last `lag_ns`."""
        allowed = self.ledger.unknown_fees(name)
        were = self._were.get(name, ((0, ZERO),))
        for since_ns, position in reversed(were):
            if money.magnitude(money.subtract(position, qty)) <= allowed:
                return True
            if since_ns < at_ns - self._lag_ns:
                break
        return False

    def _positions(self, said: Published) -> Iterator[str]:
        told, ours = self._told_of(said), self.ledger.positions()
        for name in sorted(told.keys() | ours.keys()):
            qty, really = told.get(name, ZERO), ours.get(name, ZERO)
            if qty != really and not self._forced_lately(name, said.at_ns):
                yield f"{name}: {qty} published, {really} at the venue"

    def _forced_lately(self, name: str, at_ns: int) -> bool:
        """Whether the venue traded a contract by itself so lately that a desk may not have asked since."""
        rules = self.ledger.instruments.get(name)
        return rules is not None and rules.contract and self._strange(rules.held_as, at_ns)

    def _strange(self, asset: str, at_ns: int) -> bool:
        """What others did with the account is learned by comparing, now and then."""
        moved_ns = self.ledger.accounts.strange_ns.get(asset)
        return moved_ns is not None and at_ns - moved_ns < self._lag_ns

    def _orders(self, said: Published) -> Iterator[str]:
        told, really = set(said.open_orders), {o.client_id for o in self.ledger.live.values()}
        for client_id in sorted(told - really):
            yield f"order {client_id} is published as open and not open at the venue"
        for client_id in sorted(really - told):
            yield f"order {client_id} is open at the venue and not published"

    def _balances(self, said: Published) -> Iterator[str]:
        really = self.ledger.accounts.balances()
        if really is None:
            return
        for asset, balance in sorted(said.balances.items()):
            if self._strange(asset, said.at_ns):
                continue
            amount = money.add(balance, said.differs.get(asset, ZERO))
            if money.magnitude(money.subtract(amount, really.get(asset, ZERO))) > LAST_DIGIT:
                yield f"{asset}: {amount} published, {really.get(asset, ZERO)} at the venue"


def _finding(what: str, at_ns: int) -> Finding:
    return Finding(law=LAW, order="", what=what, at_ns=at_ns)
