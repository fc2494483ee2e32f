"""A strategy without sense leans on its limits, and is held by them."""

from decimal import Decimal

import pytest

from nightdesk.config.load import load
from nightdesk.lab.settings import KNOWN_SYMBOLS
from nightdesk.model.ids import InstrumentId
from nightdesk.node.practice import practice_text
from nightdesk.simulation.hungry import Hungry, hungry_text
from nightdesk.simulation.judge import Judge
from nightdesk.simulation.setting import Ended, WorldOptions
from nightdesk.simulation.trading_world import run_world

TRADED = [f"binance:{symbol}" for symbol in KNOWN_SYMBOLS]
TEXT = hungry_text(practice_text("http://lab", list(KNOWN_SYMBOLS)), TRADED)


class Listening(Judge):
    """Also counts what the gate refused, by its rule."""

    def __init__(self) -> None:
        super().__init__(flat_within_ns=30 * 10**9, resolve_within_ns=40 * 10**9)
        self.refused: dict[str, int] = {}

    def say(self, who: str, event: str, fields: dict[str, object]) -> None:
        super().say(who, event, fields)
        if event == "order.refused":
            rule = str(fields["rule"])
            self.refused[rule] = self.refused.get(rule, 0) + 1


def test_it_is_alone_on_a_desk_whose_limits_it_can_reach() -> None:
    config = load(TEXT, "hungry")
    (strategy,) = config.strategy
    assert strategy.name == "hungry"
    assert strategy.kind == f"{Hungry.__module__}:Hungry"
    assert [InstrumentId(i.id) for i in config.instrument] == TRADED
    assert config.limits.position_max == Decimal("0.04")


@pytest.fixture(scope="module")
def lived() -> tuple[Listening, Ended]:
    heard = Listening()
    ended = run_world(WorldOptions(seed=2, faults=(), seconds=60.0, config=TEXT), heard)
    return heard, ended


def test_it_trades_and_is_refused_and_its_world_is_clean(lived: tuple[Listening, Ended]) -> None:
    heard, ended = lived
    assert heard.refused["position"] >= 3
    assert ended.fills > 10
    assert heard.findings == []
    assert ended.broke == ""
    assert ended.flat_s is not None


def test_it_meets_at_least_three_limits(lived: tuple[Listening, Ended]) -> None:
    heard, _ = lived
    assert len(heard.refused.keys() - {"mode", "lease"}) >= 3, heard.refused
