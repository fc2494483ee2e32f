"""A desk starts on the terms that its config says, and says how to get there."""

import pytest

from nightdesk.model.account import AccountTerms, Margin, Terms
from nightdesk.model.ids import InstrumentId
from nightdesk.reconcile.terms import faults

BTC = InstrumentId("usdm:BTCUSDT")
WANTED = {BTC: Terms(leverage=5)}


@pytest.mark.parametrize(
    ("hedge", "multi", "contract", "words"),
    [
        (False, False, Terms(leverage=5), []),
        (True, False, Terms(leverage=5), ["hedge mode", "One-way"]),
        (False, True, Terms(leverage=5), ["multi-assets", "Single-Asset"]),
        (False, False, Terms(leverage=20), ["leverage is 20", "and 5", "leverage = 20"]),
        (
            False,
            False,
            Terms(leverage=5, margin=Margin.ISOLATED),
            ["isolated at the venue", 'margin = "isolated"'],
        ),
        (False, False, None, ["does not say"]),
    ],
)
def test_what_differs_is_named_with_how_to_change_it(hedge, multi, contract, words):
    contracts = {} if contract is None else {BTC: contract}
    told = AccountTerms(hedge=hedge, multi_asset=multi, contracts=contracts)
    found = faults(told, WANTED)
    assert len(found) == bool(words)
    assert all(word in found[0] for word in words)


def test_every_difference_is_told_at_once():
    told = AccountTerms(
        hedge=True,
        multi_asset=True,
        contracts={BTC: Terms(leverage=1, margin=Margin.ISOLATED)},
    )
    assert len(faults(told, WANTED)) == 4
