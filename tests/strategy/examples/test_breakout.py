"""Breakout: in above the channel, out below it, and the same after a restart."""

from random import Random

from builders import BTCUSDT, NOW, STRATEGY, D, a_bar, an_instrument
from nightdesk.strategy.examples.breakout import Breakout
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Started, Target
from nightdesk.strategy.prepare import prepare


def a_breakout(channel: int = 3) -> Host:
    strategy = prepare(Breakout, {"channel": channel, "size": "0.5"}, None)
    return Host(STRATEGY, strategy, {BTCUSDT: an_instrument()}, Random(1))


def bars(*ranges: tuple[int, int, int]) -> list:
    """High, low and close of one bar after the other."""
    return [
        a_bar(n, high=D(high), low=D(low), close=D(close))
        for n, (high, low, close) in enumerate(ranges)
    ]


def targets(host: Host, told: list, history: int) -> list[tuple[int, object]]:
    host.handle(Started(at=NOW, positions={}, orders=(), history=tuple(told[:history])))
    declared = []
    for number, bar in enumerate(told[history:], history):
        proposal = host.handle(Market(at=bar.ends, event=bar))
        assert not proposal.crash
        declared += [(number, a.qty) for a in proposal.actions if isinstance(a, Target)]
    return declared


CALM = (110, 90, 100)


def test_it_wants_the_channel_and_the_bar_that_may_leave_it() -> None:
    assert list(a_breakout(20).wants.values()) == [21]


def test_inside_the_channel_nothing_is_declared() -> None:
    assert targets(a_breakout(), bars(*[CALM] * 8), 4) == []


def test_a_close_above_the_channel_is_held_until_one_below_it() -> None:
    told = bars(*[CALM] * 5, (115, 95, 112), (116, 100, 115), (110, 80, 85))
    assert targets(a_breakout(), told, 4) == [(5, D("0.5")), (7, 0)]


def test_a_high_beyond_the_channel_that_does_not_close_there_is_nothing() -> None:
    assert targets(a_breakout(), bars(*[CALM] * 5, (130, 70, 105)), 4) == []


def test_where_it_was_started_makes_no_difference() -> None:
    told = bars(*[CALM] * 5, (115, 95, 112), CALM, CALM, CALM, (111, 80, 111))
    early, late = targets(a_breakout(), told, 4), targets(a_breakout(), told, 7)
    assert [row for row in early if row[0] >= 7] == late
