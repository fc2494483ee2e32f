"""One name for an instrument, however a journal and the logs spell it."""

import pytest

from audit.contracts import PERP, a_perp
from builders import BTCUSDT, an_instrument
from nightdesk.audit.names import Names
from nightdesk.model.ids import InstrumentId, VenueId

PERPS = InstrumentId("perps:BTCUSDT")


def test_one_symbol_is_two_instruments() -> None:
    names = Names()
    names.learn(an_instrument())
    names.learn(a_perp())
    assert names.logged(None, "BTCUSDT") == names.of(BTCUSDT) == names.of("BTCUSDT") == BTCUSDT
    assert names.logged("usdm", "BTCUSDT") == names.of(PERP) == PERP
    assert names.logged("binance", "BTCUSDT") == BTCUSDT
    assert (names.contract(BTCUSDT), names.contract(PERP)) == (False, True)


def test_the_labs_word_for_contracts_is_whatever_the_journal_calls_their_venue() -> None:
    names = Names()
    names.learn(an_instrument(id=PERPS, venue=VenueId("perps"), kind="perpetual", margin="USDT"))
    assert names.logged("usdm", "BTCUSDT") == names.logged("perps", "BTCUSDT") == PERPS
    assert names.logged(None, "BTCUSDT") == "BTCUSDT"
    assert names.asset("usdm", "USDT") == names.asset("perps", "USDT") == "perps/USDT"
    assert names.asset(None, "USDT") == "USDT"


def test_a_venue_of_the_journal_wins_over_the_kind() -> None:
    kraken = InstrumentId("kraken:BTCUSDT")
    names = Names()
    names.learn(an_instrument())
    names.learn(an_instrument(id=kraken, venue=VenueId("kraken")))
    assert names.logged("kraken", "BTCUSDT") == kraken
    assert names.logged("binance", "BTCUSDT") == names.logged(None, "BTCUSDT") == BTCUSDT


@pytest.mark.parametrize("learned", [False, True])
def test_what_a_log_told_first_keeps_its_name(learned: bool) -> None:
    names = Names()
    assert names.logged(None, "BTCUSDT") == "BTCUSDT"
    assert names.logged("usdm", "BTCUSDT") == PERP
    if learned:
        names.learn(an_instrument())
        names.learn(a_perp())
    assert names.of(BTCUSDT) == "BTCUSDT"
    assert names.of(PERP) == PERP
    assert names.contract(PERP)
    assert names.asset("usdm", "USDT") == "usdm/USDT"
