"""One intent is never more at the venue than it was meant to be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.told import ID, accept, amend_asked, amended, fill, heard, intended, said, whats
from builders import D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i01_no_duplicate import NoDuplicate
from nightdesk.model.order import Side

TWICE = [accept(1), accept(2, order_id=2)]


@pytest.mark.parametrize(
    "facts",
    [
        [intended(), accept(), fill()],
        [intended(), accept(), fill(qty="0.4"), said("cancel"), accept(order_id=2, qty="0.6")],
        [intended(), accept(), said("cancel"), accept(order_id=2), fill(order_id=2)],
        [intended(qty=D(2)), *TWICE],
        [accept()],
        [accept(client_order_id="web_x"), accept(client_order_id="web_x", order_id=2)],
        [intended(), accept(qty="0.5")],
        [intended(), accept(), amend_asked("2"), amended("2"), fill(qty="2")],
        [intended(), accept(), amend_asked("0.5"), amended("0.5"), fill(qty="0.5")],
    ],
    ids=[
        "filled",
        "the rest again",
        "again after a cancel",
        "two halves",
        "unknown",
        "foreign",
        "less",
        "amended to more",
        "amended to less",
    ],
)
def test_what_was_meant_is_no_duplicate(facts: list[Fact]) -> None:
    assert whats(NoDuplicate(), facts) == []


@pytest.mark.parametrize(
    "facts",
    [
        [intended(), *TWICE],
        [*TWICE, intended()],
        TWICE,
        [intended(), accept(), fill(qty="0.4"), said("cancel"), accept(order_id=2, qty="0.61")],
        [intended(), accept(), fill(), accept(order_id=2)],
        [intended(), accept(qty="1.1")],
        [intended(side=Side.SELL), accept()],
        [intended(), accept(), amend_asked("2"), amended("2.1")],
        [intended(), accept(), amended("2")],
    ],
    ids=[
        "live twice",
        "intent last",
        "no intent",
        "a bit too much",
        "after a fill",
        "larger",
        "side",
        "amended beyond what was asked",
        "amended, and nobody asked",
    ],
)
def test_more_than_was_meant_is_found_once(facts: list[Fact]) -> None:
    (found,) = heard(NoDuplicate(), facts)
    assert found.order == ID


def test_it_is_found_at_the_fact_that_makes_it() -> None:
    law = NoDuplicate()
    assert not law.checked
    assert whats(law, [intended(), accept(1)]) == []
    assert law.checked
    (found,) = law.hear(accept(7, order_id=2))
    assert found.at_ns == accept(7).at_ns
    assert law.rest(0) == ()


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=6),
    st.integers(1, 20),
)
def test_it_is_found_exactly_when_what_was_taken_ever_passes_the_quantity(
    orders: list[tuple[int, bool]], wanted: int
) -> None:
    facts: list[Fact] = [intended(qty=D(wanted))]
    taken, most = Decimal(0), Decimal(0)
    for number, (qty, cancelled) in enumerate(orders, start=1):
        facts.append(accept(number, str(qty), order_id=number, client_order_id=an_id()))
        most = max(most, taken + qty)
        if cancelled:
            facts.append(said("cancel", number, order_id=number))
        else:
            taken += qty
    assert bool(heard(NoDuplicate(), facts)) == (most > wanted)


REPLACES = {"client_id": an_id(2), "replaces": ID}
NEW = {"order_id": 2, "client_order_id": an_id(2)}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([accept(1), intended(**REPLACES), said("cancel", 2), accept(2, **NEW)], 0),
        ([accept(1), fill(), intended(**REPLACES), accept(2, **NEW)], 0),
        ([accept(1), intended(**REPLACES)], 0),
        ([accept(1), intended(**REPLACES), accept(2, **NEW)], 1),
        ([accept(1), accept(2, **NEW), intended(**REPLACES)], 1),
        ([accept(1), intended(**REPLACES), accept(2, **NEW), said("cancel", 3)], 1),
    ],
    ids=["cancelled", "filled", "not taken", "beside it", "intent last", "late cancel"],
)
def test_what_takes_anothers_place_never_stands_beside_it(facts: list[Fact], found: int) -> None:
    told = heard(NoDuplicate(), [intended(0, client_id=ID), *facts])
    assert [finding.order for finding in told] == [an_id(2)] * found
