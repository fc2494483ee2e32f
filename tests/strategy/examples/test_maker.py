"""The maker keeps one quote per side, follows the touch, and respects its inventory."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import BTCUSDT, NOW, STRATEGY, D, a_quote, an_id, an_instrument
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Side
from nightdesk.model.time import MS_NS, Wall
from nightdesk.strategy.examples.maker import Maker
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import (
    Cancel,
    Market,
    ModeChanged,
    OrderChanged,
    OrderView,
    Place,
    Refusal,
    Started,
)
from nightdesk.strategy.prepare import prepare

SIZE, ROOM = D("0.01"), D("0.05")


class Desk:
    """Just enough of a desk around one maker: its orders open, fill, end or are refused when told to."""

    def __init__(self, orders=(), position="0", **params):
        strategy = prepare(Maker, {"size": "0.01", "inventory_max": "0.05"} | params, None)
        self.host = Host(STRATEGY, strategy, {BTCUSDT: an_instrument()}, Random(1))
        self.now = NOW
        self.position = D(position)
        self.open: dict[str, OrderView] = {order.ref: order for order in orders}
        self.asked: list[Place] = []
        self.cancels: list[str] = []
        started = Started(at=NOW, positions={BTCUSDT: self.position}, orders=tuple(orders))
        self.take(self.host.handle(started))

    def take(self, proposal):
        assert not proposal.crash, proposal.crash
        for action in proposal.actions:
            if isinstance(action, Place):
                self.asked.append(action)
            else:
                assert isinstance(action, Cancel)
                self.cancels.append(action.ref)

    def quote(self, bid, ask, later_ms=0):
        self.now = Wall(self.now + later_ms * MS_NS)
        self.asked, self.cancels = [], []
        self.take(self.host.handle(Market(at=self.now, event=a_quote(bid, ask))))
        return self.asked

    def opens(self):
        """Everything that was asked for rests at the venue."""
        for place in self.asked:
            order = OrderView(
                ref=place.ref,
                client_id=an_id(),
                instrument=BTCUSDT,
                side=place.side,
                type=place.type,
                price=place.price,
                qty=place.qty,
                filled=D(0),
                state="open",
                live=True,
            )
            self.open[place.ref] = order
            self.changed(order)
        self.asked = []

    def ends(self, ref, *, filled=False):
        order = self.open.pop(ref)
        if filled:
            self.position += order.side.sign * order.qty
        state = "filled" if filled else "cancelled"
        self.changed(msgspec.structs.replace(order, state=state, live=False))

    def changed(self, order):
        message = OrderChanged(at=self.now, order=order, position=self.position)
        self.take(self.host.handle(message))

    def mode(self, mode):
        self.take(self.host.handle(ModeChanged(at=self.now, instrument=BTCUSDT, mode=mode)))

    def refuse(self, place):
        message = Refusal(at=self.now, ref=place.ref, rule="collar", text="far")
        self.take(self.host.handle(message))


def sides(places):
    return [(place.side, place.price, place.qty) for place in places]


def test_one_post_only_quote_a_side_at_the_touch():
    places = Desk().quote("60000", "60000.01")
    assert sides(places) == [(Side.BUY, D(60000), SIZE), (Side.SELL, D("60000.01"), SIZE)]
    assert {place.type for place in places} == {OrderType.POST_ONLY}


def test_quotes_stand_as_many_ticks_behind_the_touch_as_asked():
    places = Desk(away_ticks=5).quote("60000", "60001")
    assert [place.price for place in places] == [D("59999.95"), D("60001.05")]


def test_no_second_quote_on_a_side_while_the_first_is_pending_or_open():
    desk = Desk()
    desk.quote("60000", "60000.01")
    pending = list(desk.asked)
    assert desk.quote("60000.5", "60000.51") == []
    desk.asked = pending
    desk.opens()
    assert desk.quote("60000.5", "60000.51") == []
    assert desk.cancels == []


@pytest.mark.parametrize(("ran", "followed"), [("1.00", False), ("1.01", True), ("-1.01", True)])
def test_a_quote_is_followed_once_the_touch_ran_further_than_allowed(ran, followed):
    desk = Desk(follow_ticks=100)
    desk.quote("60000", "60010")
    buy = desk.asked[0].ref
    desk.opens()
    desk.quote(D(60000) + D(ran), D(60010))
    assert desk.cancels == ([buy] if followed else [])


def test_an_ended_quote_is_replaced_after_a_pause_and_not_before():
    desk = Desk(pause_ms=250)
    desk.quote("60000", "60010")
    buy = desk.asked[0].ref
    desk.opens()
    desk.ends(buy)
    assert desk.quote("60002", "60010", later_ms=249) == []
    assert sides(desk.quote("60002", "60010", later_ms=1)) == [(Side.BUY, D(60002), SIZE)]


def test_a_refused_quote_is_tried_again_after_the_pause():
    desk = Desk(pause_ms=250)
    buy, sell = desk.quote("60000", "60010")
    desk.refuse(buy)
    assert desk.quote("60000", "60010", later_ms=249) == []
    again = desk.quote("60000", "60010", later_ms=1)
    assert [place.side for place in again] == [Side.BUY]
    assert sell.ref not in desk.cancels


@pytest.mark.parametrize(
    ("position", "buys", "sells"),
    [
        ("0", "0.01", "0.01"),
        ("0.045", "0.005", "0.01"),
        ("0.05", None, "0.01"),
        ("0.06", None, "0.01"),
        ("-0.05", "0.01", None),
        ("0.04999", "0.00001", "0.01"),
    ],
)
def test_inventory_leaves_less_room_on_its_own_side(position, buys, sells):
    desk = Desk(position=position)
    asked = {place.side: str(place.qty.normalize()) for place in desk.quote("600000", "600010")}
    expected = {Side.BUY: buys, Side.SELL: sells}
    assert {side: D(qty) for side, qty in asked.items()} == {
        side: D(qty) for side, qty in expected.items() if qty is not None
    }


def test_a_quote_below_the_venues_least_notional_is_not_asked_for():
    assert Desk(size="0.00008").quote("60000", "62000") == []
    assert [p.side for p in Desk(size="0.00008").quote("60000", "62500")] == [Side.SELL]


def test_quotes_of_before_a_restart_are_followed_like_new_ones():
    old = OrderView(
        ref="old",
        client_id=an_id(),
        instrument=BTCUSDT,
        side=Side.BUY,
        type=OrderType.POST_ONLY,
        price=D(60000),
        qty=SIZE,
        filled=D(0),
        state="open",
        live=True,
    )
    desk = Desk(orders=[old])
    assert [place.side for place in desk.quote("60000", "60010")] == [Side.SELL]
    desk.quote("60005", "60010")
    assert desk.cancels == ["old"]


def test_every_quote_asked_for_is_counted_in_the_kept_state():
    desk = Desk()
    desk.quote("60000", "60010")
    assert desk.host.strategy.state.quotes == 2


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["quote", "fill", "end", "refuse"]), st.integers(0, 5000), st.integers(0, 9)
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_fills_or_ends_there_is_one_quote_a_side_and_inventory_stays_in_its_bounds(steps):
    desk = Desk(pause_ms=0)
    for kind, ticks, pick in steps:
        if kind == "quote":
            bid = D(60000) + D(ticks) / 100
            for place in desk.quote(bid, bid + 1, later_ms=1):
                assert place.side not in {order.side for order in desk.open.values()}
            if pick == 0 and desk.asked:
                desk.refuse(desk.asked.pop())
            desk.opens()
        elif desk.open:
            ref = sorted(desk.open)[pick % len(desk.open)]
            desk.ends(ref, filled=kind == "fill")
        assert len({order.side for order in desk.open.values()}) == len(desk.open)
        longest = desk.position + sum(o.qty for o in desk.open.values() if o.side is Side.BUY)
        shortest = desk.position - sum(o.qty for o in desk.open.values() if o.side is Side.SELL)
        assert -ROOM <= shortest <= longest <= ROOM


@pytest.mark.parametrize(
    ("position", "wanted"), [("0", []), ("0.03", [Side.SELL]), ("-0.03", [Side.BUY])]
)
def test_a_cautious_maker_quotes_only_what_brings_its_inventory_down(position, wanted):
    desk = Desk(position=position)
    desk.mode(Mode.CAUTIOUS)
    assert [place.side for place in desk.quote("60000", "60000.01")] == wanted


@pytest.mark.parametrize("mode", [m for m in Mode if m >= Mode.REDUCE_ONLY])
def test_a_maker_asks_for_nothing_where_no_risk_is_taken_and_goes_on_afterwards(mode):
    desk = Desk()
    desk.mode(mode)
    assert desk.quote("60000", "60000.01") == []
    desk.mode(Mode.NORMAL)
    assert len(desk.quote("60000", "60000.01", later_ms=1)) == 2
