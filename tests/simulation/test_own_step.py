"""How fresh what is made of bars can be, and how often a quote that stands is told again."""

from pathlib import Path

import pytest

from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.lab.market import Market
from nightdesk.lab.recorded import RecordedMarket
from nightdesk.model.time import SECOND_NS
from nightdesk.node.practice import practice_text
from nightdesk.recordings import binance_vision
from nightdesk.simulation.own_step import held_to_bars, repeat_quotes
from recordings.tables import bar_line, reader, trade_line

SYMBOLS = ["BTCUSDT", "ETHUSDT"]
TEXT = practice_text("http://lab", SYMBOLS)
SET = TEXT.replace("[limits]", "[limits]\nstale_after_ms = 2000")
OWN = TEXT.replace("[instrument.limits]", "[instrument.limits]\nstale_after_ms = 90000")


def market() -> RecordedMarket:
    """Bars of BTCUSDT, trades of ETHUSDT."""
    bars = [bar_line(n, (100, 101, 99, 100)) for n in range(3)]
    trades = [trade_line(n, n * 60_000) for n in range(4)]
    of_trades = reader(binance_vision.TRADES, name="b.csv", symbol="ETHUSDT")
    return RecordedMarket([(reader(), bars), (of_trades, trades)])


def config(text: str = TEXT) -> Config:
    return load(text, "a test")


def stale_ms(held: Config) -> list[int]:
    return [i.limits.stale_after_ms or held.limits.stale_after_ms for i in held.instrument]


@pytest.mark.parametrize(
    ("text", "wanted", "said"),
    [
        (TEXT, [62_000, 2_000], "played by bars: binance:BTCUSDT; stale_after_ms is 62000 for it"),
        (SET, [2_000, 2_000], "the config's stale_after_ms is below a minute"),
        (OWN, [62_000, 90_000], "played by bars: binance:BTCUSDT; stale_after_ms is 62000 for it"),
    ],
)
def test_quotes_of_bars_are_as_fresh_as_their_minute_where_the_config_does_not_say(
    text: str, wanted: list[int], said: str
) -> None:
    held, texts = held_to_bars(config(text), {False: market()})
    assert stale_ms(held) == wanted
    assert len(texts) == 1
    assert said in texts[0]


def test_a_config_that_says_more_than_a_minute_is_nothing_to_speak_of() -> None:
    text = TEXT.replace("[limits]", "[limits]\nstale_after_ms = 90000")
    held, texts = held_to_bars(config(text), {False: market()})
    assert (stale_ms(held), texts) == ([90_000, 90_000], [])


@pytest.mark.parametrize(
    ("text", "every_ns", "pulses"),
    [
        # Bars need none: each minute tells a new quote. Trades do.
        (TEXT, None, [None, SECOND_NS]),
        (SET, None, [SECOND_NS, SECOND_NS]),
        (TEXT, 7 * SECOND_NS, [7 * SECOND_NS, 7 * SECOND_NS]),
    ],
)
def test_a_quote_is_repeated_as_often_as_the_desk_needs_it(
    text: str, every_ns: int | None, pulses: list[int | None]
) -> None:
    played = market()
    held, _ = held_to_bars(config(text), {False: played})
    repeat_quotes(held, {False: played}, every_ns)
    played.start(0)
    played.take(0)
    assert [symbol.pulse_ns for symbol in played._symbols.values()] == pulses


def test_other_markets_are_left_alone(tmp_path: Path) -> None:
    markets: dict[bool, Market] = {True: market()}  # of contracts; the desk trades spot
    held, texts = held_to_bars(config(), markets)
    assert (held, texts) == (config(), [])
