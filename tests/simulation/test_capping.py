"""Drawn limits make desks that load, and every limit is drawn by some seed."""

from random import Random

import pytest

from nightdesk.config.load import load
from nightdesk.lab.settings import KNOWN_SYMBOLS
from nightdesk.node.practice import practice_text
from nightdesk.risk.caps import CAPS, Of
from nightdesk.simulation import capping
from nightdesk.simulation.capping import drawn_caps, drawn_margin_caps
from nightdesk.simulation.hungry import hungry_text
from nightdesk.simulation.setting import drawn_config

TRADED = [f"binance:{symbol}" for symbol in KNOWN_SYMBOLS]
OWN = {cap.limit for cap in CAPS if cap.of is Of.STRATEGY}


def test_every_limit_that_may_be_set_is_drawn_by_some_seed() -> None:
    drawn = [drawn_caps(Random(seed)) for seed in range(60)]
    desks = "".join(desk for desk, _ in drawn)
    own = "".join(text for _, each in drawn for text in each.values())
    assert {limit for limit in capping.CAPS if limit in desks} == capping.CAPS.keys()
    assert {
        limit for limit in OWN if limit in own
    } == capping.OWN_CAPS.keys() | capping.OWN_MORE.keys()


def test_every_limit_is_drawn_for_some_desk() -> None:
    desks = {*capping.CAPS, *capping.MARGIN_CAPS}
    assert desks == {cap.limit for cap in CAPS if cap.of is not Of.STRATEGY}
    assert {*capping.OWN_CAPS, *capping.OWN_MORE, *capping.OWN_MARGIN_CAPS} == OWN
    drawn = [drawn_margin_caps(Random(seed)) for seed in range(100)]
    for which, table in enumerate((capping.MARGIN_CAPS, capping.OWN_MARGIN_CAPS)):
        texts = {both[which] for both in drawn}
        assert "" in texts
        for limit, values in table.items():
            assert all(any(f"{limit} = {value}\n" in lines for lines in texts) for value in values)


def test_desks_that_lean_on_perpetuals_have_such_limits_in_some_worlds() -> None:
    configs = [load(drawn_config(seed), "drawn") for seed in range(60)]
    limited = [c for c in configs if c.limits.margin_use_max or c.limits.leverage_max]
    assert limited
    assert all(any(i.id.startswith("usdm:") for i in config.instrument) for config in limited)


@pytest.mark.parametrize("seed", range(20))
def test_a_desk_of_drawn_limits_has_two_strategies_that_keep_them(seed: int) -> None:
    caps, strategies = drawn_caps(Random(seed))
    practice = practice_text("http://lab", list(KNOWN_SYMBOLS))
    text = hungry_text(practice, TRADED, losses=bool(seed % 2), caps=caps, strategies=strategies)
    config = load(text, "capped")
    assert [strategy.name for strategy in config.strategy] == ["hungry", "greedy"]
    for limit in capping.CAPS:
        assert (f"\n{limit} =" in f"\n{caps}") == bool(getattr(config.limits, limit))
    for strategy in config.strategy:
        lines = strategies[strategy.name].splitlines()
        assert len(lines) == sum(value is not None for _, value in strategy.limits)
