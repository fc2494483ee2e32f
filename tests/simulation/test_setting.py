"""Where a world plays, and what is left of a desk with fewer symbols."""

from nightdesk.config.load import load
from nightdesk.node.practice import practice_text
from nightdesk.simulation.setting import narrowed

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
