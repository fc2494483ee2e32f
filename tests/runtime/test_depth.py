"""Order books of strategies: who is told what, and when one counts as silent."""

from random import Random

import pytest

from benches import Bench, some_settings
from builders import BTCUSDT, D, an_instrument
from nightdesk.model.ids import StrategyId
from nightdesk.model.market import Book, DepthOf
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import strategy_scope
from nightdesk.runtime.depth import DEPTH, FRESH_FOR_NS, DepthFeed, depth_wanted
from nightdesk.strategy.api import Depth, Strategy
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Started
from nightdesk.strategy.prepare import prepare

STALE_NS = 2 * SECOND_NS  # of the bench's limits
ONE, OTHER = StrategyId("one"), StrategyId("other")


def a_host(name: StrategyId, *wishes: Depth) -> Host:
    kind = type("Reader", (Strategy,), {"declare": lambda self: wishes})
    return Host(name, prepare(kind, {}, None), {BTCUSDT: an_instrument()}, Random(1))


def a_book(bid: str = "100", ask: str = "101", *, at: int = 0) -> Book:
    """Ten levels a side, a tenth apart."""
    steps = [D(n) / 10 for n in range(10)]
    return Book(
        instrument=BTCUSDT,
        bids=tuple((D(bid) - step, D(1)) for step in steps),
        asks=tuple((D(ask) + step, D(1)) for step in steps),
        update_id=1,
        received=Mono(at),
    )


class Listening:
    """A feed over a bench, whose clock the test sets."""

    def __init__(self, *hosts: Host, bench: Bench | None = None) -> None:
        self.hosts = hosts
        for host in hosts:
            host.handle(Started(at=Wall(0), positions={}, orders=()))
        settings = some_settings(strategies=[ONE, OTHER])
        self.bench = bench or Bench(settings)
        self.feed = DepthFeed(hosts, self.bench.desk, lambda: self.bench.mono, self.bench.decide)
        self.feed.look()

    def hear(self, book: Book) -> list[tuple[str, Book]]:
        told = self.feed.heard(book, self.hosts)
        for host, cut in told:
            host.handle(Market(at=Wall(0), event=cut))
        return [(host.name, cut) for host, cut in told]

    def later(self, ns: int) -> None:
        self.bench.mono = Mono(self.bench.mono + ns)
        self.feed.look()

    def cause(self, name: StrategyId = ONE) -> str:
        found = self.bench.state.ladder.causes.get(strategy_scope(name), {}).get(DEPTH)
        return found.why if found is not None else ""


def test_each_is_told_as_many_levels_as_it_declared_and_no_book_twice() -> None:
    listening = Listening(a_host(ONE, Depth(5)), a_host(OTHER, Depth(20)))
    assert depth_wanted(listening.hosts) == [DepthOf(BTCUSDT, 20)]
    first, moved = a_book(), a_book("100.5")
    assert listening.hear(first) == [(ONE, first.best(5)), (OTHER, first)]
    assert listening.hear(first) == []
    assert listening.hear(moved) == [(ONE, moved.best(5)), (OTHER, moved)]


def test_who_declared_none_is_told_none() -> None:
    listening = Listening(a_host(ONE), a_host(OTHER, Depth(5)))
    assert [name for name, _ in listening.hear(a_book())] == [OTHER]
    assert depth_wanted([a_host(ONE)]) == []


def test_one_that_begins_later_is_told_the_book_that_stands() -> None:
    early, late = a_host(ONE, Depth(10)), a_host(OTHER, Depth(10))
    listening = Listening(early)
    listening.hosts = (early, late)  # which sees it, and is not asked to decide
    assert len(listening.hear(a_book())) == 2
    assert listening.hear(a_book()) == []
    late.handle(Started(at=Wall(0), positions={}, orders=()))
    assert listening.hear(a_book()) == [(OTHER, a_book())]
    assert listening.hear(a_book()) == []


@pytest.mark.parametrize(
    "book",
    [a_book("101", "101"), a_book("102", "101"), a_book().best(0)],
    ids=["locked", "crossed", "empty"],
)
def test_a_book_that_nothing_can_be_decided_by_counts_as_none(book: Book) -> None:
    listening = Listening(a_host(ONE, Depth(10)))
    assert listening.hear(book) == []
    listening.later(STALE_NS + 1)
    assert listening.cause()


def test_silence_stops_new_risk_of_those_that_declared_and_ends_with_hysteresis() -> None:
    listening = Listening(a_host(ONE, Depth(10)), a_host(OTHER))
    listening.hear(a_book(at=listening.bench.mono))
    listening.later(STALE_NS)
    assert listening.cause() == ""
    listening.later(1)
    assert listening.cause() == f"no usable order book of {BTCUSDT} for over 2000 ms"
    assert listening.cause(OTHER) == ""
    ladder = listening.bench.state.ladder
    assert ladder.mode(strategy_scope(ONE)) is Mode.REDUCE_ONLY
    records = len(listening.bench.records)
    listening.later(SECOND_NS)
    assert len(listening.bench.records) == records, "it is said once"
    listening.hear(a_book(at=listening.bench.mono))
    listening.later(1)
    listening.later(FRESH_FOR_NS - 1)
    assert listening.cause()
    listening.later(1)
    assert listening.cause() == ""


def test_a_book_that_did_not_change_keeps_it_fresh() -> None:
    listening = Listening(a_host(ONE, Depth(10)))
    for _ in range(5):
        listening.hear(a_book(at=listening.bench.mono))
        listening.later(STALE_NS)
    assert listening.cause() == ""


def test_a_cause_that_a_journal_holds_ends_though_nothing_is_declared_any_more() -> None:
    before = Listening(a_host(ONE, Depth(10)))
    before.later(STALE_NS + 1)
    assert before.cause()
    after = Listening(a_host(ONE), bench=before.bench)
    after.later(FRESH_FOR_NS)
    assert after.cause() == ""


def test_a_tick_is_due_when_a_book_would_be_too_old_and_when_the_cause_may_end() -> None:
    assert list(Listening(a_host(ONE)).feed.dues()) == []
    listening = Listening(a_host(ONE, Depth(10)))
    began = listening.bench.mono
    assert list(listening.feed.dues()) == [began + STALE_NS + 1]
    listening.later(STALE_NS + 1)
    assert list(listening.feed.dues()) == [], "the next book is an event"
    now = listening.bench.mono
    listening.hear(a_book(at=now))
    assert list(listening.feed.dues()) == [now + STALE_NS + 1, now + FRESH_FOR_NS]
