"""What a wallet of contracts can stand behind, by the journal that a desk decided on."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.contracts import (
    ETH_PERP,
    PERP,
    both,
    flowed,
    force_traded,
    opened_with,
    wanted,
)
from audit.told import executed, inputs, intended, whats
from builders import D, an_id
from desk.perpetuals import PerpBench
from nightdesk.audit.facts import Fact, Written
from nightdesk.audit.i02_risk import Risk
from nightdesk.model.account import Flow
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.risk import gate
from nightdesk.strategy.messages import Place

WIDE = {
    "position_max": "99",
    "order_qty_max": "99",
    "order_notional_max": "99999",
    "open_orders_max": 99,
}
QUOTE = inputs("100", "100")


def decided(number: int, qty: str = "1", ms: float = 0, **rest: Any) -> Written:
    return wanted(ms, number, qty=D(qty), **{"inputs": QUOTE, **rest})


def bought_at(price: str, qty: str = "6") -> list[Fact]:
    """The journal knows of a trade."""
    made = {"qty": D(qty), "price": D(price)}
    trade = executed(1, client_id=an_id(1), instrument=PERP, realised=D(0), **made)
    return [decided(1, qty, price=D(price)), trade]


# A wallet of 100 at a leverage of 10: worth 1000, ten contracts at a hundred.
@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([decided(1, "10")], 0),
        ([decided(1, "11.1")], 0),  # quotes come in between
        ([decided(1, "11.2")], 1),
        ([decided(1, "11.2", reduce_only=True)], 0),
        ([decided(1, "11.2", origin=Origin.FLATTEN)], 0),
        ([decided(1, "11.2", inputs=None)], 0),
        ([intended(client_id=an_id(1), qty=D("11.2"), inputs=QUOTE)], 0),  # spot pays itself
        # All that may still fill counts, and of every contract of the wallet.
        ([decided(1, "6"), decided(2, "6", 5)], 1),
        ([decided(1, "6"), decided(2, "6", 5, instrument=ETH_PERP)], 1),
        ([decided(1, "6"), decided(2, "6", 5, side=Side.SELL)], 0),
        ([decided(1, "6"), decided(2, "6", 20_000, instrument=ETH_PERP)], 0),  # who knows its price
        # What does not make the worst case larger needs none.
        ([decided(1, "11.2", side=Side.SELL), decided(2, "11.2", 5)], 1),
        ([*bought_at("100", "11"), decided(2, "22", 5, side=Side.SELL)], 0),
        # Losses that are not realised count, profits do not.
        ([*bought_at("102"), decided(2, "3.7", 5)], 0),
        ([*bought_at("102"), decided(2, "3.8", 5)], 1),
        ([*bought_at("98"), decided(2, "5.2", 5)], 1),
        # What moved the wallet counts.
        ([flowed(1, "-20"), decided(1, "10", 5)], 1),
        ([flowed(1, "20", Flow.TRANSFER), decided(1, "11.2", 5)], 0),
        ([*bought_at("100", "9"), force_traded(2, "9", s="9"), decided(2, "10", 5)], 0),
        ([opened_with(1, "50"), decided(1, "10", 5)], 1),
    ],
)
def test_the_worst_case_fits_the_wallet(facts: list[Fact], found: int) -> None:
    told = whats(Risk(), [both(**WIDE), opened_with(wallet="100"), *facts])
    told = [what for what in told if "margin" in what]
    assert len(told) == found, told
    assert all("usdm/USDT has" in what for what in told)


def a_life(wallet: str, steps: list[tuple[str, int]]) -> list[Written]:
    """A desk that is asked for more and more, and what it wrote."""
    bench = PerpBench().ready_with(wallet)
    for what, n in steps:
        bench.wait(1)
        mid = D(100) + D(n) / 10
        bench.quote(str(mid - D("0.01")), str(mid), instrument=PERP)
        if what == "fill":
            for order in list(bench.state.orders.live.values()):
                bench.ack(order.intent)
                bench.trade(order.intent)
            continue
        side = Side.BUY if what == "buy" else Side.SELL
        bench.propose(
            Place(
                ref=f"{bench.state.seq}",
                instrument=PERP,
                side=side,
                type=OrderType.LIMIT,
                qty=D("0.5"),
                price=mid,
            )
        )
    return [
        Written(at_ns=int(at), seq=seq, epoch=1, record=record, decided_at=at)
        for seq, (at, record) in enumerate(bench.records, 1)
    ]


STEPS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell", "fill"]), st.integers(-20, 20)), max_size=12
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_desk_that_counts_its_margin_is_accused(steps: list[tuple[str, int]]) -> None:
    assert [w for w in whats(Risk(), a_life("25", steps)) if "margin" in w] == []


def test_a_desk_that_does_not_count_its_margin_is_found() -> None:
    steps = [("buy", 0)] * 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "margin_of", lambda *_: D(0))
        blind = a_life("25", steps)
    (found, *_) = whats(Risk(), blind)
    assert "usdm/USDT has 25 after losses, the worst case needs 30" in found
    assert whats(Risk(), a_life("25", steps)) == []
