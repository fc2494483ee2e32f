"""What the venue refuses is tried ever more slowly; what stood is placed anew at once."""

from itertools import pairwise

import pytest

from benches import Bench, effects, sent
from desk.protections import OWNER, long_and_covered, protect, stops
from nightdesk.desk.attempts import RETRY_NS
from nightdesk.desk.events import Note
from nightdesk.model.order import Intent, OrderType, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import SECOND_NS


def test_what_the_venue_refuses_is_tried_ever_more_slowly_and_at_once_when_anything_changes() -> (
    None
):
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    times = []
    for _ in range(40 * 20):
        for intent in sent(bench.tick()):
            times.append(bench.wall)
            bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
        bench.quote()
    waits = [(later - at) / SECOND_NS for at, later in pairwise(times)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    protect(bench, stop="91")
    assert len(stops(bench, 0.1)) == 1


def test_what_the_venue_refuses_to_take_does_not_hold_back_an_exit() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    for _ in range(30 * 20):
        for intent in sent(bench.tick()):
            bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
        bench.quote()
    bench.wait(RETRY_NS)
    bench.quote(bid="89.5", ask="89.6")
    assert [intent.type for intent in sent(bench.tick())] == [OrderType.IOC]


@pytest.mark.parametrize("reason", [Reason.THROTTLED, Reason.BANNED, Reason.MAINTENANCE])
def test_a_venue_that_leaves_everything_undone_is_asked_ever_more_slowly(reason: Reason) -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    times = []
    for _ in range(30 * 20):
        for intent in sent(bench.tick()):
            times.append(bench.wall)
            bench.answer(intent, Verdict.NOT_SENT, reason)
        bench.quote()
    waits = [(later - at) / SECOND_NS for at, later in pairwise(times)]
    assert waits == [0.5, 1.0, 2.0, 4.0, *[5.0] * 4]


def test_an_exit_that_the_venue_refuses_is_tried_again_before_long() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    times = []
    for _ in range(40 * 20):
        bench.quote(bid="89.5", ask="89.6")
        for intent in sent(bench.tick()):
            times.append(bench.wall)
            bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
    waits = [(later - at) / SECOND_NS for at, later in pairwise(times)]
    assert max(waits) == 5.0


def test_an_exit_that_the_venue_refuses_is_said_once() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    made: list[Intent] = []
    said = []
    for n in range(20 * 20):
        bench.quote(bid=f"89.{n % 9}", ask="89.95")
        decision = bench.tick()
        said += [note for note in effects(Note, decision) if note.event == "protection.by_desk"]
        for intent in sent(decision):
            bench.answer(intent, Verdict.REJECTED, Reason.PERMANENT)
            made.append(intent)
    assert len(made) == 7
    assert len(said) == 1


def test_a_protection_that_stood_and_was_dropped_is_placed_anew_at_once() -> None:
    bench = long_and_covered(stop="90")
    for _ in range(5):
        bench.ticks(3, quoted=True)
        (order,) = bench.state.guarding(OWNER)
        bench.told(bench.report(order.intent, VenueStatus.EXPIRED))
        assert len(stops(bench, 0.2)) == 1


def test_one_that_never_stands_is_placed_ever_more_slowly() -> None:
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, stop="90")
    made = 0
    for _ in range(20 * 20):
        for intent in sent(bench.tick()):
            bench.ack(intent)
            bench.told(bench.report(intent, VenueStatus.EXPIRED))
            made += 1
        bench.quote()
    assert made == 6
