"""Bugs to plant: patches that tests apply to the product, each a mistake somebody once made.

Every one must be caught by a law; one that is not means that a fault or a checker is missing.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from nightdesk.desk import placing
from nightdesk.model.money import ZERO
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.orders.book import Order, OrderBook
from nightdesk.runtime.gateway import Gateway
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.simulation.faults import Fault
from nightdesk.venues.binance_spot import BinanceSpot

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def resend_on_timeout(patch: Patch) -> None:
    answered = Gateway._answered

    def again(self: Gateway, intent: Any, sent_at: Wall, wire: int, result: Any) -> None:
        if self._codec.placed(intent, result).verdict is Verdict.UNKNOWN:
            request = self._codec.place(intent, self._requester.venue_now())
            if request is not None:
                self._requester.http.exchange(request, timeout_ns=SECOND_NS)
        answered(self, intent, sent_at, wire, result)

    patch.setattr(Gateway, "_answered", again)


def a_cancels_ack_is_final(patch: Patch) -> None:
    patch.setattr(Order, "settled", property(lambda order: not order.live))


def deltas_are_summed(patch: Patch) -> None:
    reported = OrderBook.reported

    def summed(self: OrderBook, report: Any, at: Wall) -> Any:
        order = self.get(report.client_id)
        if order is not None and report.filled > 0:
            more = msgspec.structs.replace(report, filled=order.filled + report.filled)
            return reported(self, more, at)
        return reported(self, report, at)

    patch.setattr(OrderBook, "reported", summed)


def sent_before_it_is_durable(patch: Patch) -> None:
    submit = JournalWriter.submit

    def early(self: JournalWriter, records: Any, at: Wall, done: Any) -> None:
        submit(self, records, at, None)
        if done is not None:
            done()

    patch.setattr(JournalWriter, "submit", early)


def no_lease_in_the_last_step(patch: Patch) -> None:
    patch.setattr(Gateway, "_latched", lambda *_: "")
    patch.setattr(placing, "_deadline", lambda work: Wall(work.now + 2 * SECOND_NS))


def risk_sees_only_what_is_filled(patch: Patch) -> None:
    view = placing.view

    def blind(*given: Any) -> Any:
        return msgspec.structs.replace(view(*given), buying=ZERO, selling=ZERO)

    patch.setattr(placing, "view", blind)


def a_client_id_is_used_again(patch: Patch) -> None:
    patch.setattr(OrderBook, "get", lambda self, client_id: self.live.get(client_id))
    taken: dict[int, str] = {}
    next_id = placing._next_id

    def again(work: Any) -> Any:
        made = next_id(work)
        slot = work.state.seq // 40
        reused = taken.setdefault(slot, made)
        return made if reused in work.state.orders.live else reused

    patch.setattr(placing, "_next_id", again)


def the_deadline_moves_with_the_signature(patch: Patch) -> None:
    place = BinanceSpot.place

    def later(self: BinanceSpot, intent: Any, now: Wall) -> Any:
        moved = msgspec.structs.replace(intent, deadline=Wall(now + 30 * SECOND_NS))
        return place(self, moved, now)

    patch.setattr(BinanceSpot, "place", later)


LATE_FILLS = [
    Fault(
        kind="venue.fill_after_cancel_ack", at_s=1.0, for_s=95.0, args={"percent": 100, "ms": 1500}
    ),
    Fault(kind="venue.late_report", at_s=1.0, for_s=95.0, args={"percent": 60, "ms": 1400}),
]

# Each with the seed of a world that catches it, the law that is then broken, and the faults where drawn ones
# seldom meet it.
PLANTS: dict[str, tuple[Plant, int, str, list[Fault] | None]] = {
    "resend on timeout": (resend_on_timeout, 1000, "I1 ", None),
    "a cancel's ack is final": (a_cancels_ack_is_final, 1000, "I2 ", LATE_FILLS),
    "deltas are summed": (deltas_are_summed, 1000, "I4 ", None),
    "sent before it is durable": (sent_before_it_is_durable, 1000, "I6 ", None),
    "no lease in the last step": (no_lease_in_the_last_step, 1018, "I3 ", None),
    "risk sees only what is filled": (risk_sees_only_what_is_filled, 1000, "I2 ", None),
    "a client id is used again": (a_client_id_is_used_again, 1000, "I1 ", None),
    "the deadline moves with the signature": (
        the_deadline_moves_with_the_signature,
        1000,
        "I3 ",
        None,
    ),
}
