"""Mistakes about contracts: their margin, what is forced, and orders that are amended."""

from decimal import Decimal
from typing import Any

import msgspec

from nightdesk.desk import (
    accounts,
    amending,
    contracts,
    flatten,
    placing,
    whole,
)
from nightdesk.desk.state import DeskState
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import (
    Intent,
)
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.orders.book import Order, OrderBook
from nightdesk.runtime.gateway import Gateway
from nightdesk.runtime.questions import Questions
from nightdesk.venues.binance_usdm import BinanceUsdm
from simulation.planting import Patch, Plant


def funding_is_counted_as_a_trade(patch: Patch) -> None:
    flowed = DeskState._flowed

    def traded(self: DeskState, record: Any) -> None:
        flowed(self, record)
        for strategy, share in record.shares.items():
            position = self._moved(strategy, record.move.instrument)
            position.qty = money.add(position.qty, share)

    patch.setattr(DeskState, "_flowed", traded)


def the_venue_is_not_told_what_only_reduces(patch: Patch) -> None:
    place = BinanceUsdm.place

    def silent(self: BinanceUsdm, intent: Intent, now: Wall) -> Any:
        return place(self, msgspec.structs.replace(intent, reduce_only=False), now)

    patch.setattr(BinanceUsdm, "place", silent)


def what_a_stop_became_is_a_stranger(patch: Patch) -> None:
    patch.setattr(accounts, "_named", lambda work, report: report.client_id)
    patch.setattr(Questions, "_ask_what_it_became", _nothing)


async def _nothing(*_: Any) -> None:
    """Asks nobody."""


def a_liquidation_is_believed_to_be_nobodys(patch: Patch) -> None:
    patch.setattr(contracts, "forced", lambda *_: None)


def each_contract_has_the_whole_wallet(patch: Patch) -> None:
    def alone(work: Any, instrument: Any) -> Decimal:
        return work.state.funds.balances.get(instrument.paid_in, ZERO)

    patch.setattr(placing, "free_margin", alone)


def margin_is_judged_before_its_order_is_reserved(patch: Patch) -> None:
    def before(work: Any, bound: Any, strategy: Any, instrument: Any, joins: Any) -> Any:
        seen = whole.whole(work, bound, strategy, instrument, joins)
        parts = whole.whole(work, bound, strategy, instrument).parts
        return msgspec.structs.replace(seen, parts=parts)

    patch.setattr(placing, "whole", before)


def the_algo_book_is_not_cancelled(patch: Patch) -> None:
    cancel = flatten.cancel

    def of_the_plain_book(work: Work, order: Order, why: str) -> None:
        contract = work.settings.instruments[order.intent.instrument].contract
        if not (contract and order.intent.type.conditional):
            cancel(work, order, why=why)

    patch.setattr(flatten, "cancel", of_the_plain_book)


def other_terms_without_an_answer_are_taken_as_in_force(patch: Patch) -> None:
    amended = OrderBook.amended

    def believed(self: OrderBook, client_id: Any, number: int, verdict: Any, at: Wall) -> Any:
        done = Verdict.ACKED if verdict is Verdict.UNKNOWN else verdict
        return amended(self, client_id, number, done, at)

    patch.setattr(OrderBook, "amended", believed)


def other_terms_are_counted_from_the_old_quantity(patch: Patch) -> None:
    patch.setattr(Order, "most", property(lambda order: order.intent.qty))
    patch.setattr(amending, "max", lambda most, _: most, raising=False)


def other_terms_are_asked_for_again_without_an_answer(patch: Patch) -> None:
    answered = Gateway._answered

    def again(self: Gateway, order: Any, sent_at: Wall, wire: int, result: Any) -> None:
        new, intent = order.amendment, order.approved.intent
        if new is not None and self._codec.amended(intent, new, result).verdict is Verdict.UNKNOWN:
            request = self._codec.amend(intent, new, self._requester.venue_now())
            if request is not None:
                self._requester.http.exchange(request, timeout_ns=SECOND_NS)
        answered(self, order, sent_at, wire, result)

    patch.setattr(Gateway, "_answered", again)


PLANTS_OF_CONTRACTS: tuple[Plant, ...] = (
    funding_is_counted_as_a_trade,
    the_venue_is_not_told_what_only_reduces,
    what_a_stop_became_is_a_stranger,
    a_liquidation_is_believed_to_be_nobodys,
    each_contract_has_the_whole_wallet,
    margin_is_judged_before_its_order_is_reserved,
    the_algo_book_is_not_cancelled,
    other_terms_without_an_answer_are_taken_as_in_force,
    other_terms_are_counted_from_the_old_quantity,
    other_terms_are_asked_for_again_without_an_answer,
)
