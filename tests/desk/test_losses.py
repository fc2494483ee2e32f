"""Loss limits: reached, they stop new risk until a person resumes, and no restart or midnight forgets it."""

import pytest

from benches import Bench, cancels, causes, sent, some_settings
from builders import BTCUSDT, NOW, STRATEGY, D
from nightdesk.desk import losses
from nightdesk.desk.events import Resume
from nightdesk.desk.work import Work
from nightdesk.model.mode import Mode
from nightdesk.model.order import Intent, OrderType, Side
from nightdesk.model.records import Marked, ModeSet
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import DESK, strategy_scope
from nightdesk.risk.losses import DAY_NS, Losses, LossLimits
from nightdesk.strategy.messages import Place

MINE = strategy_scope(STRATEGY)
GO_ON = Resume(reason="looked at it", by="me")


def a_desk(limits: LossLimits, *, scope: str = DESK, wall: Wall = NOW) -> Bench:
    """A desk of this limit, long one at a hundred."""
    settings = (
        some_settings(losses=limits)
        if scope == DESK
        else some_settings(strategy_losses={STRATEGY: limits})
    )
    bench = Bench(settings, wall=wall).ready()
    bench.quote("100", "100.01")
    bench.ticks(1.1)
    bench.fill(bench.open_order(price="100"))
    return bench


def wished(bench: Bench, side: Side) -> list[Intent]:
    """What leaves when the strategy wants half of one."""
    touch = bench.desk.views.quotes[BTCUSDT].mid.quantize(D("0.01"))
    wish = Place(
        ref=f"w{bench.state.seq}",
        instrument=BTCUSDT,
        side=side,
        type=OrderType.LIMIT,
        qty=D("0.5"),
        price=touch,
    )
    return sent(bench.propose(wish))


def measured(bench: Bench) -> Losses | None:
    return losses.told(Work(bench.state, bench.desk.views, bench.settings, bench.moment()), DESK)


def at(bench: Bench, bid: str, seconds: float = 3.2) -> Bench:
    """The market stands there for a while."""
    for _ in range(int(seconds * 10)):
        bench.quote(bid, str(D(bid) + D("0.01")))
        bench.ticks(0.1)
    return bench


def lost_exits(bench: Bench, prices: list[str]) -> Bench:
    """Orders that close a bit each, at these prices."""
    for price in prices:
        bench.fill(bench.open_order(side=Side.SELL, qty="0.1", price=price))
    return bench


@pytest.mark.parametrize("scope", [DESK, MINE])
@pytest.mark.parametrize("limits", [LossLimits(day_max=D(5)), LossLimits(drawdown_max=D(5))])
def test_a_loss_that_lasts_stops_new_risk_in_its_scope(scope: str, limits: LossLimits) -> None:
    bench = a_desk(limits, scope=scope)
    at(bench, "95.01")
    assert causes(bench.state) == {}
    at(bench, "95")
    assert bench.state.ladder.demands(scope, "loss") is Mode.REDUCE_ONLY
    assert wished(bench, Side.BUY) == []
    assert wished(bench, Side.SELL) != [], "the way out is open"


def test_one_wild_quote_stops_nobody() -> None:
    bench = a_desk(LossLimits(day_max=D(5)))
    for bid in ("95", "100", "95", "100", "95"):
        at(bench, bid, 1.1)
    assert causes(bench.state) == {}


def test_losing_exits_in_a_row_stop_new_risk_and_one_that_wins_forgives() -> None:
    bench = a_desk(LossLimits(losing_exits_max=3))
    at(lost_exits(bench, ["99", "99", "101", "99", "99"]), "100")
    assert causes(bench.state) == {}
    at(lost_exits(bench, ["99"]), "100")
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}


def test_fees_are_losses() -> None:
    bench = at(a_desk(LossLimits(day_max=D(5))), "100")
    bench.fill(bench.open_order(price="100"), fee="4.99", asset="USDT")
    at(bench, "100")
    assert causes(bench.state) == {}
    bench.fill(bench.open_order(price="100"), fee="0.01", asset="USDT")
    at(bench, "100")
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}


def test_a_recovery_lifts_nothing_and_a_person_does() -> None:
    bench = at(a_desk(LossLimits(day_max=D(5))), "95")
    at(bench, "120", 10)
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}
    bench.decide(GO_ON)
    assert causes(bench.state) == {}
    at(bench, "115.01")
    assert causes(bench.state) == {}, "measured from where the person looked"
    at(bench, "115")
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}


def test_a_person_who_goes_on_forgives_the_losing_exits_too() -> None:
    bench = a_desk(LossLimits(losing_exits_max=2))
    at(lost_exits(bench, ["99", "99"]), "100")
    bench.decide(GO_ON)
    at(bench, "100")
    assert causes(bench.state) == {}
    at(lost_exits(bench, ["99", "99"]), "100")
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}


def test_what_cannot_be_valued_cannot_be_resumed() -> None:
    bench = at(a_desk(LossLimits(day_max=D(5))), "95").restart()
    bench.decide(GO_ON)  # no quote yet
    assert "loss" in causes(bench.state)
    bench.ready()
    at(bench, "95", 0.1)
    bench.decide(GO_ON)
    assert "loss" not in causes(bench.state)


def test_a_restart_keeps_the_stop_the_day_and_nearly_all_of_the_peak() -> None:
    bench = a_desk(LossLimits(day_max=D(50), drawdown_max=D(20)))
    for bid in ("104", "108.9", "109.8"):
        at(bench, bid)
    again = at(bench.restart().ready(), "88.91")
    assert causes(again.state) == {}, "what the profit rose by less than a twentieth is forgotten"
    at(again, "88.9")
    assert causes(again.state) == {"loss": "REDUCE_ONLY"}
    assert causes(again.restart().ready().state) == {"loss": "REDUCE_ONLY"}


def test_a_new_day_measures_anew_and_lifts_nothing() -> None:
    midnight = Wall((NOW // DAY_NS + 1) * DAY_NS)
    bench = at(a_desk(LossLimits(day_max=D(5)), wall=Wall(midnight - 10 * SECOND_NS)), "96", 2)
    bench.wait(midnight - bench.wall)
    at(bench, "96")
    at(bench, "91.01")
    assert causes(bench.state) == {}
    assert bench.state.marks[DESK].day == midnight // DAY_NS
    at(bench, "91")
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}
    bench.wait(DAY_NS)
    at(bench, "91")
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}


def test_a_clock_that_is_set_back_forgets_no_loss_and_does_not_look_away() -> None:
    midnight = Wall((NOW // DAY_NS + 1) * DAY_NS)
    bench = at(a_desk(LossLimits(day_max=D(5)), wall=Wall(midnight + SECOND_NS)), "97")
    bench.wall = Wall(midnight - 10 * SECOND_NS)
    at(bench, "95")
    assert causes(bench.state) == {"loss": "REDUCE_ONLY"}
    assert bench.state.marks[DESK].day == midnight // DAY_NS


def test_a_loss_pulls_resting_entries_and_keeps_exits() -> None:
    bench = a_desk(LossLimits(day_max=D(5)))
    entry, exit_ = bench.open_order(price="92"), bench.open_order(side=Side.SELL, price="108")
    pulled = []
    for _ in range(60):
        bench.quote("95", "95.01")
        pulled += [each for decision in bench.ticks(0.1) for each in cancels(decision)]
    assert entry.client_id in pulled
    assert exit_.client_id not in pulled


def test_without_limits_nothing_is_measured_or_journaled() -> None:
    bench = at(a_desk(LossLimits()), "1")
    assert not any(isinstance(record, Marked) for _, record in bench.records)
    assert bench.state.marks == {}


def test_the_stop_says_what_was_lost_and_is_journaled_once() -> None:
    bench = at(a_desk(LossLimits(day_max=D(5))), "95", 10)
    said = [r for _, r in bench.records if isinstance(r, ModeSet) and r.cause == "loss"]
    assert [record.why for record in said] == ["lost 5 since 00:00 UTC, the limit is 5"]


def test_what_was_lost_is_told_beside_its_limit() -> None:
    bench = at(a_desk(LossLimits(day_max=D(50), drawdown_max=D(60), losing_exits_max=4)), "110")
    at(bench, "97")
    lost = measured(bench)
    assert lost is not None
    assert (lost.day, lost.drawdown, lost.losing_exits) == (D(3), D(13), 0)
    assert measured(bench.restart()) is None, "no price yet"
