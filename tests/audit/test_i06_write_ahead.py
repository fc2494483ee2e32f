"""No order before its intent."""

import pytest

from audit.told import (
    MS_NS,
    NOW,
    accept,
    amend_asked,
    amended,
    an_id,
    arrival,
    at,
    imported,
    intended,
    kept,
    sent,
    whats,
)
from nightdesk.audit.facts import Fact
from nightdesk.audit.i06_write_ahead import WriteAhead

OTHER = an_id(2)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([intended(), sent(1)], []),
        ([sent(1), intended(2)], ["sent before its intent was durable"]),
        ([sent(1), sent(2)], ["sent before"]),
        ([sent(1, "cancel"), sent(1, "query"), sent(1, "other")], []),
        # Once bytes are heard, the clocks of artefacts do not matter.
        ([intended(5, decided=900), sent(6), arrival(7), accept(8)], []),
        # A spool will do, and the journal has it in the end: by its own slot, or found by who leads next.
        ([kept(0), sent(1), accept(2), intended(9)], []),
        ([kept(0), sent(1), accept(2), imported(9)], []),
        ([kept(0), sent(1), accept(2)], ["at the venue, not in the journal"]),
        ([sent(1), kept(2), imported(9)], ["sent before"]),
        ([arrival(300), imported(900, kept_ms=290)], []),
        ([arrival(0), intended(100)], []),
        ([arrival(0), intended(101)], ["sent 101 ms before it was intended"]),
        ([intended(101), arrival(0)], ["sent 101 ms before"]),
        ([accept(0), intended(101)], ["sent 101 ms before"]),
        # A request's own stamp is the desk's clock, whatever the venue's says.
        ([intended(0), arrival(-3_000, timestamp=str(at(0) // MS_NS + 1))], []),
        ([intended(0), arrival(3_000, timestamp=str(at(-200) // MS_NS))], ["sent 200 ms before"]),
        ([arrival()], ["at the venue, not in the journal"]),
        ([accept()], ["at the venue, not in the journal"]),
        ([arrival(side=None)], []),
        ([accept(client_order_id="web_somebody-else")], []),
        ([intended(client_id=OTHER), accept(client_order_id=an_id(9, desk=7))], []),
        ([intended(client_id=OTHER), accept()], ["not in the journal"]),
        ([intended(), sent(1), amend_asked(ms=2), sent(3, "amend"), amended()], []),
        ([intended(), sent(1), sent(2, "amend"), amend_asked(ms=3)], ["before that was durable"]),
        ([intended(), amend_asked(), sent(1, "amend"), sent(2, "amend")], ["or twice"]),
        ([intended(), sent(1), amend_asked(), amended("3")], ["amended to 3 at 101, and no"]),
        ([intended(), sent(1), amend_asked(), amended(price="102")], ["amended to 2 at 102"]),
    ],
)
def test_an_intent_comes_before_its_order(facts: list[Fact], found: list[str]) -> None:
    told = whats(WriteAhead(), facts, rest_ms=10_000)
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


def test_inline_it_fails_at_the_send_itself() -> None:
    law = WriteAhead()
    assert not law.checked
    assert [finding.at_ns for finding in law.hear(sent(3))] == [at(3)]
    assert law.checked


def test_the_clocks_error_can_be_given() -> None:
    assert whats(WriteAhead(clock_error_ns=0), [arrival(0), intended(1)]) != []
    assert NOW % MS_NS == 0
