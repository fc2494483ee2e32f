"""All laws on one ledger judge as each does on its own."""

from audit.told import accept, configured, intended, sent
from builders import BTCUSDT
from nightdesk.audit.facts import Fact
from nightdesk.audit.i01_no_duplicate import NoDuplicate
from nightdesk.audit.i02_risk import Risk
from nightdesk.audit.i06_write_ahead import WriteAhead
from nightdesk.audit.i11_data import Data
from nightdesk.audit.invariant import Finding, Heard, Invariant
from nightdesk.audit.laws import Hearing, every_invariant
from nightdesk.audit.ledger import Ledger
from nightdesk.model.records import Intended


class Deaf:
    """Hears of intents only."""

    law = needs = ""
    hears: frozenset[Heard] = frozenset({Intended})
    checked = False

    def __init__(self) -> None:
        self.heard: list[Fact] = []

    def hear(self, fact: Fact) -> list[Finding]:
        self.heard.append(fact)
        return []

    def rest(self, at_ns: int) -> list[Finding]:
        return []


FACTS = [configured(), intended(), accept(1, "2"), accept(2, "1", order_id=2)]


def each_alone() -> list[Invariant]:
    """Those that have something to say of the facts, each with a ledger of its own."""
    return [NoDuplicate(), Risk(), WriteAhead(), Data()]


def test_a_shared_ledger_changes_no_finding() -> None:
    hearing = every_invariant()
    shared = [f for fact in FACTS for f in hearing.hear(fact)]
    alone = [f for law in each_alone() for fact in FACTS for f in law.hear(fact)]
    assert sorted(f.what for f in shared) == sorted(f.what for f in alone)
    assert len(shared) > 1


def test_they_are_in_order_and_say_what_they_need() -> None:
    laws = every_invariant().invariants
    assert [int(law.law.split()[0][1:]) for law in laws] == list(range(1, 15))
    assert all(law.needs and not law.checked for law in laws)


def test_a_law_is_spared_what_it_does_not_hear_and_its_ledger_is_not() -> None:
    law = Deaf()
    hearing = Hearing([law], Ledger())
    for fact in (*FACTS, sent()):
        assert hearing.hear(fact) == ()
    assert law.heard == [FACTS[1]]
    assert hearing.ledger.worst(BTCUSDT) == 3
