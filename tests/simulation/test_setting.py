"""Where a world plays, and what is left of a desk with fewer symbols."""

from collections import Counter

from nightdesk.config.load import load
from nightdesk.node.practice import practice_text
from nightdesk.simulation.campaign import SeedOptions, parts_of
from nightdesk.simulation.setting import TIGHT_PARTS, drawn_parts, narrowed

PRACTICE = load(practice_text("http://lab", ["BTCUSDT", "ETHUSDT"]), "practice")


def test_of_no_symbols_a_config_is_as_it_was() -> None:
    assert narrowed(PRACTICE, []) == PRACTICE


def test_only_the_symbols_named_are_traded() -> None:
    config = narrowed(PRACTICE, ["ETHUSDT"])
    assert [instrument.id for instrument in config.instrument] == ["binance:ETHUSDT"]
    assert [strategy.instruments for strategy in config.strategy] == [["binance:ETHUSDT"]] * 2
    assert len(PRACTICE.instrument) == 2


def test_a_strategy_that_would_trade_nothing_is_left_out() -> None:
    text = practice_text("http://lab", ["BTCUSDT", "ETHUSDT"])
    first, *rest = text.split("[[strategy]]")
    alone = rest[0].replace('"binance:BTCUSDT", ', "")
    config = narrowed(load("[[strategy]]".join([first, alone, *rest[1:]]), "mine"), ["BTCUSDT"])
    assert [strategy.name for strategy in config.strategy] == ["maker"]


def test_some_venues_allow_little_and_a_written_desk_meets_them_only_where_it_says_so() -> None:
    drawn = Counter(drawn_parts(seed) for seed in range(2_000))
    assert set(drawn) == {1, *TIGHT_PARTS}
    assert 0.2 < 1 - drawn[1] / 2_000 < 0.3
    tight = next(seed for seed in range(100) if drawn_parts(seed) > 1)
    assert parts_of(tight, SeedOptions()) == drawn_parts(tight)
    assert parts_of(tight, SeedOptions(config="written")) == 1
    assert parts_of(tight, SeedOptions(config="written", parts=9)) == 9
