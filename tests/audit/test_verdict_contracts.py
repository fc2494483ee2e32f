"""A real journal of a desk of perpetuals with the lab's own log, clean, and corrupted by hand."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from builders import D
from nightdesk.adapters.journal_file import history_of
from nightdesk.audit.venue_log import Entry
from nightdesk.audit.verdict import Judged, Verdict, judge
from nightdesk.model.records import Flowed, ForceTraded, Record
from nightdesk.model.time import Wall
from nightdesk.strategy.messages import Protect, Target
from node.perps import BTC, ETH, PerpWorld, want
from worlds import live

History = list[tuple[int, int, Wall, Record]]
Artefacts = tuple[History, list[Entry]]


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """A desk that is long and short, protected by orders that wait, over a funding at midnight, a deleveraging
    and a transfer."""

    async def main() -> Artefacts:
        world = PerpWorld(tmp_path_factory.mktemp("audited"), quiet=True)
        world.fault("funding_shock", symbol="BTCUSDT", bps=20)
        life = await world.holding()
        mid = life.node.shell.desk.views.quotes[BTC].mid
        want(life, Protect(instrument=BTC, stop=mid * D("0.9"), take_profit=mid * D("1.1")))
        want(life, Target(instrument=ETH, qty=D("-0.3")))
        await asyncio.sleep(10)
        eth = life.node.shell.desk.views.quotes[ETH].mid
        want(life, Protect(instrument=ETH, stop=eth * D("1.0002"), take_profit=eth * D("0.9998")))
        await asyncio.sleep(370)
        world.fault("transfer", account="practice", asset="USDT", amount="-500", venue="usdm")
        world.fault("adl", account="practice", symbol="BTCUSDT", fraction=0.5)
        await asyncio.sleep(150)
        want(life, Target(instrument=ETH, qty=D("0.1")))
        await asyncio.sleep(10)
        await life.stop()
        return list(history_of(world.path)), world.entries()

    return live(main)


def laws(verdict: Verdict) -> set[str]:
    return {finding.law.split()[0] for finding in verdict.findings}


def test_a_real_journal_and_log_are_clean(artefacts: Artefacts) -> None:
    verdict = judge(*artefacts, account="practice")
    assert verdict.findings == []
    rows = {row.law.split()[0]: row.verdict for row in verdict.rows}
    holds = {law for law, what in rows.items() if what is Judged.HOLDS}
    assert holds == {"I1", "I2", "I3", "I4", "I5", "I6", "I9", "I10", "I11", "I13"}
    kinds = {entry.kind for entry in artefacts[1]}
    assert {"algo", "funding", "transfer", "fill"} <= kinds
    traded = [e for e in artefacts[1] if e.kind == "accept" and e.algo_id is not None]
    assert traded, "no conditional order was triggered"


def judged_with(
    artefacts: Artefacts, pick: Callable[[Entry], bool], **changed: Any
) -> tuple[Verdict, Entry]:
    """With the last entry of some kind changed, or left out."""
    history, entries = artefacts
    place = max(i for i, entry in enumerate(entries) if pick(entry))
    victim = entries[place]
    new = [msgspec.structs.replace(victim, **changed)] if changed else []
    return judge(
        history, [*entries[:place], *new, *entries[place + 1 :]], account="practice"
    ), victim


def of(kind: str, what: str | None = None) -> Callable[[Entry], bool]:
    return lambda e: e.kind == kind and what in (None, e.what) and e.venue == "usdm"


def ours(kind: str) -> Callable[[Entry], bool]:
    return lambda e: e.kind == kind and not (e.client_order_id or "").startswith("adl_autoclose")


@pytest.mark.parametrize(
    ("pick", "changed", "found"),
    [
        (of("funding"), {}, {"I4"}),
        (of("funding"), {"amount": Decimal(-1)}, {"I4"}),
        (of("transfer"), {}, {"I4"}),
        (ours("fill"), {}, {"I5"}),
        # Another market's order is no order of this one's.
        (ours("fill"), {"venue": None}, {"I5"}),
        (of("algo", "NEW"), {"quantity": Decimal(9)}, {"I1"}),
        (of("algo", "NEW"), {"timestamp": "1"}, {"I3"}),
        (lambda e: e.kind == "accept" and bool(e.algo_id), {"algo_id": None}, {"I1"}),
    ],
)
def test_a_line_that_was_changed_or_left_out_is_found(
    artefacts: Artefacts, pick: Callable[[Entry], bool], changed: Any, found: set[str]
) -> None:
    verdict, victim = judged_with(artefacts, pick, **changed)
    assert found <= laws(verdict), victim


@pytest.mark.parametrize("kind", [Flowed, ForceTraded])
def test_what_was_never_booked_or_booked_twice_is_found(artefacts: Artefacts, kind: type) -> None:
    history, entries = artefacts
    place = next(i for i, row in enumerate(history) if isinstance(row[3], kind))
    never = judge([*history[:place], *history[place + 1 :]], entries, account="practice")
    assert laws(never) == {"I4"}
    twice = judge([*history[: place + 1], *history[place:]], entries, account="practice")
    assert "I4" in laws(twice)


def test_a_log_of_its_own_says_whose_lines_it_has(artefacts: Artefacts) -> None:
    """The lab's word for a venue, none, or the journal's own name of it: only none is another market."""
    history, entries = artefacts
    for venue, clean in (("usdm", True), (None, False)):
        told = [msgspec.structs.replace(entry, venue=venue) for entry in entries]
        assert judge(history, told, account="practice").clean is clean
