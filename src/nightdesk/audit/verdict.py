"""The laws over artefacts: a journal and a venue's log, judged by the same invariants as a simulation.

The two are told in the order of their times. Their clocks differ a little, so that what compares them allows
for that, or waits until everything was heard.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from heapq import merge

import msgspec

from nightdesk.audit.facts import VenueSaid, Written
from nightdesk.audit.i01_no_duplicate import LAW as NO_DUPLICATE
from nightdesk.audit.invariant import Finding, Invariant
from nightdesk.audit.laws import every_invariant
from nightdesk.audit.venue_log import Entry
from nightdesk.model.records import Record
from nightdesk.model.time import Wall


class Judged(StrEnum):
    """What became of a law."""

    HOLDS = "holds"
    VIOLATED = "violated"
    NOT_CHECKED = "not checked"


class InvariantRow(msgspec.Struct, frozen=True, kw_only=True):
    """One law; `needs` says what it could not be checked without. `first_at_ns` is 0 without findings."""

    law: str
    verdict: Judged
    findings: list[Finding]
    first_at_ns: int
    needs: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Every law, whether it holds, is violated, or could not be checked."""

    rows: list[InvariantRow]

    @property
    def findings(self) -> list[Finding]:
        """Every violation, law by law."""
        return [finding for row in self.rows for finding in row.findings]

    @property
    def clean(self) -> bool:
        """Whether no law is violated; a law that was not checked is not."""
        return not self.findings

    @property
    def duplicates(self) -> int:
        """How many intents have more than their quantity at the venue."""
        return sum(1 for finding in self.findings if finding.law == NO_DUPLICATE)


def judge(
    history: Iterable[tuple[int, int, Wall, Record]],
    entries: Iterable[Entry],
    *,
    account: str = "",
    resolve_within_ns: int = 0,
) -> Verdict:
    """Hold a stopped desk's journal (slot, epoch, frame's time, record) and the venue's log together.

    `account` is the venue's name of the desk's account; "" takes every account's orders, and the desk's own are
    known by their ids. Both inputs come in their own order and are read once.
    """
    hearing = every_invariant(account=account, resolve_within_ns=resolve_within_ns)
    found: list[Finding] = []
    last_ns = 0
    for fact in _facts(history, entries):
        last_ns = max(last_ns, fact.at_ns)
        found += hearing.hear(fact)
    found += hearing.rest(last_ns)
    return Verdict(rows=[_row(law, found) for law in hearing.invariants])


def _facts(
    history: Iterable[tuple[int, int, Wall, Record]], entries: Iterable[Entry]
) -> Iterator[VenueSaid | Written]:
    written = (
        Written(at_ns=at, seq=seq, epoch=epoch, record=record, decided_at=at)
        for seq, epoch, at, record in history
    )
    said = (VenueSaid(at_ns=entry.at_ns, entry=entry) for entry in entries)
    # At the same moment the journal speaks first: an intent comes before what it brings about.
    return merge(written, said, key=lambda fact: fact.at_ns)


def _row(law: Invariant, found: list[Finding]) -> InvariantRow:
    findings = [finding for finding in found if finding.law == law.law]
    verdict = Judged.HOLDS if law.checked else Judged.NOT_CHECKED
    return InvariantRow(
        law=law.law,
        verdict=Judged.VIOLATED if findings else verdict,
        findings=findings,
        first_at_ns=min((finding.at_ns for finding in findings), default=0),
        needs=law.needs,
    )
