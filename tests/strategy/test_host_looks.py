"""The host tells what a strategy sees before what it decides by, and keeps the two apart."""

import re

import msgspec
import pytest

from builders import BTCUSDT, NOW, D, a_quote, an_instrument
from nightdesk.model.bars import Bar
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.strategy.api import Bars, Depth, Strategy
from nightdesk.strategy.messages import (
    NOTHING,
    Kept,
    Market,
    Started,
)
from strategy.test_host import BOOK, QUOTED, TRADE, Recorder, a_host


class Looks(Strategy):
    """Remembers what it saw and what it was asked to decide by, in order."""

    class State(msgspec.Struct):
        decided: int = 0

    def declare(self):
        return [Bars("1m", warm_up=2), Depth(5)]

    def see_start(self, sight):
        self.calls = [("see start", list(sight.instruments))]

    def see_quote(self, sight, quote):
        self.calls.append(("see", quote, sight.quote(BTCUSDT), sight.now))

    def see_bar(self, sight, bar):
        self.calls.append(("see bar", bar.opened, len(sight.bars(BTCUSDT, "1m"))))

    def see_depth(self, sight, book):
        self.calls.append(("see book", sight.book(BTCUSDT) is book))

    def on_start(self, ctx):
        self.ctx = ctx
        self.calls.append(("start", len(ctx.bars(BTCUSDT, "1m"))))

    def on_quote(self, ctx, quote):
        self.calls.append(("decide", quote))
        self.state.decided += 1


def a_bar(minute: int) -> Bar:
    return Bar(
        instrument=BTCUSDT,
        interval="1m",
        opened=Wall(minute * 60 * SECOND_NS),
        open=D(1),
        high=D(1),
        low=D(1),
        close=D(1),
        volume=D(1),
        quote_volume=D(1),
        trades=1,
        received=0,
    )


def test_it_looks_before_it_decides():
    host = a_host(Looks)
    host.handle(QUOTED)
    assert host.strategy.calls == [
        ("see start", [BTCUSDT]),
        ("start", 0),
        ("see", a_quote(), a_quote(), QUOTED.at),
        ("decide", a_quote()),
    ]


def test_before_it_has_begun_it_only_looks():
    host = a_host(Looks, begins=False)
    assert host.handle(QUOTED) is NOTHING
    assert host.handle(Market(at=NOW, event=BOOK)) is NOTHING
    assert [call[0] for call in host.strategy.calls] == ["see start", "see", "see book"]


def test_each_bar_is_seen_once_whether_it_was_told_or_is_of_the_history():
    host = a_host(Looks, begins=False)
    for minute in (1, 2):
        host.handle(Market(at=NOW, event=a_bar(minute)))
    bars = tuple(a_bar(minute) for minute in (2, 3))
    host.handle(Started(at=NOW, positions={}, orders=(), history=bars))
    host.handle(Market(at=NOW, event=a_bar(4)))
    minutes = [call[1] // (60 * SECOND_NS) for call in host.strategy.calls if call[0] == "see bar"]
    assert minutes == [1, 2, 3, 4]
    assert ("start", 2) in host.strategy.calls


def test_a_node_that_begins_to_lead_has_what_was_seen_and_the_state_of_the_journal():
    host = a_host(Looks, begins=False)
    host.handle(QUOTED)
    assert host.strategy.state.decided == 0
    kept = Kept(body=msgspec.msgpack.encode(Looks.State(decided=7)))
    rules = {BTCUSDT: an_instrument()}
    host.lead(kept, rules)
    assert host.handle(Started(at=NOW, positions={}, orders=())) is NOTHING  # kept already
    assert host.ctx.instruments is rules
    host.handle(QUOTED)
    assert host.strategy.state.decided == 8
    assert [call[0] for call in host.strategy.calls] == [
        "see start",
        "see",
        "start",
        "see",
        "decide",
    ]


def test_a_book_that_stands_is_decided_by_once_and_seen_once():
    class Deep(Looks):
        def on_depth(self, ctx, book):
            self.calls.append(("depth", book))

    host = a_host(Deep, begins=False)
    assert host.awaits(BTCUSDT)
    host.handle(Market(at=NOW, event=BOOK))
    assert not host.awaits(BTCUSDT), "nobody asks it to decide yet"
    host.handle(Started(at=NOW, positions={}, orders=()))
    assert host.awaits(BTCUSDT)
    host.handle(Market(at=NOW, event=BOOK))
    assert not host.awaits(BTCUSDT)
    assert [c[0] for c in host.strategy.calls] == ["see start", "see book", "start", "depth"]


def looking(do) -> type[Strategy]:
    """A strategy that does one thing as it sees a quote."""

    class Doing(Looks):
        def see_quote(self, sight, quote):
            do(self, sight)

    return Doing


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda self, sight: self.state.decided, "self.state.decided: a see_... handler only"),
        (lambda self, sight: setattr(self.state, "decided", 1), "change it in on_..."),
        (lambda self, sight: setattr(self, "state", Looks.State()), "change it in on_..."),
        (lambda self, sight: sight.target(BTCUSDT, D(1)), "no attribute 'target'"),
        (lambda self, sight: self.ctx.target(BTCUSDT, D(1)), "ctx.target: a see_... handler"),
        (lambda self, sight: self.ctx.position(BTCUSDT), "ctx.position: a see_... handler"),
        (lambda self, sight: self.ctx.every("t", 1), "ctx.every: a see_... handler"),
        (lambda self, sight: self.ctx.at("t", 1), "ctx.at: a see_... handler"),
        (lambda self, sight: self.ctx.stop_timer("t"), "ctx.stop_timer: a see_... handler"),
        (lambda self, sight: sight.position(BTCUSDT), "no attribute 'position'"),
    ],
)
def test_who_looks_neither_wishes_nor_keeps(do, says):
    host = a_host(looking(do))
    assert says in host.handle(QUOTED).crash
    host.revive(None)
    assert host.strategy.state.decided == 0
    assert host.handle(Started(at=NOW, positions={}, orders=())) is NOTHING


def test_what_was_raised_before_it_began_is_told_when_it_does():
    host = a_host(looking(lambda self, sight: 1 / 0), begins=False)
    assert host.handle(QUOTED) is NOTHING
    assert "ZeroDivisionError" in host.crashed
    assert host.handle(QUOTED) is NOTHING
    assert "ZeroDivisionError" in host.handle(Started(at=NOW, positions={}, orders=())).crash
    assert host.handle(Started(at=NOW, positions={}, orders=())) is NOTHING


def test_who_looks_and_who_decides_is_named():
    started = Started(at=NOW, positions={}, orders=())
    host = a_host(Looks, begins=False)
    assert re.fullmatch(r"\S+:\d+ see_quote", host.handler_of(QUOTED))
    host.handle(started)
    both = host.handler_of(QUOTED).split(" and ")
    assert [told.split()[-1] for told in both] == ["see_quote", "on_quote"]
    assert host.handler_of(started).endswith(" on_start")
    assert host.handler_of(Market(at=NOW, event=TRADE)).endswith(" on_trade")


def test_prints_are_heard_by_who_only_looks_at_them():
    class Tape(Strategy):
        def see_trade(self, sight, trade): ...

    assert a_host(Tape).hears_trades
    assert a_host(Tape).sees_trades
    assert not a_host(Looks).hears_trades
    assert not a_host(Recorder).sees_trades
    assert a_host(Recorder).hears_trades
