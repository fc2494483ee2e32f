"""What a desk can be practised on."""

import pytest

from nightdesk.config.load import load
from nightdesk.model.errors import BadInput
from nightdesk.node.practice import practice_config, refuse_contracts
from node.perps import CONFIG


def test_a_desk_of_contracts_is_told_where_it_can_be_practised():
    with pytest.raises(BadInput, match=r"venue\.usdm.*lab serve --usdm"):
        refuse_contracts(load(CONFIG, "perps"))


def test_a_spot_desk_passes():
    refuse_contracts(practice_config("http://lab", ["BTCUSDT"]))
