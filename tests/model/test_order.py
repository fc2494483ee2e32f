"""Orders as messages: signs, and the numbers an intent can have."""

import pytest

from builders import D, an_intent
from nightdesk.model.order import Side


def test_the_side_carries_the_sign():
    assert Side.BUY.sign == 1
    assert Side.SELL.sign == -1


@pytest.mark.parametrize("field", ["qty", "price"])
@pytest.mark.parametrize("value", ["0", "-0.01"])
def test_an_intent_of_nothing_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=an_intent().client_id):
        an_intent(**{field: D(value)})
