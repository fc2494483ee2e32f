"""Bands: patiently in below the band, at once out at the mean; a protection while it is held."""

from random import Random

from builders import BTCUSDT, NOW, STRATEGY, D, a_bar, a_quote, an_instrument
from nightdesk.model.order import Urgency
from nightdesk.strategy.examples.bands import Bands
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Protect, Started, Target
from nightdesk.strategy.prepare import prepare


def heard(close: int, held: str = "0") -> tuple:
    """What a close leads to after closes that swing between 99 and 101."""
    strategy = prepare(Bands, {"bars": 20, "quote": "500"}, None)
    host = Host(STRATEGY, strategy, {BTCUSDT: an_instrument()}, Random(1))
    history = tuple(a_bar(n, close=D(99 + 2 * (n % 2))) for n in range(20))
    host.handle(Started(at=NOW, positions={BTCUSDT: D(held)}, orders=(), history=history))
    host.handle(Market(at=NOW, event=a_quote("99.99", "100")))
    proposal = host.handle(Market(at=NOW, event=a_bar(20, close=D(close))))
    assert not proposal.crash
    return proposal.actions


def test_below_the_band_it_waits_for_a_seller_and_is_protected() -> None:
    protect, target = heard(95)
    assert isinstance(protect, Protect)
    assert protect.trail_bps == 100
    assert target == Target(instrument=BTCUSDT, qty=D(5), urgency=Urgency.PASSIVE)


def test_what_is_held_is_not_bought_again_below_the_band() -> None:
    assert heard(95, held="5") == ()


def test_at_the_mean_it_is_out_at_once() -> None:
    assert heard(101, held="5") == (Target(instrument=BTCUSDT, qty=D(0)),)


def test_within_the_band_nothing_is_decided() -> None:
    assert heard(99) == ()
