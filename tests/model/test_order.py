"""Orders as messages: signs, and the numbers an intent can have."""

import pytest

from builders import D, an_intent
from nightdesk.model.order import OrderType, Side


def test_the_side_carries_the_sign():
    assert Side.BUY.sign == 1
    assert Side.SELL.sign == -1


@pytest.mark.parametrize("field", ["qty", "price"])
@pytest.mark.parametrize("value", ["0", "-0.01"])
def test_an_intent_of_nothing_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=an_intent().client_id):
        an_intent(**{field: D(value)})


@pytest.mark.parametrize(
    ("kind", "waits_for"),
    [
        (OrderType.STOP, {}),
        (OrderType.TRAILING_STOP, {}),
        (OrderType.LIMIT, {"trigger": D("1")}),
        (OrderType.IOC, {"trail_bps": 10}),
    ],
)
def test_a_conditional_order_and_no_other_waits_for_something(kind, waits_for):
    with pytest.raises(ValueError, match=f"{kind} with trigger"):
        an_intent(type=kind, **waits_for)


@pytest.mark.parametrize(
    ("kind", "waits_for"),
    [
        (OrderType.STOP, {"trigger": D("1")}),
        (OrderType.TAKE_PROFIT, {"trigger": D("1")}),
        (OrderType.TRAILING_STOP, {"trail_bps": 10}),
        (OrderType.TRAILING_STOP, {"trail_bps": 10, "trigger": D("1")}),
    ],
)
def test_a_conditional_order_says_what_it_waits_for(kind, waits_for):
    assert an_intent(type=kind, **waits_for).type.conditional
