"""Steady does one thing after the other, whatever the market does."""

from collections import Counter
from pathlib import Path

from nightdesk.adapters.journal_file import history_of
from nightdesk.config.load import load
from nightdesk.model.order import OrderType, Side
from nightdesk.model.records import CancelAsked, Intended
from nightdesk.simulation.soak import Slice, SoakOptions, soak
from nightdesk.simulation.steady import STEADY


def test_its_config_is_one() -> None:
    assert [strategy.name for strategy in load(STEADY, "steady").strategy] == ["steady"]


def test_it_buys_sells_rests_and_cancels_in_turn(tmp_path: Path) -> None:
    slices: list[Slice] = []
    soak(SoakOptions(seed=1, days=0.006, slice_s=600.0, folder=tmp_path), slices.append)
    records = [record for *_, record in history_of(tmp_path / "desk.journal")]
    intents = [record.intent for record in records if isinstance(record, Intended)]
    kinds = Counter((intent.side, intent.type) for intent in intents)
    assert set(kinds) == {
        (Side.BUY, OrderType.IOC),
        (Side.SELL, OrderType.IOC),
        (Side.BUY, OrderType.POST_ONLY),
    }
    assert max(kinds.values()) - min(kinds.values()) <= 1
    cancels = sum(isinstance(record, CancelAsked) for record in records)
    assert abs(cancels - kinds[Side.BUY, OrderType.POST_ONLY]) <= 1
