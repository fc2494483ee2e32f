"""Artefacts: planted ones, and a real journal with the lab's own log, clean and corrupted by hand."""

import asyncio
from decimal import Decimal

import msgspec
import pytest

from audit.told import accept, answered, arrival, fill, inputs, intended, reported, said
from builders import D, an_id
from nightdesk.adapters.journal_file import history_of
from nightdesk.audit.facts import VenueSaid, Written
from nightdesk.audit.venue_log import Entry
from nightdesk.audit.verdict import Judged, Verdict, judge
from nightdesk.model.order import VenueStatus
from nightdesk.model.outcome import Verdict as Outcome
from nightdesk.model.records import Intended, Record
from nightdesk.model.time import Wall
from node.healing import QUICK
from worlds import SimWorld, live

History = list[tuple[int, int, Wall, Record]]
SEEN = intended(inputs=inputs())
FILLED = reported(VenueStatus.FILLED, "1")


def judged(journal: list[Written], venue: list[VenueSaid], account: str = "practice") -> Verdict:
    history = [(w.seq, w.epoch, w.decided_at, w.record) for w in journal]
    return judge(history, [s.entry for s in venue], account=account)


def laws(verdict: Verdict) -> list[str]:
    return [finding.law.split()[0] for finding in verdict.findings]


@pytest.mark.parametrize(
    ("journal", "venue"),
    [
        ([SEEN, FILLED], [accept(), fill()]),
        ([SEEN, reported(VenueStatus.CANCELLED)], [accept(), said("cancel")]),
        ([SEEN, answered(Outcome.REJECTED)], []),
        ([SEEN, answered(Outcome.REJECTED)], [arrival(1)]),
        ([], [accept(client_order_id="web_somebody-else")]),
        ([], [accept(account="another")]),
        ([], []),
    ],
    ids=["filled", "cancelled", "rejected", "refused", "foreign", "another account", "nothing"],
)
def test_what_is_in_order_is_clean(journal: list[Written], venue: list[VenueSaid]) -> None:
    assert judged(journal, venue).clean


def test_several_violations_are_all_found_and_counted() -> None:
    journal = [SEEN, intended(client_id=an_id(2), inputs=inputs())]
    venue = [
        accept(1),
        fill(1),
        accept(2, order_id=2),
        accept(3, order_id=3, client_order_id=an_id(9)),
    ]
    verdict = judged(journal, venue)
    assert sorted(laws(verdict)) == ["I1", "I5", "I5", "I5", "I6"]
    assert verdict.duplicates == 1
    (row,) = [row for row in verdict.rows if row.law.startswith("I6")]
    assert row.verdict is Judged.VIOLATED
    assert row.first_at_ns == accept(3).at_ns


def test_what_artefacts_cannot_tell_is_not_checked_and_not_said_to_hold() -> None:
    verdict = judged([SEEN, FILLED], [accept(), fill()])
    rows = {row.law.split()[0]: row for row in verdict.rows}
    assert len(rows) == 14
    assert rows["I1"].verdict is rows["I6"].verdict is Judged.HOLDS
    for law in ("I2", "I4", "I7", "I8", "I9", "I10", "I12", "I14"):
        assert rows[law].verdict is Judged.NOT_CHECKED
        assert rows[law].needs
    assert all(row.verdict is Judged.NOT_CHECKED for row in judged([], []).rows)


def test_without_an_account_every_account_is_read_and_the_desk_known_by_its_ids() -> None:
    assert laws(judged([], [accept(account="another")], account="")) == ["I6"]
    elsewhere = accept(order_id=2, client_order_id=an_id(1, desk=9))
    assert judged([SEEN, FILLED], [accept(), fill(), elsewhere], account="").clean


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, list[Entry]]:
    """Half a minute of a desk whose answers are now and then lost, stopped in order."""

    async def main() -> tuple[History, list[Entry]]:
        world = SimWorld(tmp_path_factory.mktemp("audited"), seed=11, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(8)
        world.fault("lost_response", match={"method": "POST", "path": "/api/v3/order"}, count=3)
        await asyncio.sleep(12)
        world.heal()
        await asyncio.sleep(10)
        await life.stop()
        return list(history_of(world.path)), world.entries()

    return live(main)


def filled_ids(entries: list[Entry]) -> list[str]:
    return [e.client_order_id or "" for e in entries if e.kind == "fill"]


def test_a_real_journal_and_log_are_clean(artefacts: tuple[History, list[Entry]]) -> None:
    verdict = judge(*artefacts, account="practice")
    assert verdict.findings == []
    rows = {row.law.split()[0]: row.verdict for row in verdict.rows}
    holds = {law for law, what in rows.items() if what is Judged.HOLDS}
    assert holds == {"I1", "I2", "I3", "I5", "I6", "I9", "I11", "I13"}
    assert len(filled_ids(artefacts[1])) > 3


def test_an_order_doubled_in_the_log_is_found(artefacts: tuple[History, list[Entry]]) -> None:
    history, entries = artefacts
    victim = filled_ids(entries)[-1]
    again = [
        msgspec.structs.replace(e, order_id=10**9)
        for e in entries
        if e.client_order_id == victim and e.order_id is not None
    ]
    found = judge(history, [*entries, *again], account="practice")
    assert found.duplicates == 1
    assert {f.order for f in found.findings} == {victim}
    assert {"I1", "I5"} <= set(laws(found))


def test_an_intent_taken_out_of_the_history_is_found(
    artefacts: tuple[History, list[Entry]],
) -> None:
    history, entries = artefacts
    victim = filled_ids(entries)[-1]
    left = [
        row
        for row in history
        if not (isinstance(row[3], Intended) and row[3].intent.client_id == victim)
    ]
    assert len(left) == len(history) - 1
    found = judge(left, entries, account="practice")
    assert "I6" in laws(found)
    assert {f.order for f in found.findings} == {victim}


@pytest.mark.parametrize("changed", ["0.5", "1.5"])
def test_a_fill_that_was_changed_is_found(
    artefacts: tuple[History, list[Entry]], changed: str
) -> None:
    history, entries = artefacts
    place = max(i for i, e in enumerate(entries) if e.kind == "fill")
    victim = entries[place]
    qty = (victim.last_quantity or D(0)) * Decimal(changed)
    entries = [
        *entries[:place],
        msgspec.structs.replace(victim, last_quantity=qty),
        *entries[place + 1 :],
    ]
    found = judge(history, entries, account="practice")
    assert "I5" in laws(found)
    assert {f.order for f in found.findings} == {victim.client_order_id}
