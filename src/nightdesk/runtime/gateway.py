"""Orders to the wire. The last step is one synchronous piece: check lease, mode, age and deadline, sign, write.

A check before an await is worth nothing, so when no connection is held the step is taken again from its start
once there is one. Nothing here retries: what happened is told to the core, which decides.
"""

from collections.abc import Awaitable, Callable

from nightdesk.desk.desk import Desk
from nightdesk.desk.events import (
    AmendEnded,
    CancelEnded,
    Event,
    SendEnded,
    SendOrder,
)
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.order import Amendment, Intent, Origin
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.resilience.budget import Cost, Rank
from nightdesk.runtime.guard import operation_of
from nightdesk.runtime.lease import Lease
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.venues.http import HttpFailure, HttpRequest, HttpResult
from nightdesk.venues.protocol import VenueCodec

ORDER_TIMEOUT_NS = 5 * SECOND_NS  # past every deadline we give: later nothing new can happen to it
NOT_HELD = "the lease is not held"
HELD_BACK_MAX = 200  # sends waiting for a connection; more means that there is none to be had

Spawn = Callable[[Awaitable[None], str], None]


class Trigger:
    """When the market event behind an order was received, decided and made durable."""

    __slots__ = ("decided", "durable", "received")

    def __init__(self, received: int, decided: int) -> None:
        self.received = received
        self.decided = decided
        self.durable = 0


class Gateway:
    """Sends what is approved and durable; cancels."""

    def __init__(
        self,
        *,
        desk: Desk,
        codec: VenueCodec,
        requester: Requester,
        lease: Lease,
        telemetry: Telemetry,
        spawn: Spawn,
        tell: Callable[[Event], None],
    ) -> None:
        self.in_flight = 0  # requests that left and were not answered
        self.sent = 0
        self._desk = desk
        self._codec = codec
        self._requester = requester
        self.lease = lease
        self._telemetry = telemetry
        self._spawn = spawn
        self._tell = tell
        self._held_back = 0

    def send(self, order: SendOrder, trigger: Trigger) -> None:
        """Send one order (or pair, or an order's other terms), now if a connection is held."""
        if self._requester.http.ready():
            self._last_step(order, trigger)
        elif self._held_back >= HELD_BACK_MAX:
            self._not_sent(order, "too many sends wait for a connection")
        else:
            self._held_back += 1
            self._spawn(self._send_later(order, trigger), "send")

    def cancel(self, intent: Intent) -> None:
        """Cancel one order by its own id; what protects a position, only while the lease is held."""
        self._spawn(self._cancel(intent), "cancel")

    def _last_step(self, order: SendOrder, trigger: Trigger) -> None:
        """Nothing may be awaited between the first check and the write."""
        now = self._requester.mono()
        latched = self._latched(order, now)
        if latched:
            self._not_sent(order, latched)
            return
        sent_at = (
            self._requester.venue_now()
        )  # also the request's stamp: its bytes can be told again
        request = self._request(order, sent_at)
        if request is None:
            self._not_sent(order, "its deadline has passed")
            return
        rank, requester = _rank(order), self._requester
        cost = Cost(rank=rank, spends=request.cost.spends)
        wait_ns = requester.wait_ns(cost)
        if wait_ns:
            self._not_sent(order, "the venue's budget has no room", Reason.THROTTLED, wait_ns)
            return
        future = requester.send(request, cost, ORDER_TIMEOUT_NS)
        if future is None:
            self._not_sent(order, requester.guard.why(operation_of(rank)), Reason.BREAKER)
            return
        wire = self._requester.mono()
        self.sent += 1
        self.in_flight += 1
        self._time(trigger, wire)
        future.add_done_callback(lambda done: self._answered(order, sent_at, wire, done.result()))

    def _request(self, order: SendOrder, now: Wall) -> HttpRequest | None:
        intent = order.approved.intent
        if order.amendment is not None:
            return self._codec.amend(intent, order.amendment, now)
        if order.other is not None:
            return self._codec.place_pair(intent, order.other, now)
        return self._codec.place(intent, now)

    def _latched(self, order: SendOrder, now: Mono) -> str:
        """Why the last step refuses, or nothing."""
        approved, intent = order.approved, order.approved.intent
        if not self.lease.held(now):
            return NOT_HELD
        clock = self._requester.clock
        if not clock.held():
            return "the venue's time is not known"
        if not self.lease.held(now, clock.doubted_at):
            return "the lease was not renewed since the venue's time was in doubt"
        if not self._desk.may_send(approved):
            return "the mode has changed"
        if order.amendment is not None and not self._desk.still_meant(order.amendment):
            return "the order is meant otherwise by now"
        if _rank(order) <= Rank.REDUCE:
            return ""
        if self._requester.told_to_wait():
            return "the venue said to wait"
        seen = self._desk.views.quotes.get(intent.instrument)
        limit = self._desk.settings.limits[intent.instrument].stale_after_ns
        if seen is None or now - seen.received > limit:
            return "the market it was decided on is too old"
        return ""

    async def _send_later(self, order: SendOrder, trigger: Trigger) -> None:
        try:
            cause = await self._requester.hold()
        finally:
            self._held_back -= 1
        if cause:
            failure = HttpFailure(written=False, timed_out=False, cause=cause)
            self._requester.guard.missed(operation_of(_rank(order)), failure)
            self._not_sent(order, cause, Reason.CONNECTION)
            return
        self._last_step(order, trigger)

    def _not_sent(
        self, order: SendOrder, why: str, reason: Reason = Reason.LATCHED, wait_ns: int = 0
    ) -> None:
        self._telemetry.count(f"not_sent.{reason}")
        outcome = Outcome(verdict=Verdict.NOT_SENT, reason=reason, text=why, wait_ns=wait_ns)
        if order.amendment is not None:
            self._amend_ended(order.amendment, outcome, Wall(0))
            return
        self._tell(
            SendEnded(client_id=order.approved.intent.client_id, outcome=outcome, sent_at=Wall(0))
        )
        if order.other is not None:
            self._tell(SendEnded(client_id=order.other.client_id, outcome=outcome, sent_at=Wall(0)))

    def _answered(self, order: SendOrder, sent_at: Wall, wire: int, result: HttpResult) -> None:
        intent, other = order.approved.intent, order.other
        self.in_flight -= 1
        self._telemetry.stages["wire_to_answer"].record(self._requester.mono() - wire)
        if order.amendment is not None:
            amended = self._codec.amended(intent, order.amendment, result)
            self._amend_ended(order.amendment, amended, sent_at)
            return
        if intent.replaces is not None:
            outcome, of_cancel = self._codec.replaced(intent, result)
            self._cancel_ended(intent.replaces, of_cancel)  # first: what still stands is told below
            self._ended(intent, outcome, sent_at)
            return
        if other is None:
            self._ended(intent, self._codec.placed(intent, result), sent_at)
            return
        outcome, of_other = self._codec.placed_pair(intent, other, result)
        self._ended(intent, outcome, sent_at)
        self._ended(other, of_other, sent_at)

    def _amend_ended(self, amendment: Amendment, outcome: Outcome, sent_at: Wall) -> None:
        self._telemetry.count(f"amend.{outcome.verdict}")
        client_id, number = amendment.client_id, amendment.number
        self._tell(AmendEnded(client_id=client_id, number=number, outcome=outcome, sent_at=sent_at))

    def _ended(self, intent: Intent, outcome: Outcome, sent_at: Wall) -> None:
        self._telemetry.count(f"send.{outcome.verdict}")
        self._tell(SendEnded(client_id=intent.client_id, outcome=outcome, sent_at=sent_at))

    async def _cancel(self, intent: Intent) -> None:
        started = self._requester.mono()
        result = await self._requester.request(
            lambda now: self._codec.cancel(intent, now), latch=lambda: self._latches(intent)
        )
        if isinstance(result, HttpFailure) and result.cause == NOT_HELD:
            outcome = Outcome(verdict=Verdict.NOT_SENT, reason=Reason.LATCHED, text=NOT_HELD)
            self._cancel_ended(intent.client_id, outcome)
            return
        self._telemetry.stages["cancel_to_answer"].record(self._requester.mono() - started)
        self._cancel_ended(intent.client_id, self._codec.cancelled(intent, result))

    def _latches(self, intent: Intent) -> str:
        """Why a cancel must not leave, or nothing. Whoever leads by now may need the stop; of what adds risk
        any node may take its own away."""
        protects = intent.origin is Origin.PROTECT
        return NOT_HELD if protects and not self.lease.held(self._requester.mono()) else ""

    def _cancel_ended(self, client_id: ClientOrderId, outcome: Outcome) -> None:
        self._telemetry.count(f"cancel.{outcome.verdict}")
        self._tell(CancelEnded(client_id=client_id, outcome=outcome))

    def _time(self, trigger: Trigger, wire: int) -> None:
        stages = self._telemetry.stages
        stages["decided_to_durable"].record(trigger.durable - trigger.decided)
        stages["durable_to_wire"].record(wire - trigger.durable)
        if trigger.received:
            stages["tick_to_wire"].record(wire - trigger.received)


def _rank(order: SendOrder) -> Rank:
    """What an order is for."""
    approved, intent = order.approved, order.approved.intent
    if intent.origin is Origin.FLATTEN:
        return Rank.FLATTEN
    out = approved.reduces or intent.inputs is None or intent.origin is Origin.PROTECT
    return Rank.REDUCE if out else Rank.ENTRY
