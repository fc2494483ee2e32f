"""The gate counts margin where positions are held: initial margin of the worst case, at the agreed leverage."""

import msgspec
import pytest

from benches import effects, sent, some_limits
from builders import STRATEGY, D
from desk.perpetuals import PERP, PerpBench, a_perpetual, perp_settings
from nightdesk.desk.events import Flatten, Tell
from nightdesk.model.account import Terms
from nightdesk.model.ids import InstrumentId
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.strategy.messages import Place, Refusal, Target

ETH = InstrumentId("usdm:ETHUSDT")


def wish(side: Side, qty: str, price: str = "100") -> Place:
    return Place(
        ref=f"{side}{qty}",
        instrument=PERP,
        side=side,
        type=OrderType.LIMIT,
        qty=D(qty),
        price=D(price),
    )


@pytest.mark.parametrize(
    ("wallet", "qty", "passes"),
    [("20.01", "1", True), ("20", "1", False), ("100.01", "5", True), ("100", "5", False)],
)
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_an_order_needs_its_worst_case_over_the_leverage(wallet, qty, side, passes):
    bench = PerpBench().ready_with(wallet)  # at 100.01, which is the ask
    decision = bench.propose(wish(side, qty))
    assert bool(sent(decision)) is passes
    if not passes:
        (refusal,) = [t.message for t in effects(Tell, decision)]
        assert isinstance(refusal, Refusal)
        assert refusal.rule == "balance"
        assert "of margin" in refusal.text


def test_open_orders_take_margin_and_what_reduces_takes_none():
    bench = PerpBench().ready_with("45")
    first = bench.place(Side.BUY, "1", "100", instrument=PERP)
    bench.ack(first)
    assert sent(bench.propose(wish(Side.BUY, "1", "99.99")))  # 40.004 of 45
    assert not sent(bench.propose(wish(Side.BUY, "0.5")))
    bench.trade(first)
    (leaving,) = sent(bench.propose(wish(Side.SELL, "1", "101")))
    assert leaving.reduce_only


def test_losses_so_far_take_from_what_is_free_and_gains_do_not_add_to_it():
    bench = PerpBench().ready_with("45")
    bench.go_long("1")
    bench.quote("94.99", "95", instrument=PERP)
    # 40 of margin for two, and five lost
    assert not sent(bench.propose(wish(Side.BUY, "1.2", "95")))
    bench.quote("119.99", "120", instrument=PERP)
    assert not sent(bench.propose(wish(Side.BUY, "1", "120")))  # 48 of margin, 45 in the wallet


def test_other_contracts_of_the_wallet_take_their_margin():
    eth = msgspec.structs.replace(a_perpetual(), id=ETH, symbol="ETHUSDT", base="ETH")
    both = msgspec.structs.replace(
        perp_settings(),
        instruments={PERP: a_perpetual(), ETH: eth},
        limits=dict.fromkeys((PERP, ETH), some_limits()),
        terms={PERP: Terms(leverage=5), ETH: Terms(leverage=2)},
        strategies={
            STRATEGY: msgspec.structs.replace(
                perp_settings().strategies[STRATEGY], instruments=(PERP, ETH)
            )
        },
    )
    bench = PerpBench(both).ready_with("60")
    bench.quote("79.99", "80", instrument=ETH)
    for _ in range(30):
        bench.tick()
        bench.quote("79.99", "80", instrument=ETH)
        bench.quote(instrument=PERP)
    bench.place(Side.SELL, "1", "80", instrument=ETH)  # 40 of margin
    assert not sent(bench.propose(wish(Side.BUY, "1")))  # 20.002 of 20 that are left


@pytest.mark.parametrize("target", ["1", "0", "-1"])
def test_a_target_reduces_with_orders_that_only_reduce(target):
    bench = PerpBench().ready_with()
    bench.go_long("2")
    bench.propose(Target(instrument=PERP, qty=D(target)))
    (intent,) = sent(bench.quote(instrument=PERP))
    assert intent.reduce_only is (D(target) >= 0)


def test_a_flatten_closes_what_is_held_with_orders_that_only_reduce_however_small_it_is():
    bench = PerpBench().ready_with()
    bench.go_long("0.06")
    bench.trade(bench.place(Side.SELL, "0.05", "100", instrument=PERP))
    (intent,) = sent(bench.decide(Flatten(by="me")))
    assert (intent.origin, intent.qty, intent.reduce_only) == (Origin.FLATTEN, D("0.01"), True)
