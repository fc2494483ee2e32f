"""Facts of a world for the invariants, at the moment they become true; the first violation ends the world."""

import re
from collections import deque
from collections.abc import Iterable

import msgspec

from nightdesk.audit.facts import (
    Commanded,
    Ended,
    Fact,
    Healed,
    Kept,
    Leased,
    Published,
    SentOut,
    ToldToWait,
    VenueSaid,
    Written,
)
from nightdesk.audit.gauges import Gauges
from nightdesk.audit.invariant import Finding
from nightdesk.audit.laws import every_invariant
from nightdesk.audit.sometimes import Sometimes
from nightdesk.audit.venue_log import Entry, Sender
from nightdesk.lab.truth import Entry as LabEntry
from nightdesk.lab.truth import Kind
from nightdesk.model import money
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.outcome import Reason
from nightdesk.model.records import AmendAnswered, Answered, Record
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.orders.lifecycle import State
from nightdesk.risk.caps import CAPS
from nightdesk.runtime.venue_clock import ROUND_TRIP_MAX_NS
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.processes import Running
from nightdesk.simulation.trap import How, Moment
from nightdesk.simulation.watching import Watch
from nightdesk.venues.http import HttpRequest

ACCOUNT = "practice"
PRINTS, HEARS, FOLDS = "I11 data hygiene", "I12 responsiveness", "I6 write-ahead"
PRINTS_ASKED_NS = (
    60 * SECOND_NS
)  # while a venue did not tell them, they are asked for ever more rarely
LATE_NS = 15 * SECOND_NS  # the longest that a fault keeps a report back, and what follows it
KEPT_LINES = 400  # of what was said last, for whoever looks into a violation
_WHAT = {"POST": "place", "PUT": "amend", "DELETE": "cancel", "GET": "query"}
_FIELDS = Entry.__struct_fields__  # those of a line of the venue's log that checkers read
_UNHEARD = frozenset({Kind.MARKET})
_ORDERS = frozenset(
    {
        *("/api/v3/order", "/api/v3/order/cancelReplace", "/api/v3/orderList/oco"),
        *("/fapi/v1/order", "/fapi/v1/algoOrder"),
    }
)
_COUNTDOWN = "/fapi/v1/countdownCancelAll"
_SYMBOL = re.compile("(?:^|&)symbol=([^&]*)")
# A desk's own ids need no escapes.
_ID = re.compile("(?:^|&)(?:(new|orig|above|below)ClientOrderId|clientAlgoId)=([^&]*)")


def trap_name(moment: Moment, how: How) -> str:
    """What is counted when a process walks into a trap."""
    what = "freeze" if how is How.FREEZE else "crash"
    return f"{what} at {moment.value.replace('_', ' ')}"


TRAPS = tuple(dict.fromkeys(trap_name(moment, how) for moment in Moment for how in How))
TORN, OPENED, FENCED = "torn tail replayed", "opened from a snapshot", "a fenced node stood down"
REACHED = "limit reached: {}"
ZOMBIE = "a node that was followed after its ttl woke and was fenced"
ENDED_IT = "a standby ended a leader inside the journal's lock"
AGREED = "a standby's state agreed with a snapshot"
SPOOLED, IMPORTED = "order left by the spool", "spooled order found by who leads next"
SPOOL_FAILED = "the spool failed a way out"
# Of why it says that it could lead.
LED = {
    "has ended": "a standby led: the leader had ended",
    "has not renewed": "a standby led: the leader showed no life for its ttl",
    "was handed over": "a standby led: the lease was handed over",
}
_SPOOL_SAYS = {
    "order.spooled": SPOOLED,
    "spool.found": IMPORTED,
    "spool.failed": SPOOL_FAILED,
}
REFUSED = "last step refused: {}"
# In the words of the gateway. Not among them, since other fences are reached before: a deadline that has passed
# never outlives the lease; a market that got too old meanwhile has changed the mode, but for the instants
# between two ticks, which twenty thousand drawn worlds may not hit (a directed world does).
FENCES = (
    "the lease is not held",
    "the venue's time is not known",
    "the mode has changed",
    "the venue said to wait",
)
# Not among them: what is reached by drawn worlds in thousands of seeds or never, such as the same order twice.
LEANT_ON = (
    *("order_qty", "order_notional", "collar", "position", "gross", "order_rate"),
    *(cap.rule for cap in CAPS),
)
ALSO = (
    *(*TRAPS, TORN, OPENED, FENCED),
    *(SPOOLED, IMPORTED, SPOOL_FAILED),
    *(*LED.values(), ZOMBIE, ENDED_IT, AGREED),
    *(REFUSED.format(why) for why in FENCES),
    *(REACHED.format(rule) for rule in LEANT_ON),
)


class Judge(Watch):
    """Every invariant over one world."""

    def __init__(self, *, flat_within_ns: int, resolve_within_ns: int, keep: int = 0) -> None:
        self.findings: list[Finding] = []
        self.struck_kinds: dict[str, list[int]] = {}  # kind -> [times, met by an order in flight]
        self._lines: deque[tuple[float, str, str, tuple[object, ...]]]
        self._lines = deque(maxlen=keep or KEPT_LINES)  # when, who, what with gaps, what fills them
        self._hearing = every_invariant(
            account=ACCOUNT,
            resolve_within_ns=resolve_within_ns,
            flat_within_ns=flat_within_ns,
            lie_ns=LATE_NS,
            clock_slack_ns=ROUND_TRIP_MAX_NS // 2,
            alone=True,
        )
        self.sometimes = Sometimes(also=ALSO, ledger=self._hearing.ledger)
        self.gauges = Gauges(self._hearing.ledger)
        self._prints_asked: dict[tuple[str, str], int] = {}  # by node and instrument
        self._standing: list[tuple[float, list[int]]] = []  # faults that no order has met yet
        self._leads = self._led_before = ""
        self._outlived: set[str] = set()  # who was followed without having ended
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
        self._found(self._hearing.rest(self._now()))

    def checked(self) -> dict[str, bool]:
        """Which laws had anything to judge."""
        return {law.law: law.checked for law in self._hearing.invariants}

    @property
    def lines(self) -> list[str]:
        """What was said last: when, by whom, what."""
        return [
            f"{at:10.6f} {who:<16} {what.format(*gaps)[:300]}"
            for at, who, what, gaps in self._lines
        ]

    def venue(self, entry: LabEntry) -> None:
        """See the base."""
        if entry.kind in _UNHEARD:
            return
        told = {name: value for name in _FIELDS if (value := getattr(entry, name)) is not None}
        if entry.sender is not None:
            told["sender"] = msgspec.convert(entry.sender, Sender, from_attributes=True)
        self._hear(VenueSaid(at_ns=entry.at_ns, entry=Entry(**told)))
        if entry.kind is not Kind.ARRIVAL:
            said = (entry.kind, entry.client_order_id or "", entry.reason or "")
            self._line("venue", "{} {} {}", *said)

    def written(self, node: str, seq: Seq, epoch: Epoch, at: Wall, record: Record) -> None:
        """See the base."""
        self._hear(
            Written(
                at_ns=self._now(), seq=seq, epoch=epoch, record=record, decided_at=at, node=node
            )
        )
        if isinstance(record, Answered | AmendAnswered) and record.reason is Reason.LATCHED:
            self.sometimes.note(REFUSED.format(record.text))
        self._line(node, "journal {}.{} {}", epoch, seq, type(record).__name__)

    def kept(self, node: str, client_id: str) -> None:
        """See the base."""
        self._hear(Kept(at_ns=self._now(), node=node, client_id=client_id))
        self._line(node, "spool {}", client_id)

    def leased(self, node: str, epoch: Epoch, until_ns: int) -> None:
        """See the base."""
        if node and node != self._leads:
            self._led_before, self._leads = self._leads, node
        self._hear(Leased(at_ns=self._now(), epoch=epoch, holder=node, until_ns=until_ns))

    def sent(self, node: str, request: HttpRequest, epoch: Epoch) -> None:
        """See the base."""
        path, _, query = request.target.partition("?")
        named = _ID.findall(request.body.decode() or query)
        ids = [value for which, value in named if which != "orig"] or [value for _, value in named]
        order = path in _ORDERS and bool(ids)
        what = _WHAT.get(request.method, "other") if order else "other"
        of = ""
        if path == _COUNTDOWN:
            what, of = "countdown", _SYMBOL.findall(request.body.decode())[0]
        for weight, client_id in zip((1, 0), ids or [""], strict=False):  # a pair is one request
            sent = SentOut(
                at_ns=self._now(),
                node=node,
                client_id=client_id,
                what=what,  # type: ignore[arg-type]  # one of the five by the table
                epoch=epoch,
                weight=weight,
                venue=_venue(request),
                instrument=of,
            )
            self._hear(sent)
        if what in ("place", "amend"):
            self._overlap()
        if order:
            self._line(node, "sends {} {}", what, " ".join(ids))

    def told_to_wait(self, node: str, request: HttpRequest, seconds: int) -> None:
        """See the base."""
        until_ns, venue = self._now() + seconds * SECOND_NS, _venue(request)
        self._hear(ToldToWait(at_ns=self._now(), node=node, until_ns=until_ns, venue=venue))

    def published(self, running: Running) -> None:
        """See the base."""
        desk = running.node.shell.desk
        state, settings = desk.state, desk.settings
        self._hear(
            Published(
                at_ns=self._now(),
                node=running.name,
                epoch=state.epoch,
                mode=state.ladder.mode(*{DESK, *map(settings.scope_of, settings.venues)}).name,
                trading=running.node.shell.trading,
                positions={i: money.canonical(state.net(i)) for i in settings.instruments},
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
        self._line("operator", "{}", command)

    def healed(self) -> None:
        """See the base."""
        self._hear(Healed(at_ns=self._now()))
        self._standing.clear()
        self._line("world", "the faults are over")

    def begins(self, fault: Fault) -> None:
        """See the base."""
        self._line("fault", "{}", fault.told())

    def struck(self, fault: Fault, *, in_flight: int) -> None:
        """See the base."""
        times = self.struck_kinds.setdefault(fault.kind, [0, 0])
        times[0] += 1
        if in_flight:
            times[1] += 1
        elif fault.for_s:
            self._standing.append((self._time.now() + fault.for_s, times))

    def _overlap(self) -> None:
        """An order is on its way: every fault that stands meets it."""
        for until, times in self._standing:
            times[1] += until >= self._time.now()
        self._standing.clear()

    def died(self, running: Running, how: str) -> None:
        """See the base."""
        self._hear(Ended(at_ns=self._now(), node=running.name))
        self._line("world", "{} dies: {}", running.name, how)

    def torn(self) -> None:
        """See the base."""
        self.sometimes.note(TORN)

    def trapped(self, node: str, moment: Moment, how: How) -> None:
        """See the base."""
        self.sometimes.note(trap_name(moment, how))
        self._line("world", f"{node} walks into a trap: {how} at {moment}")

    def missed(self, node: str, instrument: str, first: int) -> None:
        """See the base: prints that a venue does not tell may be missed, not those that nobody asked for."""
        asked_ns = self._prints_asked.get((node, instrument))
        if asked_ns is None or self._now() - asked_ns > PRINTS_ASKED_NS:
            what = f"{instrument}: prints from {first} on were missed, and nobody asked for them"
            self._found([Finding(law=PRINTS, order="", what=what, at_ns=self._now())])

    def deaf(self, node: str, what: str) -> None:
        """See the base."""
        self._found([Finding(law=HEARS, order="", what=f"{node}: {what}", at_ns=self._now())])

    def say(self, who: str, event: str, fields: dict[str, object]) -> None:
        """See the base."""
        if event == "trades.filled":
            self._prints_asked[who, str(fields["of"])] = self._now()
        if event == "order.refused":
            if fields["rule"] in LEANT_ON:
                self.sometimes.note(REACHED.format(fields["rule"]))
        elif event in _SPOOL_SAYS:
            self.sometimes.note(_SPOOL_SAYS[event])
        elif event == "journal.recovered":
            if fields["from_snapshot"] != "0":
                self.sometimes.note(OPENED)
        elif event == "ended":
            self._ended(who, str(fields["why"]))
        elif event.startswith("standby."):
            self._standby_says(who, event, str(fields["why"]))
        shown = " ".join(f"{k}={v}" for k, v in fields.items() if k != "cid")
        self._line(who, "{} {}", event, shown)

    def _ended(self, who: str, why: str) -> None:
        self._hear(Ended(at_ns=self._now(), node=who))
        if why.startswith("Fenced"):
            self.sometimes.note(FENCED)
            if who in self._outlived:
                self.sometimes.note(ZOMBIE)

    def _standby_says(self, who: str, event: str, why: str) -> None:
        match event:
            case "standby.leads":
                for words, name in LED.items():
                    if words in why:
                        self.sometimes.note(name)
                if "has not renewed" in why:
                    self._outlived.add(self._led_before)
            case "standby.killed":
                self.sometimes.note(ENDED_IT)
            case "standby.agrees":
                self.sometimes.note(AGREED)
            case "standby.differs":  # whoever folds the same journal has the same state
                self._found([Finding(law=FOLDS, order="", what=f"{who}: {why}", at_ns=self._now())])
            case _:
                pass

    def _hear(self, fact: Fact) -> None:
        self.sometimes.hear(fact)
        found = self._hearing.hear(fact)
        self.gauges.hear(fact)
        if found:
            self._found(found)

    def _found(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.findings.append(finding)
            self._line("VIOLATION", "{}: {} {}", finding.law, finding.order, finding.what)

    def _line(self, who: str, what: str, *gaps: object) -> None:
        self._lines.append((self._time.now(), who, what, gaps))

    def _now(self) -> int:
        return self._time.wall()


def _venue(request: HttpRequest) -> str:
    """For whom it is, in the word of the lab's log."""
    return "usdm" if request.target.startswith("/fapi/") else ""
