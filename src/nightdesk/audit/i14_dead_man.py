"""I14: where a venue cancels what nobody looks after, a desk that leads and is well keeps its entries, no stop
is put at stake, and no entry is left to itself.

Judged by the venue's own account of its countdowns. That only the lease's holder asks for them is I3.
"""

from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, Leased, Published, SentOut, ToldToWait, VenueSaid, Written
from nightdesk.audit.intents import Known
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import Entry
from nightdesk.model.order import Origin
from nightdesk.model.records import (
    AmendAnswered,
    AmendAsked,
    Answered,
    Executed,
    ForceTraded,
    Intended,
    Reconciled,
    Reported,
    Resolved,
    Spooled,
)
from nightdesk.model.time import MS_NS, SECOND_NS

LAW = "I14 dead man's switch"
KNOWS_NS = (
    5 * SECOND_NS
)  # a stop that stands for so long was intended before any request that arrives now was sent
SILENT_NS = 3 * SECOND_NS  # a desk that tells nothing for so long is not up
# What says whether something rests, and whether it leads in or out.
_TELLS = frozenset(
    {Intended, Spooled, AmendAsked, AmendAnswered, Answered, Reported, Executed, Resolved}
    | {ForceTraded, Reconciled}
)


class DeadMan:
    """A desk is held to its renewals while it has led all along, says that it is NORMAL, was not told to wait,
    and asks the venue lighter questions: then nothing kept it from asking for this. What it stops is judged by
    what it wrote last, where it wrote nothing of orders for a while: then it knew that when it asked."""

    law = LAW
    needs = "a venue's countdowns; that none is forgotten, only a simulation tells"
    hears: frozenset[Heard] = _TELLS | {"countdown", SentOut, Leased, Published, ToldToWait}

    def __init__(self, *, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._lease: Leased | None = None
        self._led_since = 0
        self._well_since: int | None = None
        self._published = 0
        self._quiet_until = 0
        self._written = 0  # when the journal last said something of orders
        self._asked: dict[str, int] = {}  # by symbol, when the venue was asked last
        self._questions: dict[str, int] = {}  # by the log's word for a venue, when any other was
        self._begun: dict[
            tuple[str, str], tuple[int, int]
        ] = {}  # by venue and symbol: when, length

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Judge a countdown that begins by what rests, one that runs out by who led."""
        self.ledger.hear(fact)
        match fact:
            case Leased():
                self._leased(fact)
            case Published():
                self._told(fact)
            case ToldToWait(until_ns=until_ns):
                self._quiet_until = max(self._quiet_until, until_ns)
            case SentOut(what="countdown"):
                self._asked[fact.instrument] = fact.at_ns
            case SentOut(what="query" | "other") if self._lease and fact.node == self._lease.holder:
                self._questions[fact.venue] = fact.at_ns
            case Written(record=record) if type(record) in _TELLS:
                self._written = fact.at_ns
            case VenueSaid(entry=entry) if entry.kind == "countdown":
                self.checked = True
                told = self._said(entry, fact.at_ns)
                return [Finding(law=LAW, order="", what=what, at_ns=fact.at_ns) for what in told]
            case _:
                pass
        return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _leased(self, fact: Leased) -> None:
        before, self._lease = self._lease, fact
        same = before is not None and (before.epoch, before.holder) == (fact.epoch, fact.holder)
        if not (same and before is not None and fact.at_ns <= before.until_ns):
            self._led_since = fact.at_ns

    def _told(self, fact: Published) -> None:
        late = fact.at_ns - self._published > SILENT_NS
        self._published = fact.at_ns
        if late or fact.mode != "NORMAL" or not fact.trading:
            self._well_since = None
        elif self._well_since is None:
            self._well_since = fact.at_ns

    def _said(self, entry: Entry, at_ns: int) -> Iterator[str]:
        key = (entry.venue or "", entry.symbol or "")
        if entry.what == "begun":
            self._begun[key] = (at_ns, (entry.length_ms or 0) * MS_NS)
            yield from self._at_stake(entry, at_ns)
            return
        begun = self._begun.pop(key, None)
        if entry.what == "stopped" and at_ns - self._written > KNOWS_NS:
            yield from self._left_alone(entry)
        if entry.what == "ran out" and begun is not None and self._forgotten(key, *begun, at_ns):
            lasted = f"{(at_ns - begun[0]) / 1e9:.1f} s"
            yield f"{key[1]}: nobody asked for {lasted}, and the desk led and was well"

    def _at_stake(self, entry: Entry, at_ns: int) -> Iterator[str]:
        name = self.ledger.names.logged(entry.venue, entry.symbol or "")
        for order in self.ledger.live.values():
            known = self.ledger.known(order.client_id)
            if order.instrument != name or known is None or known.ended:
                continue
            if (
                known.intent.origin is Origin.PROTECT
                and at_ns - max(order.accepted_ns, known.heard_ns) > KNOWS_NS
            ):
                yield f"{name}: a countdown began over {order.client_id}, which protects a position"

    def _left_alone(self, entry: Entry) -> Iterator[str]:
        name = self.ledger.names.logged(entry.venue, entry.symbol or "")
        resting = [
            order.client_id
            for order in self.ledger.live.values()
            if order.instrument == name and self._is_entry(self.ledger.known(order.client_id))
        ]
        if resting and not any(map(self._may_lead_out, self._open_of(name))):
            yield f"{name}: its countdown was stopped while {', '.join(resting)} rested"

    def _open_of(self, name: str) -> Iterator[Known]:
        """What the journal takes for open or unknown there."""
        for known in self.ledger.intents.known.values():
            if not known.ended and self.ledger.names.of(known.intent.instrument) == name:
                yield known

    def _is_entry(self, known: Known | None) -> bool:
        return known is not None and not known.ended and not self._may_lead_out(known)

    def _may_lead_out(self, known: Known) -> bool:
        intent = known.intent
        if intent.reduce_only or intent.origin in (Origin.PROTECT, Origin.FLATTEN):
            return True
        return self.ledger.books.of(intent.instrument) * intent.side.sign < 0

    def _forgotten(self, key: tuple[str, str], began: int, length_ns: int, at_ns: int) -> bool:
        venue, symbol = key
        due = began + length_ns // 3
        led = self._lease is not None and self._lease.holder and self._lease.until_ns >= at_ns
        well = self._well_since is not None and self._well_since <= due
        return (
            bool(led)
            and self._led_since <= began
            and well
            and at_ns - self._published <= SILENT_NS
            and self._quiet_until <= due
            and self._asked.get(symbol, 0) <= began
            and self._questions.get(venue, 0) > due + length_ns // 3
        )
