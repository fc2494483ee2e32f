"""Facts of a world for the invariants, at the moment they become true; the first violation ends the world."""

from collections import deque
from urllib.parse import parse_qsl

import msgspec

from nightdesk.audit.facts import (
    Commanded,
    Fact,
    Healed,
    Leased,
    Published,
    SentOut,
    VenueSaid,
    Written,
)
from nightdesk.audit.invariant import Finding
from nightdesk.audit.laws import every_invariant
from nightdesk.audit.sometimes import Sometimes
from nightdesk.audit.venue_log import Entry
from nightdesk.lab.truth import Entry as LabEntry
from nightdesk.lab.truth import Kind
from nightdesk.model import money
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Record
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.orders.lifecycle import State
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.processes import Running
from nightdesk.simulation.trap import How, Moment
from nightdesk.simulation.watching import Watch
from nightdesk.venues.http import HttpRequest

ACCOUNT = "practice"
LATE_NS = 15 * SECOND_NS  # the longest that a fault keeps a report back, and what follows it
KEPT_LINES = 400  # of what was said last, for whoever looks into a violation
_WHAT = {"POST": "place", "DELETE": "cancel", "GET": "query"}
_UNHEARD = frozenset({Kind.MARKET})


def trap_name(moment: Moment, how: How) -> str:
    """What is counted when a process walks into a trap."""
    what = "freeze" if how is How.FREEZE else "crash"
    return f"{what} at {moment.value.replace('_', ' ')}"


TRAPS = tuple(dict.fromkeys(trap_name(moment, how) for moment in Moment for how in How))


class Judge(Watch):
    """Every invariant over one world."""

    def __init__(self, *, flat_within_ns: int, resolve_within_ns: int, keep: int = 0) -> None:
        self.findings: list[Finding] = []
        self.sometimes = Sometimes(also=TRAPS)
        self.struck_kinds: dict[str, list[int]] = {}  # kind -> [times, with an order in flight]
        self.lines: deque[str] = deque(maxlen=keep or KEPT_LINES)
        self._invariants = every_invariant(
            account=ACCOUNT,
            resolve_within_ns=resolve_within_ns,
            flat_within_ns=flat_within_ns,
            lie_ns=LATE_NS,
        )
        self._time: TrueTime

    def begin(self, time: TrueTime) -> None:
        """See the base."""
        self._time = time

    def flat(self) -> bool:
        """See the base."""
        ledger = self.sometimes.ledger
        held = ledger.positions().items()
        return not ledger.live and all(ledger.dust(symbol, qty) for symbol, qty in held)

    def stop(self) -> bool:
        """See the base."""
        return bool(self.findings)

    def rest(self) -> None:
        """The world has ended: what only holds at rest."""
        for invariant in self._invariants:
            self._found(invariant.rest(self._now()))

    def checked(self) -> dict[str, bool]:
        """Which laws had anything to judge."""
        return {invariant.law: invariant.checked for invariant in self._invariants}

    def venue(self, entry: LabEntry) -> None:
        """See the base."""
        if entry.kind in _UNHEARD:
            return
        fields = {k: v for k, v in msgspec.structs.asdict(entry).items() if v is not None}
        told = msgspec.convert(fields, Entry, from_attributes=True, strict=False)
        self._hear(VenueSaid(at_ns=entry.at_ns, entry=told))
        if entry.kind is not Kind.ARRIVAL:
            self._line("venue", f"{entry.kind} {entry.client_order_id or ''} {entry.reason or ''}")

    def written(self, node: str, seq: Seq, epoch: Epoch, at: Wall, record: Record) -> None:
        """See the base."""
        self._hear(
            Written(
                at_ns=self._now(), seq=seq, epoch=epoch, record=record, decided_at=at, node=node
            )
        )
        self._line(node, f"journal {epoch}.{seq} {type(record).__name__}")

    def leased(self, node: str, epoch: Epoch, until_ns: int) -> None:
        """See the base."""
        self._hear(Leased(at_ns=self._now(), epoch=epoch, holder=node, until_ns=until_ns))

    def sent(self, node: str, request: HttpRequest, epoch: Epoch) -> None:
        """See the base."""
        path, _, query = request.target.partition("?")
        fields = dict(parse_qsl(request.body.decode() or query))
        client_id = fields.get("newClientOrderId") or fields.get("origClientOrderId") or ""
        order = path == "/api/v3/order" and client_id
        what = _WHAT.get(request.method, "other") if order else "other"
        self._hear(
            SentOut(at_ns=self._now(), node=node, client_id=client_id, what=what, epoch=epoch)  # type: ignore[arg-type]  # one of the four by the table
        )
        if order:
            self._line(node, f"sends {what} {client_id}")

    def published(self, running: Running) -> None:
        """See the base."""
        desk = running.node.shell.desk
        state = desk.state
        self._hear(
            Published(
                at_ns=self._now(),
                node=running.name,
                epoch=state.epoch,
                mode=state.ladder.mode(DESK).name,
                trading=running.node.shell.trading,
                positions={i: money.canonical(state.net(i)) for i in desk.settings.instruments},
                open_orders=tuple(
                    client_id
                    for client_id, order in state.orders.live.items()
                    if order.state is State.OPEN
                ),
                unknown=sum(1 for _ in state.orders.unknown()),
                balances=dict(state.funds.balances),
                differs=dict(desk.views.difference),
            )
        )

    def commanded(self, command: str) -> None:
        """See the base."""
        self._hear(Commanded(at_ns=self._now(), command=command))
        self._line("operator", command)

    def healed(self) -> None:
        """See the base."""
        self._hear(Healed(at_ns=self._now()))
        self._line("world", "the faults are over")

    def struck(self, fault: Fault, *, in_flight: int) -> None:
        """See the base."""
        times = self.struck_kinds.setdefault(fault.kind, [0, 0])
        times[0] += 1
        times[1] += in_flight > 0
        self._line("fault", fault.told())

    def died(self, running: Running, how: str) -> None:
        """See the base."""
        self._line("world", f"{running.name} dies: {how}")

    def trapped(self, node: str, moment: Moment, how: How) -> None:
        """See the base."""
        self.sometimes.note(trap_name(moment, how))
        self._line("world", f"{node} walks into a trap: {how} at {moment}")

    def say(self, who: str, event: str, fields: dict[str, object]) -> None:
        """See the base."""
        shown = " ".join(f"{k}={v}" for k, v in fields.items() if k != "cid")
        self._line(who, f"{event} {shown}")

    def _hear(self, fact: Fact) -> None:
        self.sometimes.hear(fact)
        for invariant in self._invariants:
            self._found(invariant.hear(fact))

    def _found(self, findings: object) -> None:
        for finding in findings:  # type: ignore[attr-defined]  # a sequence of findings
            self.findings.append(finding)
            self._line("VIOLATION", f"{finding.law}: {finding.order} {finding.what}")

    def _line(self, who: str, what: str) -> None:
        self.lines.append(f"{self._time.now():10.6f} {who:<16} {what[:300]}")

    def _now(self) -> int:
        return self._time.wall()
