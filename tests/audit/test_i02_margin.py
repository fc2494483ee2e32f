"""What a wallet of contracts can stand behind, by the journal that a desk decided on."""

from typing import Any

import msgspec
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
from audit.told import executed, inputs, intended, whats, written
from builders import D, an_id
from desk.perpetuals import PerpBench
from nightdesk.audit.facts import Fact, Written
from nightdesk.audit.i02_risk import Risk
from nightdesk.model.account import Flow
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.model.records import Configured, Reconciled
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


def beside(ask: str) -> dict[str, Any]:
    """What a desk says that the other contract was worth."""
    return {"inputs": msgspec.structs.replace(QUOTE, asks={PERP: D(ask)})}


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
        # What the desk says that others were worth is what it knew, however they were seen last.
        ([*bought_at("100", "9"), decided(2, "3", 5, instrument=ETH_PERP, **beside("100"))], 1),
        ([*bought_at("100", "9"), decided(2, "3", 5, instrument=ETH_PERP, **beside("70"))], 1),
        ([*bought_at("140", "5"), decided(2, "3", 5, instrument=ETH_PERP)], 1),
        ([*bought_at("140", "5"), decided(2, "3", 5, instrument=ETH_PERP, **beside("140"))], 0),
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


def stood(free: str = "100", equity: str | None = None, spot: str = "100") -> dict[str, Any]:
    """What a desk says that stood behind its contracts."""
    equal = None if equity is None else D(equity)
    return {"inputs": msgspec.structs.replace(inputs(spot, spot), margin=D(free), equity=equal)}


# Half the wallet of 100 at a leverage of 10 is worth 500, five contracts at a hundred.
@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([decided(1, "5", **stood())], 0),
        ([decided(1, "5.1", **stood())], 1),
        (
            [decided(1, "5.1")],
            0,
        ),  # the desk says nothing of what it had, and quotes come in between
        ([decided(1, "5.6")], 1),
        ([decided(1, "5.6", **stood("200"))], 1),  # it believes in more than there is
        ([decided(1, "5.1", reduce_only=True, **stood())], 0),
        ([decided(1, "5.1", origin=Origin.FLATTEN, **stood())], 0),
        ([decided(1, "3", **stood()), decided(2, "3", 5, **stood())], 1),
        ([decided(1, "3", **stood()), decided(2, "3", 5, instrument=ETH_PERP, **stood())], 1),
        ([decided(1, "3", **stood()), decided(2, "3", 5, side=Side.SELL, **stood())], 0),
    ],
)
def test_no_more_of_the_wallet_is_bound_than_may_be(facts: list[Fact], found: int) -> None:
    settings = both(**WIDE, margin_use_max="0.5")
    told = whats(Risk(), [settings, opened_with(wallet="100"), *facts])
    assert [what for what in told if "is over 0.5 of usdm/USDT" in what] == told
    assert len(told) == found


def spot_bought(qty: str = "2") -> list[Fact]:
    """The desk buys what is not its baseline, and the market says what that is worth."""
    order = {"client_id": an_id(7), "qty": D(qty), "price": D(100)}
    return [
        opened_with_spot(),
        intended(inputs=inputs("90", "90"), **order),
        executed(1, trade_id="7", **order),
    ]


def opened_with_spot() -> Written:
    """Three coins and 900 of money beside the wallet of 100."""
    return written(
        Reconciled(balances={"BTC": D(3), "USDT": D(900)}, unexplained={}, surplus={}), -800
    )


# Twice a wallet of 100 and 900 of money is twenty contracts at a hundred.
@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([opened_with_spot(), decided(1, "20", **stood(equity="1000"))], 0),
        ([opened_with_spot(), decided(1, "20.1", **stood(equity="1000"))], 1),
        ([opened_with_spot(), decided(1, "22.3", **stood(equity="1200"))], 1),
        ([opened_with_spot(), decided(1, "22.2")], 0),
        ([opened_with_spot(), decided(1, "22.3")], 1),
        # What was bought counts at what it is worth; who cannot know that believes the desk.
        ([*spot_bought(), decided(1, "21.7", 5)], 0),
        ([*spot_bought(), decided(1, "21.8", 5)], 1),
        ([*spot_bought(), decided(1, "99", 20_000)], 0),
        ([*spot_bought(), decided(1, "19.7", 20_000, **stood(equity="980"))], 1),
        ([opened_with_spot(), decided(1, "12"), decided(2, "12", 5, instrument=ETH_PERP)], 1),
    ],
)
def test_contracts_come_to_no_more_than_so_many_times_what_the_desk_has(
    facts: list[Fact], found: int
) -> None:
    settings = both(leverage=125, **WIDE, leverage_max="2", gross_max="99999")
    told = whats(Risk(), [settings, opened_with(wallet="100"), *facts])
    told = [what for what in told if "over 2 times what the desk has" in what]
    assert len(told) == found


def test_a_baseline_that_is_said_is_not_the_desks() -> None:
    settings = both(leverage=125, **WIDE, leverage_max="2", gross_max="99999")
    assert isinstance(settings.record, Configured)
    body = msgspec.json.decode(settings.record.body) | {"baseline": {"BTC": "1"}}
    record = msgspec.structs.replace(settings.record, body=msgspec.json.encode(body).decode())
    told = [
        msgspec.structs.replace(settings, record=record),
        opened_with(wallet="100"),
        opened_with_spot(),
        intended(client_id=an_id(7), qty=D("0.001"), inputs=QUOTE),
        decided(1, "26.5", 5),  # 200 more
        decided(2, "0.3", 6),
    ]
    (found,) = [what for what in whats(Risk(), told) if "what the desk has" in what]
    assert "contracts may come to 2680" in found


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
