"""The gate counts margin where positions are held: initial margin of the worst case, at the agreed leverage."""

import msgspec
import pytest

from benches import effects, sent, some_limits
from builders import STRATEGY, D
from desk.both import BothBench, both_settings
from desk.perpetuals import PERP, WALLET, PerpBench, a_perpetual, perp_settings
from nightdesk.desk.events import Flatten, Tell
from nightdesk.desk.margin import equity, margin_balance
from nightdesk.desk.work import Work
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
    (intent,) = sent(bench.propose(wish(Side.BUY, "0.5")))
    assert intent.inputs.asks == {ETH: 80}, "what it was weighed against is journaled"


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


def work_of(bench):
    return Work(bench.state, bench.desk.views, bench.settings, bench.moment())


def test_a_wallet_has_what_it_was_told_less_the_losses_of_its_contracts():
    bench = PerpBench().ready_with("45")
    bench.go_long("2")
    bench.quote("94", "95", instrument=PERP)
    assert margin_balance(work_of(bench), WALLET) == 33
    bench.quote("119", "120", instrument=PERP)
    assert margin_balance(work_of(bench), WALLET) == 45
    assert margin_balance(work_of(bench), "usdm/USDC") == 0


def test_equity_is_wallets_and_quote_and_what_is_held_beyond_the_baseline():
    bench = BothBench().ready()
    assert equity(work_of(bench)) == 200_000  # of ten coins nobody said that they are the desk's
    bench.buy("2", "100")
    bench.quote("90", "91")
    assert equity(work_of(bench)) == 199_980
    sold = bench.place(Side.SELL, "3", "90")
    bench.ack(sold)
    bench.fill(sold)
    bench.quote("94", "95")
    assert equity(work_of(bench)) == 199_975  # 100,070 and a coin owed
    perp = bench.place(Side.SELL, "1", "100", instrument=PERP)
    bench.ack(perp)
    bench.fill(perp)
    bench.quote("119", "120", instrument=PERP)
    assert equity(work_of(bench)) == 199_955


@pytest.mark.parametrize(("side", "known"), [(Side.BUY, True), (Side.SELL, False)])
def test_what_has_no_price_is_worth_nothing_and_what_is_owed_nobody_can_tell(side, known):
    bench = BothBench().ready()
    order = bench.place(side, "1", "100")
    bench.ack(order)
    bench.fill(order)
    bench.desk.views.quotes.clear()
    assert equity(work_of(bench)) == (199_900 if known else None)


def test_the_baseline_of_the_config_says_what_is_not_the_desks():
    settings = msgspec.structs.replace(both_settings(), baseline={"BTC": D(4)})
    bench = BothBench(settings).ready()
    assert equity(work_of(bench)) == 200_600


@pytest.mark.parametrize(
    ("limit", "most", "rule"),
    [("margin_use_max", "0.5", "margin_use"), ("leverage_max", "2.5", "leverage")],
)
def test_a_limit_on_contracts_refuses_more_and_lets_an_exit_pass(limit, most, rule):
    made = perp_settings()
    limits = {PERP: msgspec.structs.replace(made.limits[PERP], **{limit: D(most)})}
    bench = PerpBench(msgspec.structs.replace(made, limits=limits)).ready_with("100")
    held = bench.go_long("2")  # 40.004 of margin, twice what there is
    decision = bench.propose(wish(Side.BUY, "1"))
    (refusal,) = [t.message for t in effects(Tell, decision)]
    assert refusal.rule == rule
    assert held.inputs.free == 100
    stands = (held.inputs.margin, held.inputs.equity)
    assert stands == ((100, None) if rule == "margin_use" else (None, 100))
    bench.quote("70", "70.01", instrument=PERP)  # 40 are left
    assert not sent(bench.propose(wish(Side.BUY, "0.5", "70")))
    assert sent(bench.propose(wish(Side.SELL, "2", "70")))
