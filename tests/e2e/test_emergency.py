"""A real desk on both markets of a real lab, and the emergency tool as a person would run it beside it: while
the desk runs and nobody can tell it, and after it was killed.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.crash.harness import Rig
from tests.e2e.status import until

from nightdesk.adapters.journal_file import history_of
from nightdesk.control.latch import latch_path
from nightdesk.control.messages import ExitCode, Sample
from nightdesk.model.records import ForceTraded, Intended, ModeSet

pytestmark = pytest.mark.process

WITHIN_S = 150.0
BASELINE = ("--baseline", "BTC=1", "--baseline", "ETH=10")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, seed=7)
    config = (
        tmp_path / "desk.toml"
    )  # no deadline that a busy machine misses: this is not about them
    config.write_text(config.read_text().replace("order_ttl_ms = 500", "order_ttl_ms = 4000"))
    try:
        yield made
    finally:
        made.close()


def tool(folder: Path, verb: str, *typed: str, config: str = "desk.toml") -> Any:
    """Run it; what it told, and its code."""
    command = [sys.executable, "-m", "nightdesk.emergency", verb]
    command += ["--config", str(folder / config), "--json", *BASELINE, *typed]
    ran = subprocess.run(command, capture_output=True, timeout=WITHIN_S, check=False)
    assert ran.returncode == ExitCode.OK, ran.stderr.decode()
    return json.loads(ran.stdout)


def only_venues(rig: Rig) -> str:
    """A config that says neither where the desk listens nor where its journal lies."""
    text = (rig.folder / "desk.toml").read_text()
    (rig.folder / "bare.toml").write_text(text[text.index("[venue.") :])
    return "bare.toml"


def holds(sample: Sample) -> bool:
    """Positions at both markets, and orders beside them."""
    held = {row.instrument.partition(":")[0] for row in sample.positions if row.qty > 0}
    return held >= {"binance", "usdm"} and sample.orders_live > 0


def records(rig: Rig) -> list[object]:
    return [record for *_, record in history_of(rig.folder / "desk.journal")]


def entered_after_halt(rig: Rig) -> int:
    """Orders that were intended behind the halt."""
    kept = records(rig)
    halted = next(i for i, r in enumerate(kept) if isinstance(r, ModeSet) and r.mode == "HALTED")
    return sum(isinstance(record, Intended) for record in kept[halted:])


def is_out(rig: Rig) -> None:
    """Nothing is open, and nothing held beyond the baseline, but for what no order can sell."""
    spot, usdm = tool(rig.folder, "status")["venues"]
    assert spot["orders"] == usdm["orders"] == []
    assert usdm["held"] == []
    beyond = {h["name"]: float(h["beyond"]) for h in spot["held"] if h["baseline"] is not None}
    assert all(each < 0.01 for each in beyond.values()), beyond


def test_a_desk_that_runs_and_cannot_be_told_halts_by_what_it_sees(rig: Rig) -> None:
    rig.start()
    assert rig.until_trading()
    until(rig, holds, "positions at both markets")
    told = tool(rig.folder, "flatten", "--yes", "--within", "90", config=only_venues(rig))
    assert all(venue["done"] for venue in told["venues"])
    sample = until(rig, lambda s: s.mode == "HALTED", "a halt")
    assert [row.cause for row in sample.causes if row.mode == "HALTED"] == ["emergency"]
    is_out(rig)
    sample = until(rig, lambda s: s.orders_live == 0, "no open orders")
    assert "reconcile" not in {row.cause for row in sample.causes}
    assert any(isinstance(record, ForceTraded) for record in records(rig))
    assert entered_after_halt(rig) == 0
    sample, result = rig.finish_running()
    assert result.clean, [*result.findings, result.position_diff]


def test_a_desk_that_was_killed_comes_back_halted_and_knows_what_was_done(rig: Rig) -> None:
    rig.start()
    assert rig.until_trading()
    until(rig, holds, "positions at both markets")
    assert rig.node is not None
    rig.node.send_signal(signal.SIGKILL)
    rig.node.wait()
    tool(rig.folder, "flatten", "--yes", "--within", "90")
    is_out(rig)
    assert latch_path(rig.folder / "desk.journal").exists()
    before = sum(isinstance(record, Intended) for record in records(rig))
    rig.start()
    assert rig.until_trading()
    sample = until(rig, lambda s: s.orders_live == 0, "no open orders")
    assert sample.mode == "HALTED"
    assert not latch_path(rig.folder / "desk.journal").exists()
    until(rig, lambda _: any(isinstance(r, ForceTraded) for r in records(rig)), "the trades")
    assert sum(isinstance(record, Intended) for record in records(rig)) == before
    sample, result = rig.finish_running()
    assert result.clean, [*result.findings, result.position_diff]
