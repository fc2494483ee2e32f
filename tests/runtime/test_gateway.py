"""The last step before the wire, from start to write in one piece; nothing is ever sent twice."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from benches import Bench, sent
from builders import BTCUSDT, NOW, an_id, tell_time
from nightdesk.desk.events import (
    AmendEnded,
    CancelAll,
    CancelEnded,
    Event,
    Pause,
    SendEnded,
    SendOrder,
)
from nightdesk.model.ids import Epoch, VenueId
from nightdesk.model.order import Amendment, Intent, OrderType, Origin, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono, Wall
from nightdesk.ports.venue import ConnectFailed
from nightdesk.resilience.budget import Cost, Rank
from nightdesk.risk.gate import Approved
from nightdesk.runtime import gateway as gateway_module
from nightdesk.runtime.gateway import Gateway, Trigger
from nightdesk.runtime.guard import ENTRIES, Operation
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.simulation.loop import run
from nightdesk.strategy.messages import Place
from nightdesk.venues.binance_costs import SPOT_LIMITS
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.binance_usdm import BinanceUsdm
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult


class Hand:
    """Clock, lease and pool, all in the test's hands."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.until = Mono(bench.mono + 2 * SECOND_NS)
        self.renewed_at = bench.mono
        self.epoch = 1
        self.connected = True
        self.gate = asyncio.Event()
        self.fails = ""
        self.requests: list[HttpRequest] = []
        self.answers: list[asyncio.Future[HttpResult]] = []

    def mono(self) -> Mono:
        return self.bench.mono

    def wall(self) -> Wall:
        return self.bench.wall

    def held(self, now: Mono, since: Mono = LONG_AGO) -> bool:
        return now < self.until and self.renewed_at >= since

    def ready(self) -> bool:
        return self.connected

    async def hold(self) -> None:
        await self.gate.wait()
        if self.fails:
            raise ConnectFailed(self.fails)
        self.connected = True

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        self.requests.append(request)
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


class Rig:
    """A gateway, what it was told, and one approved order."""

    def __init__(self) -> None:
        self.bench = Bench().ready()
        self.hand: Any = Hand(self.bench)
        self.told: list[Event] = []
        self.tasks: list[asyncio.Task[None]] = []
        signer = HmacSigner("k", "s")
        self.requester = Requester(self.hand, self.hand, limits=SPOT_LIMITS)
        tell_time(self.requester.clock)
        self.gateway = Gateway(
            desk=self.bench.desk,
            codec=BinanceSpot(VenueId("binance"), signer, {"BTCUSDT": BTCUSDT}),
            requester=self.requester,
            lease=self.hand,
            telemetry=Telemetry(),
            spawn=self._spawn,
            tell=self.told.append,
        )

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=name))  # type: ignore[arg-type]

    def approved(self, side: Side = Side.BUY, qty: str = "1", price: str = "100") -> Approved:
        wish = Place(
            ref="w",
            instrument=BTCUSDT,
            side=side,
            type=OrderType.LIMIT,
            qty=Decimal(qty),
            price=Decimal(price),
        )
        decision = self.bench.propose(wish)
        (effect, _) = decision.after
        assert isinstance(effect, SendOrder)
        assert sent(decision)
        return effect.approved

    def send(self, approved: Approved) -> None:
        self.gateway.send(SendOrder(approved=approved), Trigger(0, self.bench.mono))

    def outcome(self) -> tuple[Verdict, Reason, str]:
        (event,) = self.told
        assert isinstance(event, SendEnded)
        return event.outcome.verdict, event.outcome.reason, event.outcome.text


def rigged(body: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = Rig()
        await body(rig)
        for task in rig.tasks:
            await task

    run(main)


def test_an_approved_order_leaves_before_send_returns() -> None:
    async def body(rig: Rig) -> None:
        rig.send(rig.approved())
        (request,) = rig.hand.requests
        assert (request.method, request.target) == ("POST", "/api/v3/order")
        assert rig.told == []

    rigged(body)


def lose_lease(rig: Rig) -> None:
    rig.hand.until = Mono(0)


def lease_ends_now(rig: Rig) -> None:
    rig.hand.until = rig.bench.mono


def pause(rig: Rig) -> None:
    rig.bench.decide(Pause(reason="p", by="me"))


def goes_stale(rig: Rig) -> None:
    rig.hand.until = Mono(10**18)
    rig.bench.mono = Mono(rig.bench.mono + 2 * SECOND_NS + 1)
    tell_time(rig.requester.clock)


def passes_deadline(rig: Rig) -> None:
    rig.bench.wall = Wall(rig.bench.wall + 2 * SECOND_NS)
    tell_time(rig.requester.clock)  # as if it were the venue's time


def clock_steps(rig: Rig) -> None:
    rig.bench.wall = Wall(rig.bench.wall + 260 * MS_NS)


def venue_doubts(rig: Rig) -> None:
    rig.requester.clock.doubt()


def venue_told_again(rig: Rig) -> None:
    """Its time is known again; the lease is still the one from before."""
    rig.bench.wait(MS_NS)
    rig.requester.clock.doubt()
    tell_time(rig.requester.clock)


def told_to_wait(rig: Rig) -> None:
    """On any answer: it need not be an order's."""
    headers = {"retry-after": "3"}
    rig.requester.heed(HttpAnswer(status=429, headers=headers, body=b"", complete=True))


REFUSALS = [
    (lose_lease, "lease"),
    (lease_ends_now, "lease"),
    (pause, "mode"),
    (goes_stale, "too old"),
    (passes_deadline, "deadline"),
    (clock_steps, "time is not known"),
    (venue_doubts, "time is not known"),
    (venue_told_again, "not renewed since"),
    (told_to_wait, "said to wait"),
]


@pytest.mark.parametrize(("change", "why"), REFUSALS)
@pytest.mark.parametrize("waiting", [False, True], ids=["at once", "while waiting"])
def test_the_last_step_refuses_what_changed_since_the_decision(
    change: Callable[[Rig], None], why: str, waiting: bool
) -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        if waiting:  # no connection: the step is taken again from its start once there is one
            rig.hand.connected = False
            rig.send(approved)
            await asyncio.sleep(0.01)
            change(rig)
            rig.hand.gate.set()
            await asyncio.sleep(0.01)
        else:
            change(rig)
            rig.send(approved)
        assert rig.hand.requests == []
        verdict, reason, text = rig.outcome()
        assert (verdict, reason) == (Verdict.NOT_SENT, Reason.LATCHED)
        assert why in text

    rigged(body)


def fails(rig: Rig) -> None:
    """The venue, five orders in a row."""
    lost = HttpFailure(written=False, timed_out=False, cause="reset")
    for _ in range(ENTRIES.in_a_row_max):
        rig.requester.guard.missed(Operation.ENTRY, lost)


def test_new_risk_is_held_back_from_a_venue_that_fails_and_says_so() -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        fails(rig)
        rig.send(approved)
        assert rig.hand.requests == []
        verdict, reason, text = rig.outcome()
        assert (verdict, reason) == (Verdict.NOT_SENT, Reason.BREAKER)
        assert "5 failed in a row" in text

    rigged(body)


def spend(rig: Rig, orders: int) -> None:
    cost = Cost(rank=Rank.FLATTEN, spends=(("orders", orders),))
    spent = rig.requester.budget.spend(cost, rig.bench.mono)
    rig.requester.budget.settle(spent, rig.bench.mono, {})


def test_an_entry_without_room_is_not_sent_and_says_how_long_there_is_none() -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        spend(rig, 90)
        rig.send(approved)
        assert rig.hand.requests == []
        (event,) = rig.told
        assert isinstance(event, SendEnded)
        assert event.outcome.reason is Reason.THROTTLED
        assert 10 * SECOND_NS <= event.outcome.wait_ns < 11 * SECOND_NS

    rigged(body)


def test_what_leads_out_is_never_held_back() -> None:
    async def body(rig: Rig) -> None:
        rig.bench.buy("1")
        fails(rig)
        for _ in range(10):
            rig.requester.guard.missed(
                Operation.EXIT, HttpFailure(written=False, timed_out=False, cause="reset")
            )
        approved = rig.approved(Side.SELL)
        rig.send(approved)
        rig.gateway.cancel(approved.intent)
        await asyncio.sleep(0)
        assert [request.method for request in rig.hand.requests] == ["POST", "DELETE"]
        for answer in rig.hand.answers:
            answer.set_result(HttpFailure(written=True, timed_out=True, cause="c"))

    rigged(body)


def test_what_reduces_has_room_where_an_entry_has_none() -> None:
    async def body(rig: Rig) -> None:
        approved = msgspec.structs.replace(rig.approved(), reduces=True)
        spend(rig, 90)
        rig.send(approved)
        assert len(rig.hand.requests) == 1

    rigged(body)


def test_what_becomes_of_an_order_is_heard_by_its_breaker() -> None:
    async def body(rig: Rig) -> None:
        rig.send(rig.approved())
        rig.hand.answers[0].set_result(HttpFailure(written=True, timed_out=True, cause="c"))
        await asyncio.sleep(0)
        rig.hand.connected = False
        rig.send(rig.approved(price="99"))
        await asyncio.sleep(3)
        assert rig.requester.guard.standing(Operation.ENTRY).tally == (2, 2, 0)

    rigged(body)


def test_a_cancel_leaves_whatever_is_used() -> None:
    async def body(rig: Rig) -> None:
        intent = rig.bench.open_order()
        cost = Cost(rank=Rank.FLATTEN, spends=(("weight", 6_000),))
        rig.requester.budget.spend(cost, rig.bench.mono)
        rig.gateway.cancel(intent)
        await asyncio.sleep(0.01)
        assert [request.method for request in rig.hand.requests] == ["DELETE"]
        rig.hand.answers[0].set_result(HttpFailure(written=True, timed_out=True, cause="c"))

    rigged(body)


def protective(rig: Rig) -> Intent:
    """One that the desk need not know: the gateway is told to cancel it."""
    open_order = rig.bench.open_order()
    return msgspec.structs.replace(open_order, origin=Origin.PROTECT, client_id=an_id(99))


@pytest.mark.parametrize("waiting", [False, True], ids=["at once", "while waiting"])
def test_without_the_lease_what_protects_is_not_cancelled_and_what_adds_risk_is(
    waiting: bool,
) -> None:
    async def body(rig: Rig) -> None:
        stop = protective(rig)
        (entry,) = [order.intent for order in rig.bench.desk.state.orders.live.values()]
        rig.hand.connected = not waiting
        if not waiting:
            lose_lease(rig)
        for intent in (entry, stop):
            rig.gateway.cancel(intent)
        await asyncio.sleep(0.01)
        if waiting:
            lose_lease(rig)
            rig.hand.gate.set()
            await asyncio.sleep(0.01)
        (request,) = rig.hand.requests
        assert entry.client_id in request.target + request.body.decode()
        (ended,) = rig.told
        assert isinstance(ended, CancelEnded)
        assert ended.client_id == stop.client_id
        assert (ended.outcome.verdict, ended.outcome.reason) == (Verdict.NOT_SENT, Reason.LATCHED)
        rig.hand.answers[0].set_result(HttpFailure(written=True, timed_out=True, cause="c"))

    rigged(body)


def test_with_the_lease_what_protects_may_be_cancelled() -> None:
    async def body(rig: Rig) -> None:
        rig.gateway.cancel(protective(rig))
        await asyncio.sleep(0.01)
        assert [request.method for request in rig.hand.requests] == ["DELETE"]
        rig.hand.answers[0].set_result(HttpFailure(written=True, timed_out=True, cause="c"))

    rigged(body)


def test_a_cancel_tried_again_without_the_lease_is_as_unknown_as_its_first_try() -> None:
    async def body(rig: Rig) -> None:
        rig.gateway.cancel(protective(rig))
        await asyncio.sleep(0.01)
        lose_lease(rig)
        rig.hand.answers[0].set_result(
            HttpAnswer(status=503, headers={}, body=b"{}", complete=True)
        )
        await asyncio.sleep(5)
        assert len(rig.hand.requests) == 1
        (ended,) = rig.told
        assert isinstance(ended, CancelEnded)
        assert ended.outcome.verdict is Verdict.UNKNOWN

    rigged(body)


def test_a_lease_renewed_after_the_doubt_lets_orders_pass() -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        venue_told_again(rig)
        rig.hand.renewed_at = rig.bench.mono
        rig.send(approved)
        assert len(rig.hand.requests) == 1

    rigged(body)


def test_a_reduction_leaves_with_a_stale_market_and_under_pause() -> None:
    async def body(rig: Rig) -> None:
        rig.bench.buy("1")
        approved = rig.approved(Side.SELL)
        assert approved.reduces
        pause(rig)
        told_to_wait(rig)
        goes_stale(rig)
        rig.send(approved)
        assert len(rig.hand.requests) == 1

    rigged(body)


def test_without_a_connection_it_is_not_sent_and_says_why() -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        rig.hand.connected = False
        rig.hand.fails = "api.example:443: refused"
        rig.hand.gate.set()
        rig.send(approved)
        await asyncio.sleep(0.01)
        assert rig.outcome() == (Verdict.NOT_SENT, Reason.CONNECTION, "api.example:443: refused")
        assert rig.hand.requests == []

    rigged(body)


def test_a_wait_for_a_connection_has_an_end() -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        rig.hand.connected = False
        rig.send(approved)
        await asyncio.sleep(3)
        assert rig.outcome()[:2] == (Verdict.NOT_SENT, Reason.CONNECTION)
        rig.hand.connected = True
        rig.hand.gate.set()
        await asyncio.sleep(60)
        assert rig.hand.requests == []

    rigged(body)


def test_too_many_waiting_sends_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "HELD_BACK_MAX", 2)

    async def body(rig: Rig) -> None:
        rig.hand.connected = False
        for n in range(3):
            rig.send(rig.approved(price=str(97 + n)))
        assert "too many" in rig.outcome()[2]
        await asyncio.sleep(3)

    rigged(body)


@pytest.mark.parametrize("timed_out", [True, False])
def test_an_answer_that_never_came_is_unknown_and_nothing_is_sent_again(timed_out: bool) -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        rig.send(approved)
        assert rig.gateway.in_flight == 1
        rig.hand.answers[0].set_result(HttpFailure(written=True, timed_out=timed_out, cause="c"))
        await asyncio.sleep(120)
        assert rig.outcome()[0] is Verdict.UNKNOWN
        assert len(rig.hand.requests) == 1
        assert rig.gateway.in_flight == 0

    rigged(body)


def test_the_deadline_on_the_wire_does_not_move_with_the_wait() -> None:
    async def body(rig: Rig) -> None:
        approved = rig.approved()
        rig.bench.wait(1_500_000_000)
        rig.send(approved)
        fields = dict(f.split("=") for f in rig.hand.requests[0].body.decode().split("&"))
        ends_ms = int(fields["timestamp"]) + int(fields["recvWindow"])
        assert ends_ms == approved.intent.deadline // 1_000_000
        assert fields["newClientOrderId"] == approved.intent.client_id
        assert approved.intent.deadline > NOW

    rigged(body)


def replacing(rig: Rig) -> Approved:
    """One that takes the place of an order that rests."""
    old, new = rig.bench.open_order(), rig.approved(price="99")
    intent = msgspec.structs.replace(new.intent, replaces=old.client_id)
    return msgspec.structs.replace(new, intent=intent)


def test_one_request_for_two_tells_of_the_old_order_and_of_the_new_one() -> None:
    async def body(rig: Rig) -> None:
        approved = replacing(rig)
        rig.send(approved)
        (request,) = rig.hand.requests
        assert request.target == "/api/v3/order/cancelReplace"
        rig.hand.answers[0].set_result(HttpFailure(written=True, timed_out=True, cause="c"))
        await asyncio.sleep(120)
        cancel, send = rig.told
        assert isinstance(cancel, CancelEnded)
        assert isinstance(send, SendEnded)
        assert cancel.client_id == approved.intent.replaces
        assert send.client_id == approved.intent.client_id
        assert cancel.outcome.verdict is send.outcome.verdict is Verdict.UNKNOWN
        assert len(rig.hand.requests) == 1

    rigged(body)


def amending(rig: Rig) -> tuple[SendOrder, Amendment]:
    """Other terms for an order that rests, at a venue that gives them."""
    rig.gateway._codec = BinanceUsdm(VenueId("binance"), HmacSigner("k", "s"), {"BTCUSDT": BTCUSDT})
    approved = rig.approved()
    rig.bench.ack(approved.intent)
    new = Amendment(
        client_id=approved.intent.client_id,
        number=3,
        qty=Decimal(2),
        price=Decimal(99),
        deadline=approved.intent.deadline,
    )
    rig.bench.state.orders.amend(new, Epoch(1), rig.bench.wall)
    return SendOrder(approved=approved, amendment=new), new


def test_other_terms_leave_once_and_what_became_of_them_is_told() -> None:
    async def body(rig: Rig) -> None:
        effect, new = amending(rig)
        rig.gateway.send(effect, Trigger(0, rig.bench.mono))
        (request,) = rig.hand.requests
        assert (request.method, request.target) == ("PUT", "/fapi/v1/order")
        rig.hand.answers[0].set_result(HttpFailure(written=True, timed_out=True, cause="c"))
        await asyncio.sleep(120)
        (event,) = rig.told
        assert isinstance(event, AmendEnded)
        assert (event.client_id, event.number) == (new.client_id, 3)
        assert event.outcome.verdict is Verdict.UNKNOWN
        assert event.sent_at > 0
        assert len(rig.hand.requests) == 1

    rigged(body)


@pytest.mark.parametrize("why", ["lease", "deadline", "connection", "cancel", "others", "end"])
def test_other_terms_that_do_not_leave_are_told_so(why: str) -> None:
    async def body(rig: Rig) -> None:
        effect, new = amending(rig)
        match why:
            case "lease":
                lose_lease(rig)
            case "deadline":
                passes_deadline(rig)
            case "cancel":
                rig.bench.decide(CancelAll(by="me"))
            case "others":
                newer = msgspec.structs.replace(new, number=new.number + 1)
                rig.bench.state.orders.amend(newer, Epoch(1), rig.bench.wall)
            case "end":
                rig.bench.told(rig.bench.report(effect.approved.intent, VenueStatus.CANCELLED))
            case _:
                rig.hand.connected, rig.hand.fails = False, "refused"
                rig.hand.gate.set()
        rig.gateway.send(effect, Trigger(0, rig.bench.mono))
        await asyncio.sleep(10)
        (event,) = rig.told
        assert isinstance(event, AmendEnded)
        assert (event.number, event.sent_at) == (new.number, 0)
        assert event.outcome.verdict is Verdict.NOT_SENT
        assert rig.hand.requests == []

    rigged(body)


def test_what_does_not_leave_ends_nothing() -> None:
    async def body(rig: Rig) -> None:
        approved = replacing(rig)
        lose_lease(rig)
        rig.send(approved)
        assert rig.hand.requests == []
        assert rig.outcome()[0] is Verdict.NOT_SENT

    rigged(body)
