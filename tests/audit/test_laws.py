"""All laws on one ledger judge as each does on its own."""

from audit.told import accept, configured, intended
from nightdesk.audit.i01_no_duplicate import NoDuplicate
from nightdesk.audit.i02_risk import Risk
from nightdesk.audit.i06_write_ahead import WriteAhead
from nightdesk.audit.i11_data import Data
from nightdesk.audit.invariant import Invariant
from nightdesk.audit.laws import every_invariant

FACTS = [configured(), intended(), accept(1, "2"), accept(2, "1", order_id=2)]


def each_alone() -> list[Invariant]:
    """Those that have something to say of the facts, each with a ledger of its own."""
    return [NoDuplicate(), Risk(), WriteAhead(), Data()]


def test_a_shared_ledger_changes_no_finding() -> None:
    laws = every_invariant()
    shared = [f for fact in FACTS for law in laws for f in law.hear(fact)]
    alone = [f for law in each_alone() for fact in FACTS for f in law.hear(fact)]
    assert sorted(f.what for f in shared) == sorted(f.what for f in alone)
    assert len(shared) > 1


def test_they_are_in_order_and_say_what_they_need() -> None:
    laws = every_invariant()
    assert [int(law.law.split()[0][1:]) for law in laws] == list(range(1, 14))
    assert all(law.needs and not law.checked for law in laws)
