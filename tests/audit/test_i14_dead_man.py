"""A countdown that runs out under a desk that is well, and one that begins over a stop, are found."""

from typing import Any

import pytest

from audit.contracts import PERP, STOP, a_perp, both, taken, wanted
from audit.told import at, leased, published, reported, said, sent, whats
from builders import an_id
from nightdesk.audit.facts import Fact, SentOut, ToldToWait, VenueSaid
from nightdesk.audit.i14_dead_man import DeadMan
from nightdesk.model.order import VenueStatus

LENGTH_MS = 30_000


def countdown(what: str, ms: float, length_ms: int | None = None) -> VenueSaid:
    made: dict[str, Any] = {"client_order_id": None, "order_id": None, "side": None}
    return said("countdown", ms, what=what, length_ms=length_ms, venue="usdm", **made)


def asked(ms: float) -> SentOut:
    return sent(ms, "countdown", client_id="", venue="usdm", instrument="BTCUSDT")


def days(
    *, lead_until_ms: float = 40_000, well_until_ms: float = 40_000, ask_until_ms: float = 40_000
) -> list[Fact]:
    """A desk that leads, is well and asks other things, each for so long."""
    facts: list[Fact] = [asked(0), countdown("begun", 1, LENGTH_MS)]
    for ms in range(-2_000, 40_000, 500):
        if ms < lead_until_ms:
            facts.append(leased(ms, until=ms + 3_000))
        if ms % 1_000 == 0 and ms < well_until_ms:
            facts.append(published(ms, trading=True))
        if ms < ask_until_ms:
            facts.append(sent(ms, "query", client_id="", venue="usdm"))
    return sorted(facts, key=lambda fact: fact.at_ns)


def until(facts: list[Fact], ms: float, *more: Fact) -> list[Fact]:
    return [*(fact for fact in facts if fact.at_ns < at(ms)), *more]


OUT = countdown("ran out", 30_001)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (days(), True),
        (days(lead_until_ms=20_000), False),
        (days(well_until_ms=20_000), False),
        (days(ask_until_ms=20_000), False),  # perhaps nothing had room
        ([*days(), asked(12_000)], False),  # the venue did not hear, or refused
        ([*days(), leased(15_000, epoch=2, until=50_000)], False),  # another led for a while
        ([*days(), published(15_000, trading=True, mode="REDUCE_ONLY")], False),
        (
            [*days(), ToldToWait(at_ns=at(5_000), node="n", until_ns=at(25_000), venue="usdm")],
            False,
        ),
    ],
)
def test_a_desk_that_is_well_forgets_no_countdown(facts: list[Fact], found: bool) -> None:
    facts = sorted(facts, key=lambda fact: fact.at_ns)
    assert bool(whats(DeadMan(), until(facts, 30_001, OUT))) is found


def test_one_that_was_stopped_does_not_run_out() -> None:
    stopped = countdown("stopped", 20_000, 0)
    assert whats(DeadMan(), until(days(), 20_000, stopped, OUT)) == []


@pytest.mark.parametrize(
    ("ms", "what", "ended", "found"),
    [
        (6_000, "begun", False, True),
        (4_000, "begun", False, False),  # sent before the stop was intended, perhaps
        (6_000, "stopped", False, False),
        (6_000, "begun", True, False),  # the journal knows that it ended
    ],
)
def test_none_begins_over_an_order_that_protects(
    ms: float, what: str, ended: bool, found: bool
) -> None:
    stop = wanted(0, 2, **STOP)
    accepted = taken(1, number=2, side="SELL", order_type="STOP_MARKET")
    facts: list[Fact] = [both(), stop, accepted]
    if ended:
        facts.append(
            reported(VenueStatus.CANCELLED, ms=2, client_id=an_id(2), instrument=a_perp().id)
        )
    told = whats(DeadMan(), [*facts, countdown(what, ms, LENGTH_MS)])
    assert bool(told) is found
    assert all("protects a position" in each and str(PERP) in each for each in told)


@pytest.mark.parametrize(
    ("ms", "more", "found"),
    [
        (9_000, [], True),
        (4_000, [], False),  # perhaps it did not know of the entry yet
        (9_000, [wanted(0, 3, **STOP)], False),  # an exit is open, or may be
        (9_000, [wanted(6_000, 3, **STOP)], False),
        (
            9_000,
            [reported(VenueStatus.CANCELLED, ms=2, client_id=an_id(1), instrument=PERP)],
            False,
        ),  # it knows nothing of one
    ],
)
def test_none_is_stopped_while_entries_rest_alone(
    ms: float, more: list[Fact], *, found: bool
) -> None:
    facts = [both(), wanted(), taken(1), *more]
    told = whats(DeadMan(), [*facts, countdown("stopped", ms, 0)])
    assert bool(told) is found, told
    assert all("was stopped while" in each and str(PERP) in each for each in told)


def test_an_entry_may_have_one() -> None:
    facts = [both(), wanted(0), taken(1), countdown("begun", 9_000, LENGTH_MS)]
    assert whats(DeadMan(), facts) == []


def test_a_venue_without_countdowns_is_not_checked() -> None:
    law = DeadMan()
    for fact in (leased(0), published(1), sent(2, "query")):
        law.hear(fact)
    assert not law.checked
    law.hear(countdown("begun", 3, LENGTH_MS))
    assert law.checked
