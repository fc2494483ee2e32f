"""Pairs: the cheaper leg is held, the dearer owed, once both bars of a moment are there."""

from random import Random

import pytest

from builders import BTCUSDT, NOW, STRATEGY, D, a_bar, a_quote, an_instrument
from nightdesk.model.ids import InstrumentId
from nightdesk.strategy.examples.pairs import Pairs
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Started, Target, TargetSuspended
from nightdesk.strategy.prepare import prepare

ETH = InstrumentId("binance:ETHUSDT")
BARS = 10


def a_pair(**params: object) -> Host:
    strategy = prepare(Pairs, {"bars": BARS, "quote": "1000", **params}, None)
    instruments = {BTCUSDT: an_instrument(), ETH: an_instrument(id=ETH)}
    host = Host(STRATEGY, strategy, instruments, Random(1))
    history = tuple(
        a_bar(n, instrument=i, close=D(100 + n % 2)) for i in (BTCUSDT, ETH) for n in range(BARS)
    )
    host.handle(Started(at=NOW, positions={}, orders=(), history=history))
    for instrument in instruments:
        host.handle(Market(at=NOW, event=a_quote("99.99", "100", instrument=instrument)))
    return host


def told(host: Host, number: int, first: int, second: int) -> dict[InstrumentId, object]:
    """The targets that a moment's two bars lead to."""
    targets = {}
    for instrument, close in ((BTCUSDT, first), (ETH, second)):
        bar = a_bar(number, instrument=instrument, close=D(close))
        proposal = host.handle(Market(at=bar.ends, event=bar))
        assert not proposal.crash
        targets |= {a.instrument: a.qty for a in proposal.actions if isinstance(a, Target)}
        assert not targets or instrument == ETH, "not before both bars are there"
    return targets


@pytest.mark.parametrize(
    ("both_ways", "legs"),
    [(True, {BTCUSDT: D(10), ETH: D(-10)}), (False, {BTCUSDT: D(10), ETH: 0})],
)
def test_the_one_that_fell_behind_is_held(
    both_ways: bool, legs: dict[InstrumentId, object]
) -> None:
    assert told(a_pair(both_ways=both_ways), BARS, 90, 100) == legs


def test_back_together_neither_is_held_and_a_repeated_signal_declares_nothing() -> None:
    host = a_pair()
    assert told(host, BARS, 90, 100)
    assert told(host, BARS + 1, 85, 100) == {}
    closing = {}
    for number in range(BARS + 2, 3 * BARS):
        closing |= told(host, number, 100, 100)
    assert closing == {BTCUSDT: 0, ETH: 0}


def test_a_leg_that_somebody_else_changed_ends_the_pair() -> None:
    host = a_pair()
    told(host, BARS, 90, 100)
    proposal = host.handle(TargetSuspended(at=NOW, instrument=ETH, why="by hand"))
    assert {a.instrument: a.qty for a in proposal.actions} == {BTCUSDT: 0, ETH: 0}


def test_a_pair_is_two() -> None:
    strategy = prepare(Pairs, {}, None)
    host = Host(STRATEGY, strategy, {BTCUSDT: an_instrument()}, Random(1))
    assert "pairs are of two" in host.handle(Started(at=NOW, positions={}, orders=())).crash
