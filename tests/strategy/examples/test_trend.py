"""Trend declares what it wants once per crossing."""

from random import Random

import pytest

from builders import BTCUSDT, NOW, STRATEGY, D, a_quote, an_instrument
from nightdesk.model.errors import BadInput
from nightdesk.strategy.examples.trend import Trend
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Kept, Market, Started, Target, TargetSuspended
from nightdesk.strategy.prepare import prepare

PARAMS = {"fast": 2, "slow": 8, "size": "0.02", "band_bps": 1}


def a_trend(state=None, **params) -> Host:
    strategy = prepare(Trend, PARAMS | params, state)
    host = Host(STRATEGY, strategy, {BTCUSDT: an_instrument()}, Random(1))
    host.handle(Started(at=NOW, positions={}, orders=()))
    return host


def quoted(host, prices):
    """The targets declared while the mid goes through `prices`, as (index, quantity)."""
    declared = []
    for index, price in enumerate(prices):
        event = a_quote(D(price) - D("0.01"), D(price) + D("0.01"))
        proposal = host.handle(Market(at=NOW, event=event))
        assert not proposal.crash
        assert all(isinstance(action, Target) for action in proposal.actions)
        declared += [(index, action.qty) for action in proposal.actions]
    return declared


WARM = [100] * 9
UP, DOWN = list(range(101, 131)), list(range(130, 99, -1))


def test_nothing_is_declared_while_the_averages_are_cold():
    assert quoted(a_trend(), UP[:8]) == []


def test_a_flat_market_declares_nothing():
    assert quoted(a_trend(), [100] * 200) == []


def test_noise_inside_the_band_declares_nothing():
    assert quoted(a_trend(band_bps=50), [100, 100.1] * 100) == []


def test_a_rising_market_is_held_and_declared_once():
    assert [qty for _, qty in quoted(a_trend(), WARM + UP)] == [D("0.02")]


def test_one_target_per_crossing():
    declared = quoted(a_trend(), WARM + UP + DOWN + UP + DOWN)
    assert [qty for _, qty in declared] == [D("0.02"), D(0), D("0.02"), D(0)]


def test_both_ways_goes_short_by_the_same_size():
    declared = quoted(a_trend(both_ways=True), WARM + UP + DOWN)
    assert [qty for _, qty in declared] == [D("0.02"), D("-0.02")]


def test_the_direction_survives_a_restart_and_is_not_declared_again():
    host = a_trend()
    for price in WARM + UP:
        proposal = host.handle(Market(at=NOW, event=a_quote(D(price), D(price) + D("0.01"))))
        if proposal.state is not None:
            kept = proposal.state
    again = a_trend(state=Kept(body=kept))
    assert quoted(again, [*UP, *range(131, 160)]) == []
    assert [qty for _, qty in quoted(again, DOWN)] == [D(0)]


def test_the_averages_do_not_survive_a_restart():
    host = a_trend()
    quoted(host, WARM)
    again = a_trend()
    assert quoted(again, UP[:8]) == []


def test_a_suspended_target_is_declared_anew_by_the_next_signal():
    host = a_trend()
    assert len(quoted(host, WARM + UP)) == 1
    proposal = host.handle(TargetSuspended(at=NOW, instrument=BTCUSDT, why="by hand"))
    assert proposal.actions == ()
    assert proposal.state is not None  # the forgotten direction is kept
    assert quoted(host, [131, 132]) == [(0, D("0.02"))]


def test_unknown_params_are_refused():
    with pytest.raises(BadInput, match="sloow"):
        a_trend(sloow=3)
