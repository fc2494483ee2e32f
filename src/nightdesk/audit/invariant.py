"""What an invariant is: it hears facts one by one and says which of them break its law."""

from collections.abc import Sequence
from typing import Protocol, get_args

import msgspec

from nightdesk.audit.facts import Fact, VenueSaid, Written
from nightdesk.model.records import Record

# A kind of fact: its type, a record's type, or the kind of a line in the venue's log.
Heard = type | str
RECORDS: frozenset[Heard] = frozenset(get_args(Record))  # all of them


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One violation; `order` is the client order id it is about, or "" where it is about none."""

    law: str
    order: str
    what: str
    at_ns: int = 0


class Invariant(Protocol):
    """One law, judged the same way in a simulation, at rest and over artefacts."""

    law: str
    needs: str  # which facts it cannot judge without, for people
    hears: frozenset[Heard]  # what means anything to it; it may be spared all else

    @property
    def checked(self) -> bool:
        """Whether anything was heard that this law can be judged by: silence is not innocence."""

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """The violations that this fact reveals; each is told once."""

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """What is wrong now that everything that was under way should have ended."""


def kind_of(fact: Fact) -> Heard:
    """What an invariant says that it hears."""
    if isinstance(fact, Written):
        return type(fact.record)
    return fact.entry.kind if isinstance(fact, VenueSaid) else type(fact)
