"""What a codec says that its venue can do is what the codec does."""

import re

import pytest

from builders import NOW, D, an_intent
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import ID_LENGTH
from nightdesk.model.order import Amendment, OrderType, Side
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.venues.protocol import DeadManCodec, VenueCodec
from venues import spot, usdm

CODECS = [
    pytest.param(spot.CODEC, spot.INTENT, id="spot"),
    pytest.param(usdm.CODEC, usdm.INTENT, id="usdm"),
]
WAITS = {OrderType.STOP: D(90), OrderType.TAKE_PROFIT: D(110), OrderType.TRAILING_STOP: None}


def raises(act) -> bool:
    try:
        act()
    except (AssertionError, KeyError, BadInput):
        return True
    return False


@pytest.mark.parametrize(("codec", "intent"), CODECS)
@pytest.mark.parametrize("kind", OrderType)
def test_the_kinds_of_order_are_those_that_can_be_placed(codec, intent, kind):
    trail = 50 if kind is OrderType.TRAILING_STOP else 0
    order = an_intent(
        instrument=intent.instrument, type=kind, trigger=WAITS.get(kind), trail_bps=trail
    )
    placed = not raises(lambda: codec.place(order, NOW))
    assert placed is (kind in codec.capabilities.order_types)


@pytest.mark.parametrize(("codec", "intent"), CODECS)
def test_what_may_be_asked_is_what_the_capabilities_say(codec: VenueCodec, intent) -> None:
    can = codec.capabilities
    terms = Amendment(
        client_id=intent.client_id, number=1, qty=D(1), price=D(99), deadline=intent.deadline
    )
    stop, take = (
        an_intent(instrument=intent.instrument, side=Side.SELL, type=kind, trigger=trigger)
        for kind, trigger in ((OrderType.STOP, D(90)), (OrderType.TAKE_PROFIT, D(110)))
    )
    assert raises(lambda: codec.amend(intent, terms, NOW)) is not can.amending
    assert raises(lambda: codec.place_pair(take, stop, NOW)) is not can.pairs
    assert (codec.private_key() is not None) is (can.private_key_min > 0)
    assert isinstance(codec, DeadManCodec) is bool(can.dead_man)
    told = an_intent(instrument=intent.instrument, reduce_only=True)
    body = codec.place(told, NOW).body
    assert (b"reduceOnly=true" in body) is can.reduce_only


@pytest.mark.parametrize(("codec", "intent"), CODECS)
def test_no_deadline_is_further_than_the_venue_takes(codec, intent):
    limit_ms = codec.capabilities.deadlines.ms_max
    order = an_intent(instrument=intent.instrument, deadline=Wall(NOW + 3_600 * SECOND_NS))
    window = re.search(rb"recvWindow=(\d+)", codec.place(order, NOW).body)
    assert int(window[1]) == limit_ms


@pytest.mark.parametrize(("codec", "intent"), CODECS)
def test_our_ids_are_such_as_the_venue_takes(codec, intent):
    assert re.fullmatch(codec.capabilities.ids.pattern, intent.client_id)
    assert re.fullmatch(codec.capabilities.ids.pattern, "z" * ID_LENGTH)


@pytest.mark.parametrize(("codec", "intent"), CODECS)
def test_a_signature_holds_wherever_the_request_goes(codec, intent):
    request = codec.place(intent, NOW)
    assert not codec.capabilities.host_signed
    assert "host" not in {name.lower() for name, _ in request.headers}
    assert request.target.startswith("/"), "where it goes is not in it"
