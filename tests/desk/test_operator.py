"""Pause, resume, cancel-all: latched first, idempotent, and alive after a crash."""

from typing import Any

import pytest
from msgspec.structs import replace

from benches import Bench, cancels, causes, fold, sent, some_settings
from builders import BTCUSDT, STRATEGY, D
from nightdesk.desk.events import CancelAll, Flatten, Pause, Resume
from nightdesk.model.ids import OrderKey, encode_order_id
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side, VenueStatus
from nightdesk.model.records import CancelAsked, ModeSet
from nightdesk.modes.ladder import DESK
from nightdesk.risk.gate import Approved
from nightdesk.strategy.messages import Place

PAUSE = Pause(reason="lunch", by="me")


def wish(side: Side = Side.BUY, qty: str = "1", price: str = "100") -> Place:
    return Place(
        ref="w", instrument=BTCUSDT, side=side, type=OrderType.LIMIT, qty=D(qty), price=D(price)
    )


def approved(bench: Bench, *args: Any) -> Approved:
    """An order that is decided but has not left."""
    (effect, _) = bench.propose(wish(*args)).after
    return effect.approved  # type: ignore[union-attr]


def test_pause_latches_before_anything_else_and_before_any_cancel() -> None:
    bench = Bench().ready()
    bench.open_order()
    decision = bench.decide(PAUSE)
    assert isinstance(decision.records[0], ModeSet)
    assert isinstance(decision.records[1], CancelAsked)
    assert bench.state.ladder.mode(DESK) is Mode.REDUCE_ONLY


def test_pause_stops_what_was_already_approved_at_the_last_step() -> None:
    bench = Bench().ready()
    waiting = approved(bench)
    assert bench.desk.may_send(waiting)
    bench.decide(PAUSE)
    assert not bench.desk.may_send(waiting)


def test_pause_refuses_entries_and_lets_reductions_through() -> None:
    bench = Bench().ready()
    bench.buy("2")
    bench.decide(PAUSE)
    assert sent(bench.propose(wish(Side.BUY))) == []
    assert sent(bench.propose(wish(Side.SELL, "3"))) == [], "it would overshoot"
    assert len(sent(bench.propose(wish(Side.SELL, "2")))) == 1


def test_pause_cancels_resting_entries_and_keeps_what_only_reduces() -> None:
    bench = Bench().ready()
    bench.buy("2")
    entry = bench.open_order(Side.BUY, "1", "99")
    exit_ = bench.open_order(Side.SELL, "2", "101")
    assert cancels(bench.decide(PAUSE)) == [entry.client_id]
    assert not bench.order(exit_).cancel_asked


def test_pause_may_keep_resting_entries_on_request() -> None:
    bench = Bench().ready()
    bench.open_order()
    assert cancels(bench.decide(Pause(reason="keep", by="me", keep=True))) == []


def test_pause_keeps_no_exits_that_together_overshoot() -> None:
    bench = Bench().ready()
    bench.buy("1")
    bench.open_order(Side.SELL, "1", "101")
    bench.open_order(Side.SELL, "1", "102")
    bench.decide(PAUSE)
    kept = [o for o in bench.state.orders.live.values() if not o.cancel_asked]
    assert sum(o.remaining for o in kept) <= bench.state.net(BTCUSDT)


def test_pause_cancels_an_order_whose_send_is_still_under_way_once_it_appears() -> None:
    bench = Bench().ready()
    intent = bench.place()
    bench.decide(PAUSE)
    bench.ack(intent)
    assert intent.client_id in cancels(*bench.ticks(2))


@pytest.mark.parametrize("command", [PAUSE, CancelAll(by="me"), Flatten(by="me")])
def test_a_command_given_twice_changes_nothing_the_second_time(command: Any) -> None:
    bench = Bench().ready()
    bench.open_order(Side.BUY, "1", "99")
    bench.decide(command)
    again = bench.decide(command)
    assert again.records == []
    assert sent(again) == []


@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_paused_desk_is_paused_after_any_crash_until_somebody_resumes(seconds: int) -> None:
    bench = Bench().ready()
    bench.decide(PAUSE)
    again = bench.restart(after_ns=seconds * 10**9).ready()
    assert causes(again.state) == {"operator": "REDUCE_ONLY"}
    assert sent(again.propose(wish())) == []
    again.decide(Resume(reason="back", by="me"))
    assert causes(again.state) == {}
    third = again.restart().ready()
    assert len(sent(third.propose(wish()))) == 1


def test_a_pause_survives_every_prefix_of_its_records_that_holds_it() -> None:
    bench = Bench().ready()
    bench.open_order()
    start = len(bench.records)
    bench.decide(PAUSE)
    for cut in range(start + 1, len(bench.records) + 1):
        state = fold(bench.records[:cut])
        assert state.ladder.mode(DESK) is Mode.REDUCE_ONLY
    assert fold(bench.records[:start]).ladder.mode(DESK) is Mode.NORMAL


def halt(bench: Bench) -> None:
    """An order of this desk's name and a nonce that its journal never drew."""
    key = OrderKey(desk=bench.settings.code, nonce=999, epoch=1, seq=5, attempt=0)
    intent = bench.open_order(Side.BUY, "1", "98")
    stranger = replace(bench.report(intent), client_id=encode_order_id(key))
    bench.told(stranger)


def test_a_halted_desk_is_halted_after_a_crash_and_sends_nothing_but_a_flatten() -> None:
    bench = Bench().ready()
    bench.buy("1")
    halt(bench)
    again = bench.restart().ready()
    assert again.state.ladder.mode(DESK) is Mode.HALTED
    assert sent(again.propose(wish(Side.SELL))) == []
    decisions = [again.decide(Flatten(by="me"))]
    for order in list(again.state.orders.live.values()):
        decisions.append(again.told(again.report(order.intent, VenueStatus.CANCELLED)))
    decisions += again.ticks(4, quoted=True)
    assert [i.side for i in sent(*decisions)] == [Side.SELL]


def test_resume_lifts_what_needs_a_person_and_leaves_what_watches_itself() -> None:
    bench = Bench().ready()
    bench.decide(PAUSE)
    bench.ticks(3)  # the feed goes stale
    bench.decide(Resume(reason="looked", by="me"))
    assert causes(bench.state) == {"feed": "REDUCE_ONLY"}


def test_cancel_all_asks_for_the_end_of_every_order_and_changes_no_mode() -> None:
    bench = Bench().ready()
    ids = [bench.open_order(Side.BUY, "1", str(95 + n)).client_id for n in range(4)]
    assert cancels(bench.decide(CancelAll(by="me"))) == ids
    assert bench.state.ladder.mode(DESK) is Mode.NORMAL


def test_a_strategy_that_crashed_stops_alone_and_its_orders_stay_managed() -> None:
    bench = Bench(some_settings(strategies=(STRATEGY, "other"))).ready()
    resting = bench.open_order(Side.BUY, "1", "99")
    bench.propose(crash="ZeroDivisionError: division by zero")
    assert sent(bench.propose(wish())) == []
    assert len(sent(bench.propose(wish(), strategy="other"))) == 1
    bench.fill(resting, "0.5")
    assert bench.state.net(BTCUSDT) == D("0.5")
    assert len(sent(bench.propose(wish(Side.SELL, "0.5", "99")))) == 1, "the way out stays open"
    again = bench.restart().ready()
    assert sent(again.propose(wish())) == []
