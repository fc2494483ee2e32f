import re
from decimal import ROUND_UP, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.perps import D, Perps


def long(quantity: str) -> tuple[Perps, int]:
    """A long of so much with 1000 USDT behind it, and a websocket that hears of it."""
    p = Perps()
    conn = p.listen()
    p.market_order("BUY", quantity)
    return p, conn


def fall(p: Perps, *touches: str) -> None:
    for touch in touches:
        p.move(touch, str(D(touch) + D("0.2")))


def test_a_long_that_falls_far_enough_is_liquidated_with_its_orders() -> None:
    p, conn = long("60")  # 100.1, 100.5 and 101.0: 6038 bought with 1000
    forced = p.open("/market/ws/btcusdt@forceOrder")
    p.place(price="80", side="BUY", quantity="0.1", newClientOrderId="waiting")
    price = D(p.position()["liquidationPrice"])
    just_above = price.quantize(D("0.1"), ROUND_UP) - D("0.1")  # the mark is half a spread higher
    fall(p, str(just_above))
    assert p.desk.position("BTCUSDT").amount == 60
    [call] = p.events(conn, "MARGIN_CALL")
    assert call["p"][0]["s"] == "BTCUSDT"
    fall(p, str(just_above - D("0.2")))
    assert p.desk.position("BTCUSDT").amount == 0
    orders = [event["o"] for event in p.events(conn, "ORDER_TRADE_UPDATE")]
    [waiting] = [o for o in orders if o["c"] == "waiting" and o["X"] == "EXPIRED"]
    assert waiting["er"] == "5"
    steps = [(o["x"], o["X"], o["o"]) for o in orders if o["c"].startswith("autoclose-")]
    assert steps == [("NEW", "NEW", "LIQUIDATION"), ("CALCULATED", "FILLED", "LIQUIDATION")]
    [told] = p.heard(forced)
    assert (told["e"], told["o"]["S"], told["o"]["q"]) == ("forceOrder", "SELL", "60.000")
    assert 0 <= p.wallet() < 30
    assert len(p.call("GET", "/fapi/v1/forceOrders").json) == 1


def test_the_insurance_fund_bears_what_an_account_cannot() -> None:
    p, conn = long("60")
    fall(p, "40")
    assert (p.desk.position("BTCUSDT").amount, p.wallet()) == (0, 0)
    assert p.events(conn, "ACCOUNT_UPDATE")[-1]["a"]["m"] == "INSURANCE_CLEAR"
    [told] = [entry for entry in p.lab.log if entry.kind == "insurance"]
    [booked] = [row for row in p.desk.incomes if row.kind == "INSURANCE_CLEAR" and row.amount > 0]
    assert (told.amount, told.asset, told.symbol) == (booked.amount, "USDT", "BTCUSDT")


def test_an_isolated_position_costs_no_more_than_its_own_wallet() -> None:
    p = Perps()
    p.call("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "ISOLATED"})
    p.market_order("BUY", "20")
    held = p.desk.position("BTCUSDT")
    assert held.isolated_wallet == held.cost / 20
    before = p.wallet()
    fall(p, "60")
    assert p.desk.position("BTCUSDT").amount == 0
    assert p.wallet() == before - held.isolated_wallet


def test_adl_closes_a_share_without_a_fee() -> None:
    p, conn = long("10")
    before = p.wallet()
    p.fault("adl", fraction=0.25)
    last = p.events(conn, "ORDER_TRADE_UPDATE")[-1]["o"]
    assert (last["c"], last["x"], last["X"], last["l"]) == (
        "adl_autoclose",
        "TRADE",
        "FILLED",
        "2.500",
    )
    assert p.events(conn, "ACCOUNT_UPDATE")[-1]["a"]["m"] == "ADL"
    assert p.desk.position("BTCUSDT").amount == D("7.5")
    assert p.wallet() - before == D("2.5") * (100 - D("100.1"))


def money(p: Perps) -> tuple[Decimal, Decimal]:
    """What the wallet gained, and what the incomes say it gained."""
    told = sum((row.amount for row in p.desk.incomes), D(0))
    return p.wallet() - p.desk.initial["USDT"], told


steps = st.lists(
    st.tuples(
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 60).map(str),
        st.integers(-60, 60),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@given(steps)
@settings(max_examples=40)
def test_money_is_conserved_and_nobody_healthy_is_liquidated(
    days: list[tuple[str, str, int, bool]],
) -> None:
    p, middle = Perps(), 100
    for side, quantity, move, reduces in days:
        p.market_order(side, quantity, **({"reduceOnly": "true"} if reduces else {}))
        middle = max(5, middle + move)
        p.move(f"{middle}.0", f"{middle}.2")
    gained, told = money(p)
    assert gained == told
    signed = {"BUY": 1, "SELL": -1}
    total = sum((signed[f.side] * f.quantity for f in p.desk.fills), D(0))
    assert p.desk.position("BTCUSDT").amount == total
    for entry in p.lab.log:
        if entry.reason is not None and entry.reason.startswith("liquidation"):
            margin, least = re.findall(r"-?[0-9.]+", entry.reason)
            assert D(margin) < D(least)
    assert p.wallet() >= 0 or p.desk.position("BTCUSDT").amount
