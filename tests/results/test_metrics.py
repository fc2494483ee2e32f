"""A run in numbers: shares of what it began with, and nothing said of too little."""

import msgspec
import pytest

from builders import D, an_execution, an_intent
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.order import Inputs
from nightdesk.model.records import Executed, Intended
from nightdesk.model.time import Wall
from nightdesk.results.curve import Curve
from nightdesk.results.metrics import DAY_NS, metrics_of, sharpe
from nightdesk.results.runs import Run
from results.test_curve import a_point


def a_curve(profits: list[str], step_ns: int = DAY_NS) -> Curve:
    made = Curve(step_ns=1)
    for n, profit in enumerate(profits):
        made.add(a_point(n * step_ns, D(profit)))
    return made


def test_the_numbers_of_a_small_run() -> None:
    seen = Inputs(bid=D(99), ask=D(101), age_ns=0)
    records = [
        Intended(intent=an_intent(inputs=seen)),
        Executed(execution=an_execution(trade_id="1", qty=D("0.5"), price=D(101), maker=True)),
        Executed(execution=an_execution(trade_id="2", qty=D("0.5"), price=D(99), maker=False)),
    ]
    run = Run((Seq(n), Epoch(1), Wall(n), record) for n, record in enumerate(records, 1))
    told = metrics_of(run, a_curve(["0", "20", "-5", "10"]), D(1000))
    assert (told.profit, told.return_pct) == (D(10), D(1))
    assert (told.drawdown, told.drawdown_pct) == (D(25), D("2.5"))
    assert (told.volume, told.turnover) == (D(100), D("0.1"))
    assert (told.maker_pct, told.slippage_bps) == (D("50.5"), D(1))
    assert (told.orders, told.trades, told.seconds) == (1, 2, 3 * 86_400)


def test_a_run_in_which_nothing_happened_has_no_shares() -> None:
    told = metrics_of(Run(()), Curve(1), D(0))
    assert (told.profit, told.return_pct, told.turnover, told.slippage_bps) == (0, None, None, None)
    assert (told.sharpe, told.seconds) == (None, 0.0)


def test_funding_and_what_an_insurance_fund_gave_are_told_by_their_names() -> None:
    curve = Curve(step_ns=1)
    ended = msgspec.structs.replace(a_point(1, D(-4)), funding=D("-1.5"), insurance=D(2))
    curve.add(ended)
    told = metrics_of(Run(()), curve, D(1000))
    assert (told.funding, told.insurance) == (D("-1.5"), D(2))
    assert (told.transfers, told.other_flows) == (0, 0)


def test_sharpe_is_scaled_to_a_year_from_at_least_a_day() -> None:
    curve = a_curve(["0", "3", "4", "7"])  # changes of 3, 1, 3 a day: mean 7/3, deviation 1.1547
    assert sharpe(curve.points) == pytest.approx((7 / 3) / 1.154_700_5 * 365**0.5)
    assert sharpe(a_curve(["0", "3", "4", "7"], step_ns=DAY_NS // 4).points) is None
    assert sharpe(a_curve(["0", "1", "2"]).points) is None, "a profit without any spread"
