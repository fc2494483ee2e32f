"""Mistakes in what leaves for a venue: its tries, its budget, its way, and what its answer is taken for."""

import asyncio
from typing import Any

import msgspec

from nightdesk.desk import (
    degrade,
)
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.severity import BEARINGS, Again
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.resilience import budget
from nightdesk.resilience.breaker import State as BreakerState
from nightdesk.resilience.budget import Rank
from nightdesk.runtime import guard
from nightdesk.runtime.gateway import Gateway
from nightdesk.runtime.lanes import LanePool
from nightdesk.runtime.requester import Requester
from nightdesk.venues import binance_errors, binance_spot
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.http import HttpFailure
from simulation.planting import Patch, Plant


def resend_on_timeout(patch: Patch) -> None:
    answered = Gateway._answered

    def again(self: Gateway, order: Any, sent_at: Wall, wire: int, result: Any) -> None:
        intent = order.approved.intent
        if self._codec.placed(intent, result).verdict is Verdict.UNKNOWN:
            request = self._codec.place(intent, self._requester.venue_now())
            if request is not None:
                self._requester.http.exchange(request, timeout_ns=SECOND_NS)
        answered(self, order, sent_at, wire, result)

    patch.setattr(Gateway, "_answered", again)


def an_order_is_tried_again_like_a_question(patch: Patch) -> None:
    answered = Gateway._answered

    def again(self: Gateway, order: Any, sent_at: Wall, wire: int, result: Any) -> None:
        if BEARINGS[self._codec.reason_of(result)].again is Again.SOON:
            self._requester.http.exchange(self._request(order, sent_at), timeout_ns=SECOND_NS)  # type: ignore[arg-type]
        answered(self, order, sent_at, wire, result)

    patch.setattr(Gateway, "_answered", again)


def _on_another_lane(pool: LanePool, request: Any) -> None:
    others = [
        way
        for way in pool.ways
        if pool.lanes.lanes[way.number] is not pool.lanes._writes and way.http.ready()
    ]
    if others:
        others[0].exchange(request, timeout_ns=SECOND_NS)


def an_order_is_hedged_like_a_read(patch: Patch) -> None:
    exchange = LanePool.exchange

    def twice(self: LanePool, request: Any, *, timeout_ns: int) -> Any:
        future = exchange(self, request, timeout_ns=timeout_ns)

        def late() -> None:
            if not future.done():
                _on_another_lane(self, request)

        if request.method == "POST":
            loop = asyncio.get_running_loop()
            loop.call_later(self.lanes.hedge_ns() / SECOND_NS, late)
        return future

    patch.setattr(LanePool, "exchange", twice)


def what_was_written_is_moved_to_another_lane(patch: Patch) -> None:
    exchange = LanePool.exchange

    def moved(self: LanePool, request: Any, *, timeout_ns: int) -> Any:
        future = exchange(self, request, timeout_ns=timeout_ns)

        def failed(done: Any) -> None:
            if isinstance(done.result(), HttpFailure):
                _on_another_lane(self, request)

        if request.method == "POST":
            future.add_done_callback(failed)
        return future

    patch.setattr(LanePool, "exchange", moved)


def a_breaker_closes_the_way_out(patch: Patch) -> None:
    strict = msgspec.structs.replace(guard.ENTRIES, wait_ns=lambda _: 600 * SECOND_NS)
    every = dict.fromkeys(guard.Operation, (strict, BreakerState.CLOSED))
    patch.setattr(guard, "_BREAKERS", every)


def a_timeout_is_a_rejection(patch: Patch) -> None:
    placed = BinanceSpot.placed

    def rejected(self: BinanceSpot, intent: Any, result: Any) -> Any:
        outcome = placed(self, intent, result)
        if outcome.verdict is not Verdict.UNKNOWN:
            return outcome
        return msgspec.structs.replace(outcome, verdict=Verdict.REJECTED)

    patch.setattr(BinanceSpot, "placed", rejected)


def a_code_that_no_table_has_is_a_rejection(patch: Patch) -> None:
    def settled(status: int, code: int, message: str) -> tuple[Verdict, Reason]:
        verdict, reason = meaning_of(status, code, message)
        return (Verdict.REJECTED if reason is Reason.UNMAPPED else verdict), reason

    meaning_of = binance_errors.meaning_of
    patch.setattr(binance_spot, "meaning_of", settled)


def the_wait_of_the_venue_is_not_heeded(patch: Patch) -> None:
    patch.setattr(Requester, "told_to_wait", lambda _: False)
    patch.setattr(degrade, "wait", lambda *_: None)


def the_reserve_for_cancels_is_lent_to_reads(patch: Patch) -> None:
    patch.setattr(budget, "CEILING_PERCENT", dict.fromkeys(Rank, 100))


def the_budget_is_ignored_by_retries(patch: Patch) -> None:
    once, tried = Requester._once, set[Any]()

    async def again(self: Requester, build: Any, cost: Any, latch: Any) -> Any:
        if build not in tried:
            tried.add(build)
            return await once(self, build, cost, latch)
        if not self.http.ready():
            return HttpFailure(written=False, timed_out=False, cause="no connection")
        return await self.http.exchange(build(self.venue_now()), timeout_ns=SECOND_NS)

    patch.setattr(Requester, "_once", again)


PLANTS_OF_REQUESTS: tuple[Plant, ...] = (
    the_wait_of_the_venue_is_not_heeded,
    the_reserve_for_cancels_is_lent_to_reads,
    the_budget_is_ignored_by_retries,
    resend_on_timeout,
    an_order_is_tried_again_like_a_question,
    an_order_is_hedged_like_a_read,
    what_was_written_is_moved_to_another_lane,
    a_breaker_closes_the_way_out,
    a_timeout_is_a_rejection,
    a_code_that_no_table_has_is_a_rejection,
)
