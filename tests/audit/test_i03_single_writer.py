"""Who places, until when, and in which order of epochs."""

import pytest

from audit.told import (
    accept,
    amend_asked,
    amended,
    at,
    bought,
    cancel_asked,
    entry,
    intended,
    leased,
    opened,
    sent,
    whats,
)
from builders import NOW, D, an_id
from nightdesk.audit.facts import Ended, Fact, VenueSaid
from nightdesk.audit.i03_single_writer import SingleWriter
from nightdesk.model.order import Origin, Side
from nightdesk.model.time import MS_NS, SECOND_NS, Wall

MS = NOW // MS_NS


def stamped(
    arrived_ms: float, *, stamp_ms: int = 0, window_ms: int | None = 500, **rest: object
) -> Fact:
    made = {"quantity": D(1), "arrived_ns": at(arrived_ms), "timestamp": str(MS + stamp_ms), **rest}
    window = None if window_ms is None else str(window_ms)
    return VenueSaid(
        at_ns=at(arrived_ms), entry=entry("accept", arrived_ms, recv_window=window, **made)
    )


@pytest.mark.parametrize(
    ("fact", "late"),
    [
        (stamped(500), False),
        (stamped(500.001), True),
        (stamped(5_000, window_ms=None), False),
        (stamped(5_001, window_ms=None), True),
        (stamped(900, clock_offset_ns=-400 * MS_NS), False),
        (stamped(900, clock_offset_ns=-399 * MS_NS), True),
        (stamped(200, clock_offset_ns=400 * MS_NS), True),
        (accept(9_999), False),
    ],
)
def test_an_accept_after_its_window_is_found(fact: Fact, late: bool) -> None:
    assert bool(whats(SingleWriter(), [fact])) == late


@pytest.mark.parametrize(
    ("lease", "found"),
    [
        (leased(0, until=1_000), []),
        (leased(0, until=100), ["asked for 100.000 ms after the lease"]),
        (leased(0, epoch=2, until=1_000), ["asked for in epoch 1 while epoch 2 has the lease"]),
        (leased(0, holder="", until=1_000), ["while nobody has the lease"]),
        (leased(0, holder="b", until=1_000), ["asked for by a while b has the lease"]),
    ],
)
def test_only_who_holds_the_lease_asks_for_a_countdown(lease: Fact, found: list[str]) -> None:
    told = whats(SingleWriter(), [lease, sent(200, "countdown", instrument="BTCUSDT")])
    assert len(told) == len(found)
    assert all(part in what for part, what in zip(found, told, strict=True))


@pytest.mark.parametrize(("deadline_ms", "wide"), [(500, False), (499, True)])
def test_a_window_that_outlives_its_intents_deadline_is_found(deadline_ms: int, wide: bool) -> None:
    known = intended(-10, deadline=Wall(MS * MS_NS + deadline_ms * MS_NS))
    assert bool(whats(SingleWriter(), [known, stamped(10)])) == wide


@pytest.mark.parametrize(("deadline_ms", "wide"), [(500, False), (499, True)])
def test_a_window_that_outlives_the_deadline_of_other_terms_is_found(
    deadline_ms: int, wide: bool
) -> None:
    deadline = Wall(MS * MS_NS + deadline_ms * MS_NS)
    asked = amend_asked("1", "101", -5, deadline=deadline)
    stamp = {"timestamp": str(MS), "recv_window": "500"}
    taken = amended("1", "101", 10, arrived_ns=at(10), **stamp)
    assert bool(whats(SingleWriter(), [intended(-10), asked, taken])) == wide


def test_only_the_leases_holder_amends() -> None:
    lease = leased(epoch=1, holder="a", until=1_000)
    assert whats(SingleWriter(), [lease, sent(1, "amend", node="a", epoch=1)]) == []
    assert len(whats(SingleWriter(), [lease, sent(1, "amend", node="b", epoch=1)])) == 1


def of_epoch(epoch: int, number: int, nonce: int = 1, desk: int = 1, **rest: object) -> Fact:
    name = an_id(number, epoch=epoch, nonce=nonce, desk=desk)
    return accept(number, order_id=number, client_order_id=name, **rest)


def closes(epoch: int, number: int, **rest: object) -> list[Fact]:
    """An order of an epoch as its journal knows it, and its accept."""
    name = an_id(number, epoch=epoch)
    return [
        intended(number, epoch=epoch, client_id=name, side=Side.SELL, **rest),
        of_epoch(epoch, number, side="SELL"),
    ]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([of_epoch(1, 1), of_epoch(2, 2), of_epoch(2, 3)], 0),
        ([of_epoch(1, 1), of_epoch(2, 2), of_epoch(1, 3)], 1),
        ([of_epoch(1, 1, desk=1), of_epoch(2, 2, desk=2), of_epoch(1, 3, desk=1)], 0),
        ([opened(1), opened(2, nonce=2), of_epoch(2, 1, nonce=2), of_epoch(1, 2)], 1),
        ([opened(1, nonce=8), of_epoch(7, 1, nonce=5), of_epoch(1, 2, nonce=8)], 0),
        ([of_epoch(1, 1), of_epoch(2, 2, symbol="ETHUSDT"), of_epoch(1, 3)], 0),
        ([*bought(0, "2", 1), *closes(2, 2), of_epoch(1, 3)], 0),
        ([*closes(2, 2, origin=Origin.FLATTEN), of_epoch(1, 3)], 0),
        ([*closes(2, 2), of_epoch(1, 3)], 1),
    ],
    ids=[
        *("in order", "an old one after", "two desks", "known lives", "another journal's life"),
        *("another instrument", "a newer one closed", "a newer one flattened", "it went short"),
    ],
)
def test_no_old_epoch_is_accepted_after_a_newer_one(facts: list[Fact], found: int) -> None:
    assert len(whats(SingleWriter(), facts)) == found


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([leased(), sent(1_000)], []),
        ([leased(), sent(1_000.001)], ["0.001 ms after the lease"]),
        ([leased(), leased(900, until=2_000), sent(1_500)], []),
        ([leased(epoch=2, holder="b"), sent(1)], ["in epoch 1 while epoch 2"]),
        ([leased(holder="b"), sent(1)], ["by a while b"]),
        ([leased(holder=""), sent(1)], ["nobody has the lease"]),
        ([leased(epoch=2, holder="b"), sent(1, "cancel"), sent(1, "query"), sent(1, "other")], []),
        ([leased(), sent(1, node="b", epoch=0)], ["in epoch 0 while epoch 1"]),
        ([sent(1)], []),
    ],
)
def test_only_the_leases_holder_places_and_only_in_time(
    facts: list[Fact], found: list[str]
) -> None:
    told = whats(SingleWriter(), facts)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([leased(), leased(500, until=1_500)], []),
        ([leased(), leased(1_000, epoch=2, holder="b", until=2_000)], []),
        ([leased(), leased(989, epoch=2, holder="b", until=2_000)], ["b takes the lease of a"]),
        ([leased(), Ended(at_ns=at(1), node="a"), leased(2, epoch=2, holder="b")], []),
        ([leased(), leased(1, holder=""), leased(2, epoch=2, holder="b")], []),
        ([leased(), leased(1, holder="b")], ["epoch 1 of a is renewed by b"]),
        ([leased(), Ended(at_ns=at(1), node="c"), leased(2, epoch=2, holder="b")], ["takes"]),
    ],
    ids=[
        *("renewed", "over", "early", "its holder ended", "given back", "another's"),
        "somebody else ended",
    ],
)
def test_a_lease_moves_with_an_epoch_and_from_the_living_only_when_its_time_is_over(
    facts: list[Fact], found: list[str]
) -> None:
    told = whats(SingleWriter(), facts)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([leased(), opened(1), cancel_asked(1)], []),
        (
            [leased(), cancel_asked(1), leased(2, epoch=2, holder="b"), cancel_asked(3)],
            ["early", "epoch 2 has"],
        ),
        ([leased(), leased(1, holder=""), cancel_asked(2)], ["gave the lease back"]),
        ([opened(1), opened(2, nonce=1)], ["the nonce of an earlier one"]),
        ([opened(1), opened(2, nonce=2)], []),
        ([cancel_asked(1)], []),
    ],
)
def test_only_the_epoch_that_has_the_lease_appends_with_a_nonce_of_its_own(
    facts: list[Fact], found: list[str]
) -> None:
    told = whats(SingleWriter(), facts)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


STOP = intended(-5, origin=Origin.PROTECT)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([STOP, leased(), sent(1_000, "cancel")], []),
        ([STOP, leased(), sent(1_001, "cancel")], ["after the lease"]),
        ([STOP, leased(epoch=2, holder="b"), sent(1, "cancel")], ["in epoch 1 while epoch 2"]),
        ([intended(-5), leased(epoch=2, holder="b"), sent(1, "cancel")], []),
        ([STOP, sent(1, "cancel")], []),
        ([opened(2), sent(1, "cancel", client_id=an_id(1, epoch=2))], ["an order of epoch 2"]),
        ([sent(1, "cancel", client_id=an_id(1, epoch=2))], []),
    ],
)
def test_only_the_leases_holder_cancels_what_protects_and_nobody_what_a_newer_one_placed(
    facts: list[Fact], found: list[str]
) -> None:
    told = whats(SingleWriter(), facts)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


def test_a_margin_ends_the_lease_earlier() -> None:
    law = SingleWriter(margin_ns=SECOND_NS // 2)
    assert whats(law, [leased(), sent(500)]) == []
    (found,) = whats(law, [sent(501)])
    assert found.startswith("placed 1.000 ms after")


def test_it_is_the_arrival_that_counts_and_not_how_long_the_venue_worked() -> None:
    slow = entry(
        "accept", 900, quantity=D(1), timestamp=str(MS), recv_window="500", arrived_ns=at(400)
    )
    assert whats(SingleWriter(), [VenueSaid(at_ns=at(900), entry=slow)]) == []
    quick = entry("accept", 900, quantity=D(1), timestamp=str(MS), recv_window="500")
    assert whats(SingleWriter(), [VenueSaid(at_ns=at(900), entry=quick)]) != []


def test_it_is_checked_once_it_heard_an_accept_or_a_send_under_a_lease() -> None:
    for facts, checked in (([sent()], False), ([leased(), sent()], True), ([accept()], True)):
        law = SingleWriter()
        whats(law, facts, rest_ms=0)
        assert law.checked == checked
    foreign = SingleWriter()
    whats(foreign, [accept(client_order_id="web_x")])
    assert not foreign.checked
