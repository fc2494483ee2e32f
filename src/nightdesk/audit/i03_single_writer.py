"""I3: only the lease's holder places, cancels what protects, or asks for a countdown; no order outlives its
window, and no old epoch comes after a new one.

Judged where it counts, at the venue's accept: a request that a frozen node left on its way must not be taken
once another has begun to add risk in the same instrument. What comes of a conditional order was asked for when
that was. Elsewhere, and to reduce, a new leader need not wait:
what an older epoch left unresolved is counted in full.
"""

from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Ended, Fact, Leased, SentOut, VenueSaid, Written
from nightdesk.audit.invariant import RECORDS, Finding, Heard
from nightdesk.audit.ledger import Ledger, key_of
from nightdesk.audit.venue_log import Entry
from nightdesk.model.ids import OrderKey
from nightdesk.model.order import Origin
from nightdesk.model.records import EpochOpened
from nightdesk.model.time import MS_NS, Wall

LAW = "I3 single writer"
LEASE_SLACK_NS = 10 * MS_NS  # what clocks that drift make of a ttl


class SingleWriter:
    """`margin_ns` is how long before the lease's end its holder must have fallen silent."""

    law = LAW
    needs = "orders of this desk in the venue's log; who held the lease, only a simulation tells"
    hears: frozenset[Heard] = frozenset(
        {"accept", "algo", "amend", SentOut, Leased, Ended, *RECORDS}
    )

    def __init__(self, *, margin_ns: int = 0, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._margin_ns = margin_ns
        self._lease: Leased | None = None
        self._nonces: set[int] = set()
        self._ended: set[str] = set()
        # By desk and instrument: the epoch of the newest that may have added risk, and its id.
        self._newest: dict[tuple[int, str], tuple[int, str]] = {}

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge a send by the lease, an accept by its window and its epoch."""
        self.ledger.hear(fact)
        match fact:
            case Leased():
                return [_finding("", what, fact.at_ns) for what in self._leased(fact)]
            case Ended(node=node):
                self._ended.add(node)
            case Written():
                return [_finding("", what, fact.at_ns) for what in self._appended(fact)]
            case SentOut(what="place" | "amend" | "countdown"):
                return [_finding(fact.client_id, what, fact.at_ns) for what in self._sent(fact)]
            case SentOut(what="cancel"):
                found = self._cancelled(fact)
                return [_finding(fact.client_id, what, fact.at_ns) for what in found]
            case VenueSaid(entry=entry) if entry.accepts or entry.kind == "amend":
                key = key_of(entry.client_order_id or "")
                if key is None or not self.ledger.is_ours(entry.client_order_id):
                    return ()
                self.checked = True
                newer = self._epoch(entry, key) if entry.accepts else ()
                told = [*self._window(entry), *newer]
                return [_finding(entry.client_order_id or "", w, fact.at_ns) for w in told]
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _leased(self, fact: Leased) -> Iterator[str]:
        """A lease moves with a new epoch, and from one that lives not before its time is over."""
        before, self._lease = self._lease, fact
        if before is None or not before.holder or fact.holder in ("", before.holder):
            return
        left_ns = before.until_ns - fact.at_ns
        if fact.epoch <= before.epoch:
            yield f"epoch {fact.epoch} of {before.holder} is renewed by {fact.holder}"
        elif before.holder not in self._ended and left_ns > LEASE_SLACK_NS:
            yield f"{fact.holder} takes the lease of {before.holder}, which lives, {left_ns / 1e6:.3f} ms early"

    def _appended(self, fact: Written) -> Iterator[str]:
        lease, record = self._lease, fact.record
        if isinstance(record, EpochOpened):
            if record.nonce in self._nonces:
                yield f"epoch {fact.epoch} uses the nonce of an earlier one again"
            self._nonces.add(record.nonce)
        if lease is None:
            return
        if fact.epoch != lease.epoch:
            yield f"appended in epoch {fact.epoch} while epoch {lease.epoch} has the lease"
        elif not lease.holder:
            yield f"appended in epoch {fact.epoch} after that gave the lease back"

    def _sent(self, fact: SentOut, did: str = "placed") -> Iterator[str]:
        lease = self._lease
        if lease is None:
            return
        self.checked = True
        if fact.what == "countdown":
            did = f"a countdown of {fact.instrument} asked for"
        if lease.epoch != fact.epoch:
            yield f"{did} in epoch {fact.epoch} while epoch {lease.epoch} has the lease"
        elif not lease.holder:
            yield f"{did} in epoch {fact.epoch} while nobody has the lease"
        elif fact.node and lease.holder != fact.node:
            yield f"{did} by {fact.node} while {lease.holder} has the lease"
        elif fact.at_ns > lease.until_ns - self._margin_ns:
            late_ns = fact.at_ns - lease.until_ns + self._margin_ns
            yield f"{did} {late_ns / 1e6:.3f} ms after the lease had to be given up"

    def _cancelled(self, fact: SentOut) -> Iterator[str]:
        """What adds risk any node may take away that knows of it, as long as no newer one placed it."""
        known, key = self.ledger.known(fact.client_id), key_of(fact.client_id)
        if known is not None and known.intent.origin is Origin.PROTECT:
            yield from self._sent(fact, "a protection cancelled")
        elif key is not None and key.epoch > fact.epoch and key.nonce in self._nonces:
            yield f"cancelled in epoch {fact.epoch}, an order of epoch {key.epoch}"

    def _window(self, entry: Entry) -> Iterator[str]:
        stamp_ns = entry.stamp_ns
        if stamp_ns is None:
            return
        expiry_ns = stamp_ns + entry.window_ns
        arrived_ns = entry.at_ns if entry.arrived_ns is None else entry.arrived_ns
        late_ns = arrived_ns + entry.clock_offset_ns - expiry_ns
        if late_ns > 0:
            yield f"accepted although it arrived {late_ns / 1e6:.3f} ms after its window"
        deadline = self._deadline(entry)
        if deadline is not None and expiry_ns > deadline:
            wide_ms = (expiry_ns - deadline) / 1e6
            yield f"its window ends {wide_ms:.3f} ms after the deadline of its intent"

    def _deadline(self, entry: Entry) -> Wall | None:
        """Until when the journal lets the request count: other terms for an order have their own."""
        known = self.ledger.known(entry.client_order_id)
        if known is None or entry.kind != "amend":
            return None if known is None else known.intent.deadline
        asked = known.asked_for(entry.quantity, entry.price)
        return None if asked is None else asked.deadline

    def _epoch(self, entry: Entry, key: OrderKey) -> Iterator[str]:
        if self._nonces and key.nonce not in self._nonces:
            return  # another journal's life: its epochs count from one again
        where = (key.desk, self.ledger.names.logged(entry.venue, entry.symbol or ""))
        newest, first = self._newest.get(where, (0, ""))
        known = self.ledger.known(entry.client_order_id)
        if key.epoch < newest:
            yield f"accepted in epoch {key.epoch} after {first} of epoch {newest}"
        elif key.epoch > newest and (known is None or not self.ledger.may_reduce(known.intent)):
            self._newest[where] = (key.epoch, entry.client_order_id or "")


def _finding(order: str, what: str, at_ns: int) -> Finding:
    return Finding(law=LAW, order=order, what=what, at_ns=at_ns)
