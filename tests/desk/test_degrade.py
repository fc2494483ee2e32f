"""Graceful degradation: strain before standstill, waits that end, entries that do not rest unseen."""

import pytest

from benches import Bench, cancels, causes, sent
from builders import BTCUSDT, D
from nightdesk.desk.degrade import PULL_AFTER_NS, WAITS_NS
from nightdesk.desk.events import Decision, Health, Tick
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.modes.ladder import DESK, instrument_scope
from nightdesk.strategy.messages import Place, Target


def strained(bench: Bench, **how: int) -> Decision:
    return bench.decide(Tick(**how))


@pytest.mark.parametrize(
    ("late_ms", "journal_ms", "expected"),
    [
        (0, 0, {}),
        (500, 250, {}),
        (501, 0, {"starved": "CAUTIOUS"}),
        (60_000, 0, {"starved": "CAUTIOUS"}),
        (0, 251, {"journal": "CAUTIOUS"}),
        (0, 1_000, {"journal": "CAUTIOUS"}),
        (0, 1_001, {"journal": "REDUCE_ONLY"}),
        (700, 3_000, {"starved": "CAUTIOUS", "journal": "REDUCE_ONLY"}),
        (0, 3_001, {"journal": "CANCEL_ONLY"}),
    ],
)
def test_strain_is_told_by_how_late_things_are(
    late_ms: int, journal_ms: int, expected: dict[str, str]
) -> None:
    bench = Bench().ready()
    strained(bench, late_ns=late_ms * MS_NS, journal_ns=journal_ms * MS_NS)
    assert causes(bench.state) == expected


def test_strain_is_over_after_five_calm_seconds_and_not_before() -> None:
    bench = Bench().ready()
    strained(bench, late_ns=SECOND_NS)
    bench.ticks(4, quoted=True)
    strained(bench, late_ns=SECOND_NS)
    bench.ticks(4.9, quoted=True)
    assert causes(bench.state) == {"starved": "CAUTIOUS"}
    bench.ticks(0.2, quoted=True)
    assert causes(bench.state) == {}


def test_a_stalled_journal_gets_slow_again_before_it_is_well() -> None:
    bench = Bench().ready()
    strained(bench, journal_ns=3 * SECOND_NS)
    strained(bench, journal_ns=400 * MS_NS)
    assert causes(bench.state) == {"journal": "CAUTIOUS"}


def test_a_journal_that_takes_records_again_lets_exits_go_at_once() -> None:
    bench = Bench().ready()
    strained(bench, journal_ns=4 * SECOND_NS)
    assert causes(bench.state) == {"journal": "CANCEL_ONLY"}
    strained(bench)
    assert causes(bench.state) == {"journal": "REDUCE_ONLY"}
    bench.ticks(5.2, quoted=True)
    assert causes(bench.state) == {}


def test_a_cautious_desk_takes_orders_of_half_the_size_and_strategies_are_told() -> None:
    bench = Bench().ready()
    limit = bench.settings.limits[BTCUSDT].order_qty_max
    decision = strained(bench, late_ns=SECOND_NS)
    told = [e.message.mode for e in decision.at_once if hasattr(getattr(e, "message", 0), "mode")]
    assert told == [Mode.CAUTIOUS]
    wish = Place(
        ref="w",
        instrument=BTCUSDT,
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=limit,
        price=D(100),
    )
    assert sent(bench.propose(wish)) == []
    assert bench.desk.views.refusals["order_qty"] == 1
    assert bench.place(qty=str(limit / 2)).qty == limit / 2


def test_a_target_is_reached_in_smaller_steps_while_cautious() -> None:
    bench = Bench().ready()
    limit = bench.settings.limits[BTCUSDT].order_qty_max
    strained(bench, late_ns=SECOND_NS)
    bench.propose(Target(instrument=BTCUSDT, qty=limit))
    (first,) = sent(bench.quote())
    assert first.qty == limit / 2


@pytest.mark.parametrize("cause", sorted(WAITS_NS))
def test_a_wait_ends_by_itself_also_after_a_restart(cause: str) -> None:
    bench = Bench().ready()
    reason = {
        "throttled": Reason.THROTTLED,
        "maintenance": Reason.MAINTENANCE,
        "funds": Reason.BY_BALANCE,
    }[cause]
    bench.answer(bench.place(), Verdict.REJECTED, reason)
    assert causes(bench.state) == {cause: "REDUCE_ONLY"}
    again = bench.restart().ready()
    again.ticks(WAITS_NS[cause] / SECOND_NS + 0.1, quoted=True)
    assert causes(again.state) == {}
    bench.ticks(WAITS_NS[cause] / SECOND_NS + 0.1, quoted=True)
    assert causes(bench.state) == {}


def health(cause: str, scope: str = DESK, mode: Mode = Mode.REDUCE_ONLY) -> Health:
    return Health(scope=scope, cause=cause, mode=mode, why="a test")


@pytest.mark.parametrize("cause", sorted(PULL_AFTER_NS.keys() - {"feed", "journal", "disk"}))
def test_entries_do_not_rest_where_the_desk_is_blind_deaf_or_wrong(cause: str) -> None:
    bench = Bench().ready()
    bench.buy("1")
    entry = bench.open_order(Side.BUY, "1", "99")
    exit_ = bench.open_order(Side.SELL, "1", "101")
    bench.decide(health(cause))
    assert cancels(*bench.ticks(1.9, quoted=True)) == []
    pulled = cancels(*bench.ticks(0.3, quoted=True))
    assert set(pulled) == {entry.client_id}
    assert not bench.order(exit_).cancel_asked


def test_entries_rest_for_a_minute_beside_a_journal_that_takes_nothing_and_no_longer() -> None:
    for cause, begins in (("journal", 2), ("disk", 0)):  # of the mode in which it lasts a minute
        bench = Bench().ready()
        bench.buy("1")
        entry = bench.open_order(Side.BUY, "1", "99")
        bench.open_order(Side.SELL, "1", "101")
        bench.decide(health(cause))
        pulled: list[str] = []
        for second in range(begins + 61):
            waits_ns = (second + 2) * SECOND_NS if cause == "journal" else 0
            pulled += cancels(strained(bench, journal_ns=waits_ns), bench.quote())
            assert second == begins + 60 or not pulled, second
            bench.wait(SECOND_NS)
        assert set(pulled) == {entry.client_id}


def test_a_dead_feed_pulls_the_quotes_that_rest_on_it() -> None:
    bench = Bench().ready()
    entry = bench.open_order(Side.BUY, "1", "99")
    assert cancels(*bench.ticks(10))[0] == entry.client_id


@pytest.mark.parametrize("cause", ["throttled", "crash", "operator", "disk", "unresolved"])
def test_what_only_stops_new_orders_leaves_the_resting_ones(cause: str) -> None:
    bench = Bench().ready()
    bench.open_order(Side.BUY, "1", "99")
    bench.decide(health(cause))
    assert cancels(*bench.ticks(4, quoted=True)) == []


def test_a_stream_that_comes_back_at_once_costs_no_place_in_the_queue() -> None:
    bench = Bench().ready()
    bench.open_order(Side.BUY, "1", "99")
    bench.decide(health("private"))
    bench.ticks(1.5, quoted=True)
    bench.decide(health("private", mode=Mode.NORMAL))
    assert cancels(*bench.ticks(5, quoted=True)) == []


def test_only_the_scope_of_the_cause_is_pulled() -> None:
    bench = Bench().ready()
    bench.open_order(Side.BUY, "1", "99")
    bench.decide(health("surprise", instrument_scope("binance:ETHUSDT")))
    assert cancels(*bench.ticks(5, quoted=True)) == []
    bench.decide(health("surprise", instrument_scope(BTCUSDT)))
    assert len(cancels(*bench.ticks(2.2, quoted=True))) == 1


def test_a_pulled_order_whose_cancel_is_lost_is_cancelled_again_until_it_ends() -> None:
    bench = Bench().ready()
    entry = bench.open_order(Side.BUY, "1", "99")
    bench.decide(health("private"))
    assert len(cancels(*bench.ticks(6, quoted=True))) > 2
    bench.told(bench.report(entry, VenueStatus.CANCELLED))
    assert cancels(*bench.ticks(3, quoted=True)) == []
