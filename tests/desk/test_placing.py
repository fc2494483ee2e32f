"""From wish to intent: state in the same append, deadlines inside the lease, and no wish that can
hurt the desk.
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches import (
    LEASE_NS,
    TTL_NS,
    Bench,
    effects,
    fold,
    sent,
    some_limits,
    some_settings,
)
from builders import BTCUSDT, NOW, STRATEGY, D
from nightdesk.desk.events import Proposed, Tell
from nightdesk.model.ids import decode_order_id
from nightdesk.model.order import OrderType, Side, VenueStatus
from nightdesk.model.records import Intended, StrategyKept
from nightdesk.model.time import Moment, Mono
from nightdesk.strategy.messages import Cancel, Place, Proposal, Refusal, Target


def wish(**changed: object) -> Place:
    made = {
        "ref": "w",
        "instrument": BTCUSDT,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "qty": D(1),
        "price": D(100),
        **changed,
    }
    return Place(**made)  # type: ignore[arg-type]


def test_a_strategys_state_is_in_the_same_append_as_its_decision_and_before_it() -> None:
    bench = Bench().ready()
    decision = bench.propose(wish(), state=b"seen 7")
    assert [type(r) for r in decision.records] == [StrategyKept, Intended]
    for cut in range(len(bench.records) - 2, len(bench.records) + 1):
        state = fold(bench.records[:cut])
        if state.orders.live:
            assert state.kept[STRATEGY] == b"seen 7", "never an order without the state behind it"


def test_an_order_leaves_only_after_its_record() -> None:
    bench = Bench().ready()
    decision = bench.propose(wish())
    assert len(sent(decision)) == 1
    assert not any(e in decision.at_once for e in decision.after)


def test_an_id_tells_its_slot_and_no_life_repeats_one() -> None:
    bench = Bench().ready()
    seen = set()
    for life in range(1, 5):
        for n in range(5):
            intent = bench.place(price=f"9{n + 5}")
            key = decode_order_id(intent.client_id)
            assert key is not None
            assert (key.epoch, key.nonce) == (life, life * 7)
            slot = [i for i, (_, r) in enumerate(bench.records, 1) if isinstance(r, Intended)][-1]
            assert key.seq == slot
            assert intent.client_id not in seen
            seen.add(intent.client_id)
            bench.told(bench.report(intent, VenueStatus.EXPIRED))
        bench = bench.restart().ready()


def test_without_a_lease_nothing_is_intended() -> None:
    bench = Bench().ready()
    seq = bench.state.seq
    void = Moment(mono=bench.mono, wall=bench.wall, lease_until=bench.mono)
    wish = Place(
        ref="w",
        instrument=BTCUSDT,
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=D(1),
        price=D(100),
    )
    proposed = Proposed(strategy=STRATEGY, proposal=Proposal(actions=(wish,)))
    decision = bench.desk.decide(proposed, void)
    assert (sent(decision), decision.records, bench.state.seq) == ([], [], seq)
    assert bench.desk.views.refusals == {"lease": 1}


def test_a_deadline_is_short_and_never_past_the_lease() -> None:
    bench = Bench().ready()
    assert bench.place().deadline == bench.wall + min(TTL_NS, LEASE_NS)
    moment = Moment(mono=bench.mono, wall=bench.wall, lease_until=Mono(bench.mono + 300))
    bench.moment = lambda: moment  # type: ignore[method-assign]
    assert bench.place(price="99").deadline == bench.wall + 300


def test_wishes_of_one_call_are_judged_together() -> None:
    bench = Bench(some_settings(limits=some_limits(position_max=D(2)))).ready()
    decision = bench.propose(*[wish(ref=f"w{n}", price=D(95 + n)) for n in range(4)])
    assert len(sent(decision)) == 2
    refused = [e.message for e in effects(Tell, decision) if isinstance(e.message, Refusal)]
    assert [r.rule for r in refused] == ["position", "position"]


def test_a_cancel_of_what_was_never_placed_or_of_anothers_order_is_nothing() -> None:
    bench = Bench(some_settings(strategies=(STRATEGY, "other"))).ready()
    intent = bench.open_order()
    decision = bench.propose(Cancel(ref="ghost"))
    assert decision.records == []
    decision = bench.propose(Cancel(ref=intent.client_id), strategy="other")
    assert decision.records == []


def test_after_a_restart_an_order_is_cancelled_by_its_id() -> None:
    bench = Bench().ready()
    intent = bench.open_order()
    again = bench.restart().ready()
    decision = again.propose(Cancel(ref=intent.client_id))
    assert len(decision.records) == 1


@pytest.mark.parametrize(
    "bad",
    [
        wish(instrument="binance:DOGEUSDT"),
        wish(qty=D(0)),
        wish(qty=D(-1)),
        wish(price=D(0)),
        wish(qty=D("0.000001")),
        wish(price=D("100.001")),
        wish(qty=D("0.00001")),
        wish(price=D(50)),
        wish(qty=D(1000)),
        wish(price=D(100) / D(3)),
    ],
    ids=str,
)
def test_a_wish_that_cannot_be_is_refused_and_told(bad: Place) -> None:
    bench = Bench().ready()
    decision = bench.propose(bad)
    assert sent(decision) == []
    assert [e.message.ref for e in effects(Tell, decision) if isinstance(e.message, Refusal)] == [
        "w"
    ]


@pytest.mark.parametrize(
    "bad",
    [
        wish(qty=0.01),
        wish(price=100.0),
        wish(qty=D("NaN")),
        wish(qty=D("Infinity")),
        wish(qty=D("1E+40")),
        wish(price=Decimal("99." + "1" * 60)),
        wish(side="buy"),
        Target(instrument=BTCUSDT, qty=0.01),  # type: ignore[arg-type]
        Target(instrument=BTCUSDT, qty=D("NaN")),
        Target(instrument=BTCUSDT, qty=D("1E+40")),
    ],
    ids=str,
)
def test_a_wish_with_a_number_that_is_none_hurts_only_its_strategy(bad: Place | Target) -> None:
    bench = Bench().ready()
    decisions = [bench.propose(bad), *bench.ticks(2, quoted=True)]
    assert sent(*decisions) == []


@given(
    qty=st.decimals(min_value="0.00001", max_value="6", places=5),
    price=st.decimals(min_value="90", max_value="110", places=2),
    side=st.sampled_from(Side),
)
def test_whatever_is_approved_keeps_the_worst_case_within_the_limit(
    qty: Decimal, price: Decimal, side: Side
) -> None:
    bench = Bench(some_settings(limits=some_limits(position_max=D(3)))).ready()
    bench.buy("1.5")
    bench.lose(bench.place(Side.SELL, "2", "100"))
    bench.propose(wish(qty=qty, price=price, side=side))
    exposure, net = bench.state.exposure(BTCUSDT), bench.state.net(BTCUSDT)
    assert abs(exposure.worst_long(net)) <= 3
    assert abs(exposure.worst_short(net)) <= 3
    assert bench.wall >= NOW
