"""A long world, shortened: everything that may happen in a month happens within hours."""

import gc
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nightdesk.audit.verdict import Judged
from nightdesk.node.node import Node
from nightdesk.simulation import soak as module
from nightdesk.simulation.soak import Slice, SoakOptions, soak

HOUR_S = 3_600.0


def options(tmp_path: Path, hours: float) -> SoakOptions:
    return SoakOptions(seed=3, days=hours / 24, slice_s=HOUR_S / 10, folder=tmp_path)


def test_a_desk_trades_through_kills_restarts_and_lost_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_season = {kind: times * 150 for kind, times in module.A_DAY.items()}
    monkeypatch.setattr(module, "A_DAY", a_season)
    made: list[weakref.ref[Node]] = []

    class Seen(Node):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(weakref.ref(self))

    monkeypatch.setattr(module, "Node", Seen)
    told: list[Slice] = []
    verdict = soak(options(tmp_path, 0.3), told.append)
    assert [each.day for each in told] == [0.0042, 0.0083, 0.0125]
    assert verdict.clean, verdict.findings
    held = [row.law for row in verdict.rows if row.verdict is Judged.HOLDS]
    assert len(held) >= 7
    last = told[-1]
    assert last.starts > 3
    assert 8 < last.orders < 40
    assert last.records > 3 * last.orders
    assert all(a.orders < b.orders and a.cpu_s < b.cpu_s for a, b in pairwise(told))
    assert last.memory_bytes > 10 << 20
    assert (
        last.journal_bytes == sum(file.stat().st_size for file in tmp_path.glob("desk.journal*"))
        or last.journal_bytes > 100_000
    )
    gc.collect()
    assert len(made) == last.starts
    assert not [ref for ref in made if ref() is not None]


def test_a_seed_is_one_soak(tmp_path: Path) -> None:
    told: list[list[tuple[int, int, int]]] = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        slices: list[Slice] = []
        soak(options(tmp_path / folder, 0.1), slices.append)
        told.append([(s.orders, s.records, s.journal_bytes) for s in slices])
    assert told[0] == told[1]


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(_: Slice) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        soak(options(tmp_path, 0.1), interrupt)
    gc.collect()
