"""Exposure: sums kept as orders come and go equal sums made anew, side by side."""

from decimal import localcontext

from hypothesis import given
from hypothesis import strategies as st

from builders import D, an_id, decimals
from nightdesk.model.ids import StrategyId
from nightdesk.model.order import Side
from nightdesk.portfolio.exposure import Exposure, Leg

LEGS = st.builds(
    Leg, side=st.sampled_from(Side), qty=decimals(0, 10, 5), price=decimals(1, 1000, 2)
)
STEPS = st.lists(st.tuples(st.integers(1, 5), st.one_of(st.none(), LEGS)), max_size=30)


def sums(legs):
    """(quantity, value) a side, from nothing but the legs."""
    return {
        side: (
            sum((leg.qty for leg in legs if leg.side is side), D(0)),
            sum((leg.qty * leg.price for leg in legs if leg.side is side), D(0)),
        )
        for side in Side
    }


@given(STEPS)
def test_kept_sums_equal_sums_made_anew(steps):
    exposure, legs = Exposure(), {}
    for seq, leg in steps:
        exposure.set_leg(an_id(seq), leg)
        legs[seq] = leg
        alive = [leg for leg in legs.values() if leg is not None]
        expected = sums(alive)
        assert (exposure.buying, exposure.buying_value) == expected[Side.BUY]
        assert (exposure.selling, exposure.selling_value) == expected[Side.SELL]


@given(STEPS)
def test_an_exposure_whose_legs_all_ended_is_exactly_nothing(steps):
    exposure = Exposure()
    for seq, leg in steps:
        exposure.set_leg(an_id(seq), leg)
    for seq in range(1, 6):
        exposure.set_leg(an_id(seq), None)
    assert exposure.legs == {}
    assert (exposure.buying, exposure.selling) == (0, 0)
    assert (exposure.buying_value, exposure.selling_value) == (0, 0)


@given(STEPS, decimals(-20, 20, 5), st.data())
def test_the_worst_on_either_side_bounds_every_subset_of_fills(steps, position, data):
    exposure = Exposure()
    for seq, leg in steps:
        exposure.set_leg(an_id(seq), leg)
    filled = (
        data.draw(st.lists(st.sampled_from(sorted(exposure.legs)), unique=True))
        if exposure.legs
        else []
    )
    after = position + sum(
        (exposure.legs[i].side.sign * exposure.legs[i].qty for i in filled), D(0)
    )
    assert exposure.worst_short(position) <= after <= exposure.worst_long(position)


def test_an_unsure_exit_does_not_free_the_other_side():
    exposure = Exposure()
    exposure.set_leg(an_id(1), Leg(side=Side.SELL, qty=D(3), price=D(100)))
    assert exposure.worst_long(D(3)) == 3
    assert exposure.worst_short(D(3)) == 0


def test_a_leg_of_nothing_is_no_leg():
    exposure = Exposure()
    exposure.set_leg(an_id(1), Leg(side=Side.BUY, qty=D(0), price=D(100)))
    assert exposure.legs == {}


def test_an_order_that_changes_its_side_leaves_nothing_behind():
    exposure = Exposure()
    exposure.set_leg(an_id(1), Leg(side=Side.BUY, qty=D(2), price=D(100)))
    exposure.set_leg(an_id(1), Leg(side=Side.SELL, qty=D(1), price=D(90)))
    assert (exposure.buying, exposure.buying_value) == (0, 0)
    assert (exposure.selling, exposure.selling_value) == (1, 90)


def test_the_sums_do_not_depend_on_the_threads_decimal_context():
    exposure = Exposure()
    with localcontext() as context:
        context.prec = 6
        exposure.set_leg(an_id(1), Leg(side=Side.BUY, qty=D("1.23456789"), price=D("61837.63")))
    assert exposure.buying == D("1.23456789")


def reducing(side: Side, qty: str, owner: str = "s", *, protects: bool = False) -> Leg:
    return Leg(
        side=side,
        qty=D(qty),
        price=D(100),
        owner=StrategyId(owner),
        reduces=True,
        protects=protects,
    )


def test_what_only_reduces_uses_up_what_others_would_close() -> None:
    exposure = Exposure()
    exposure.set_leg(an_id(1), reducing(Side.SELL, "3"))
    assert (exposure.buying, exposure.selling) == (0, 0)
    assert exposure.worst_short(D(2)) == 0  # no further than flat by itself
    exposure.set_leg(an_id(2), Leg(side=Side.SELL, qty=D(5), price=D(100)))
    assert exposure.worst_short(D(2)) == D(-5)
    assert exposure.worst_short(D(-2)) == D(-7)
    exposure.set_leg(an_id(1), reducing(Side.SELL, "0"))
    assert exposure.worst_short(D(2)) == D(-3)


def test_a_strategys_reducing_orders_may_open_its_own_position_but_for_those_that_protect() -> None:
    exposure = Exposure()
    exposure.set_leg(an_id(1), reducing(Side.SELL, "1"))
    assert exposure.of(StrategyId("s"), D(0)) == (0, D(1))
    exposure.set_leg(an_id(2), reducing(Side.SELL, "4", protects=True))
    assert exposure.of(StrategyId("s"), D(2)) == (0, D(3))
