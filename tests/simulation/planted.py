"""Bugs to plant: patches that tests apply to the product, each a mistake somebody once made.

Every one must be caught by a law; one that is not means that a fault or a checker is missing.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from nightdesk.desk import (
    accounts,
    placing,
    protect,
    set_limits,
    targets,
    watch,
    whole,
)
from nightdesk.desk.desk import Desk
from nightdesk.desk.image import decode_state
from nightdesk.desk.state import DeskState
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import (
    Intent,
    OrderReport,
    Origin,
    ReportSource,
    VenueStatus,
)
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import Ladder
from nightdesk.node import node
from nightdesk.node.recovery import recover
from nightdesk.orders.book import Order, OrderBook
from nightdesk.orders.lifecycle import State
from nightdesk.reconcile.resolve import SETTLE_NS, Belief
from nightdesk.risk import caps, gate
from nightdesk.runtime.gateway import Gateway
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.simulation.campaign import SeedOptions
from nightdesk.simulation.scenario import Scenario, read_scenario
from nightdesk.venues import binance_replace, binance_spot
from nightdesk.venues.binance_spot import BinanceSpot
from simulation.planted_contracts import PLANTS_OF_CONTRACTS
from simulation.planted_dead_man import PLANTS_OF_DEAD_MAN
from simulation.planted_leadership import PLANTS_OF_LEADERSHIP
from simulation.planted_requests import PLANTS_OF_REQUESTS
from simulation.planted_streams import PLANTS_OF_STREAMS
from simulation.planting import Patch, Plant


def a_cancels_ack_is_final(patch: Patch) -> None:
    patch.setattr(Order, "settled", property(lambda order: not order.live))


def a_cancel_is_confirmed_by_an_answer_that_lags(patch: Patch) -> None:
    def early(ended_at: Wall, _: int) -> Wall:
        return Wall(ended_at + SETTLE_NS)

    patch.setattr(watch, "final_from", early)
    patch.setattr(accounts, "final_from", early)


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
    patch.setattr(placing, "ends_by", lambda work: Wall(work.now + 10 * SECOND_NS))


def risk_sees_only_what_is_filled(patch: Patch) -> None:
    view = placing.view

    def blind(*given: Any) -> Any:
        return msgspec.structs.replace(view(*given), buying=ZERO, selling=ZERO)

    patch.setattr(placing, "view", blind)


def a_client_id_is_used_again(patch: Patch) -> None:
    patch.setattr(OrderBook, "get", lambda self, client_id: self.live.get(client_id))
    taken: dict[int, str] = {}
    next_id = placing._next_id

    def again(work: Any, ahead: int = 0) -> Any:
        made = next_id(work, ahead)
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


def not_found_is_never_accepted(patch: Patch) -> None:
    patch.setattr(watch, "weigh", lambda asked, **_: (asked, Belief.ABSENT))


def an_absence_is_believed_before_the_deadline(patch: Patch) -> None:
    for module in (watch, accounts):
        patch.setattr(module, "grace_ends", lambda deadline, read_lag_ns: Wall(0))


def the_unknown_is_not_exposed(patch: Patch) -> None:
    at_stake = Order.at_stake.fget
    assert at_stake is not None
    patch.setattr(
        Order,
        "at_stake",
        property(lambda order: ZERO if order.state is State.UNKNOWN else at_stake(order)),
    )


def a_restart_lifts_a_halt(patch: Patch) -> None:
    async def forgetful(*given: Any, **named: Any) -> Any:
        recovered = await recover(*given, **named)
        recovered.state.ladder = Ladder()
        return recovered

    patch.setattr(node, "recover", forgetful)


def a_snapshot_is_read_without_its_tail(patch: Patch) -> None:
    async def headless(engine: Any, now: Wall, **named: Any) -> Any:
        recovered = await recover(engine, now, **named)
        if recovered.snapshot_seq:
            stored = await engine.stored()
            (body,) = [s.body for s, _ in stored.snapshots if s.seq == recovered.snapshot_seq]
            state = decode_state(body, now)
            state.seq, state.epoch = recovered.state.seq, recovered.state.epoch
            return msgspec.structs.replace(recovered, state=state)
        return recovered

    patch.setattr(node, "recover", headless)


def all_instruments_together_are_not_weighed(patch: Patch) -> None:
    patch.setattr(gate, "_ALL", tuple(rule for rule in gate._ALL if rule[0] != "gross"))


def a_limit_is_checked_before_its_order_is_reserved(patch: Patch) -> None:
    def before(work: Any, bound: Any, strategy: Any, instrument: Any, joins: Any) -> Any:
        return whole.whole(work, bound, strategy, instrument)

    patch.setattr(placing, "whole", before)


def what_is_open_on_both_sides_nets_out(patch: Patch) -> None:
    def netted(seen: Any) -> Decimal:
        return money.magnitude(
            money.total(
                money.notional(part.ask or ZERO, money.subtract(part.most, part.selling))
                for part in seen.parts.values()
            )
        )

    blind = tuple(cap._replace(measure=netted) if cap.rule == "net" else cap for cap in caps.CAPS)
    patch.setattr(caps, "CAPS", blind)


def another_strategy_nets_a_limit_away(patch: Patch) -> None:
    own_part = whole._own_part

    def netted(work: Any, strategy: Any, instrument: Any, joins: Any) -> Any:
        parts = [own_part(work, each, instrument, None) for each in work.settings.strategies]
        mine = own_part(work, strategy, instrument, joins)
        return msgspec.structs.replace(mine, position=money.total(part.position for part in parts))

    patch.setattr(whole, "_own_part", netted)


def a_limit_is_loosened_without_a_reason(patch: Patch) -> None:
    patch.setattr(set_limits, "looser", lambda *_: False)


def a_start_forgets_what_was_lost(patch: Patch) -> None:
    opened = Desk.open

    def forgiving(self: Desk, records: Any, moment: Any) -> Any:
        self.state.marks.clear()
        self.state.exits.clear()
        return opened(self, records, moment)

    patch.setattr(Desk, "open", forgiving)


def any_price_is_a_good_price(patch: Patch) -> None:
    patch.setattr(gate, "_ALL", tuple(rule for rule in gate._ALL if rule[0] != "collar"))


def a_stale_market_is_good_enough(patch: Patch) -> None:
    fresh = tuple((name, rule) for name, rule in gate._ALL if name != "stale")
    patch.setattr(gate, "_ALL", fresh)
    patch.setattr(watch, "_feed", lambda *_: None)
    patch.setattr(
        Gateway,
        "_latched",
        lambda self, approved, now: "" if self.lease.held(now) else "the lease is not held",
    )


def a_target_converges_over_an_unknown(patch: Patch) -> None:
    patch.setattr(targets, "sure", lambda *_: True)


def every_question_resets_the_grace(patch: Patch) -> None:
    weigh = watch.weigh

    def patient(asked: Any, *, asked_at: Wall, grace: Wall, everywhere: bool) -> Any:
        later = max(grace, asked_at + 5 * SECOND_NS)
        return weigh(asked, asked_at=asked_at, grace=Wall(later), everywhere=everywhere)

    patch.setattr(watch, "weigh", patient)


def what_was_under_way_is_forgotten_at_a_start(patch: Patch) -> None:
    opened = DeskState._open_epoch

    def forget(self: DeskState, record: Any) -> None:
        live = [o for o in self.orders.live.values() if o.state is State.PENDING]
        opened(self, record)
        for order in live:
            order.state = State.PENDING

    patch.setattr(DeskState, "_open_epoch", forget)


def an_unknown_order_on_cancel_is_gone(patch: Patch) -> None:
    ended = accounts._cancel_ended

    def gone(work: Any, event: Any) -> None:
        order = work.state.orders.live.get(event.client_id)
        if order is not None and event.outcome.verdict is Verdict.REJECTED:
            report = OrderReport(
                client_id=event.client_id,
                venue_order_id=order.venue_order_id,
                instrument=order.intent.instrument,
                status=VenueStatus.CANCELLED,
                filled=order.filled,
                venue_time=work.now,
                source=ReportSource.ANSWER,
            )
            accounts.told(work, report)
            return
        ended(work, event)

    patch.setattr(accounts, "_cancel_ended", gone)


def a_stop_is_sized_to_the_first_fill(patch: Patch) -> None:
    to_cover = protect._to_cover

    def first(work: Any, owner: Any, held: Decimal) -> Decimal:
        return work.state.guarded(owner) or to_cover(work, owner, held)

    patch.setattr(protect, "_to_cover", first)


def a_stop_is_replaced_before_its_end_is_final(patch: Patch) -> None:
    patch.setattr(protect, "_occupied", lambda *_: False)
    patch.setattr(Order, "settled", property(lambda order: not order.live))


def a_replace_whose_cancel_failed_is_taken_as_cancelled(patch: Patch) -> None:
    replaced = BinanceSpot.replaced

    def gone(self: BinanceSpot, intent: Intent, result: Any) -> Any:
        new, cancel = replaced(self, intent, result)
        if cancel.verdict is not Verdict.REJECTED or intent.replaces is None:
            return new, cancel
        report = OrderReport(
            client_id=intent.replaces,
            venue_order_id="",
            instrument=intent.instrument,
            status=VenueStatus.CANCELLED,
            filled=ZERO,
            venue_time=Wall(0),
            source=ReportSource.ANSWER,
        )
        return new, msgspec.structs.replace(cancel, verdict=Verdict.ACKED, report=report)

    patch.setattr(BinanceSpot, "replaced", gone)


def a_replace_goes_on_where_its_cancel_failed(patch: Patch) -> None:
    terms = binance_replace.replace_terms

    def regardless(intent: Intent) -> str:
        return terms(intent).replace("STOP_ON_FAILURE", "ALLOW_FAILURE")

    patch.setattr(binance_spot, "replace_terms", regardless)


def the_other_of_a_pair_is_forgotten(patch: Patch) -> None:
    ended = Gateway._ended

    def alone(self: Gateway, intent: Any, outcome: Any, sent_at: Wall) -> None:
        if intent.pair == intent.client_id:
            ended(self, intent, outcome, sent_at)

    patch.setattr(Gateway, "_ended", alone)


def a_target_buys_back_what_a_stop_sold(patch: Patch) -> None:
    patch.setattr(Work, "stop_following", lambda *_: None)


def an_order_that_the_venue_dropped_still_protects(patch: Patch) -> None:
    guarding = DeskState.guarding

    def remembered(self: DeskState, owner: Any) -> list[Order]:
        dropped = [
            order
            for order in self.orders.ended.values()
            if order.state is State.EXPIRED
            and order.intent.origin is Origin.PROTECT
            and (order.intent.strategy, order.intent.instrument) == owner
        ]
        return [*guarding(self, owner), *dropped]

    patch.setattr(DeskState, "guarding", remembered)


def a_protection_is_forgotten_at_a_start(patch: Patch) -> None:
    opened = Desk.open

    def bare(self: Desk, records: Any, moment: Any) -> Any:
        self.state.protections.clear()
        return opened(self, records, moment)

    patch.setattr(Desk, "open", bare)


PLANTS: tuple[Plant, ...] = (
    *PLANTS_OF_REQUESTS,
    not_found_is_never_accepted,
    an_absence_is_believed_before_the_deadline,
    every_question_resets_the_grace,
    a_cancels_ack_is_final,
    a_cancel_is_confirmed_by_an_answer_that_lags,
    an_unknown_order_on_cancel_is_gone,
    deltas_are_summed,
    sent_before_it_is_durable,
    no_lease_in_the_last_step,
    the_deadline_moves_with_the_signature,
    a_client_id_is_used_again,
    risk_sees_only_what_is_filled,
    the_unknown_is_not_exposed,
    all_instruments_together_are_not_weighed,
    a_limit_is_checked_before_its_order_is_reserved,
    what_is_open_on_both_sides_nets_out,
    another_strategy_nets_a_limit_away,
    a_limit_is_loosened_without_a_reason,
    a_start_forgets_what_was_lost,
    any_price_is_a_good_price,
    a_stale_market_is_good_enough,
    a_target_converges_over_an_unknown,
    a_restart_lifts_a_halt,
    a_snapshot_is_read_without_its_tail,
    what_was_under_way_is_forgotten_at_a_start,
    a_stop_is_sized_to_the_first_fill,
    a_stop_is_replaced_before_its_end_is_final,
    a_replace_whose_cancel_failed_is_taken_as_cancelled,
    a_replace_goes_on_where_its_cancel_failed,
    the_other_of_a_pair_is_forgotten,
    a_target_buys_back_what_a_stop_sold,
    an_order_that_the_venue_dropped_still_protects,
    a_protection_is_forgotten_at_a_start,
    *PLANTS_OF_STREAMS,
    *PLANTS_OF_CONTRACTS,
    *PLANTS_OF_DEAD_MAN,
    *PLANTS_OF_LEADERSHIP,
)


SCENARIOS = Path(__file__).parent / "scenarios"


def scenario_of(plant: Plant) -> tuple[Scenario, SeedOptions]:
    """A world that catches it, found by seed and shrunk; `law` is the one that is then broken."""
    return world_of(SCENARIOS / "planted" / f"{plant.__name__}.toml")


def world_of(path: Path) -> tuple[Scenario, SeedOptions]:
    """A written world. The desk it names is written down too: it stays the same whatever worlds draw."""
    scenario = read_scenario(path)
    text = (path.parent / scenario.config).read_text(encoding="utf-8")
    return scenario, scenario.within(SeedOptions(config=text))
