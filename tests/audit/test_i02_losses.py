"""What a scope has lost is computed from the journal anew, and held against a desk that goes on."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.told import whats
from benches import Bench, some_settings
from builders import STRATEGY, D
from nightdesk.audit.facts import Written
from nightdesk.audit.i02_risk import Risk
from nightdesk.desk import losses
from nightdesk.desk.events import Resume
from nightdesk.model.order import Intent, OrderType, Side
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import SECOND_NS
from nightdesk.risk.losses import LossLimits
from nightdesk.strategy.messages import Place

LIMITS = [
    LossLimits(day_max=D(5)),
    LossLimits(drawdown_max=D(5)),
    LossLimits(losing_exits_max=2),
]


def judged(bench: Bench) -> list[str]:
    written = [
        Written(at_ns=int(at), seq=seq, epoch=1, record=record, decided_at=at)
        for seq, (at, record) in enumerate(bench.records, 1)
    ]
    return whats(Risk(), written)


class Trader:
    """A desk that wants something twice a second while its market moves."""

    def __init__(self, limits: LossLimits, *, own: bool = False) -> None:
        self.mid = 10_000  # in hundredths
        made = some_settings(strategy_losses={STRATEGY: limits} if own else {})
        self.bench = Bench(made if own else some_settings(losses=limits)).ready()
        self.live(1)
        self.trade(Side.BUY, "2")

    def live(self, seconds: float, *, wishes: bool = True) -> None:
        """It asks for a bit more twice a second, which the venue refuses."""
        for n in range(int(seconds * 4)):
            bid = D(self.mid) / 100
            self.bench.quote(str(bid), str(bid + D("0.01")))
            self.bench.tick(SECOND_NS // 4)
            made = self.wish(Side.BUY, "0.1") if wishes and n % 2 else None
            if made is not None:
                self.bench.answer(made, Verdict.REJECTED)

    def trade(self, side: Side, qty: str, *, fee: str = "0", asset: str = "") -> None:
        """An order that is filled, if the desk lets it."""
        made = self.wish(side, qty)
        if made is not None:
            self.bench.ack(made)
            self.bench.fill(made, fee=fee, asset=asset)

    def wish(self, side: Side, qty: str) -> Intent | None:
        """What the desk makes of it."""
        before = len(self.bench.state.orders.live)
        wish = Place(
            ref=f"w{self.bench.state.seq}",
            instrument=next(iter(self.bench.settings.instruments)),
            side=side,
            type=OrderType.LIMIT,
            qty=D(qty),
            price=D(self.mid) / 100,
        )
        self.bench.propose(wish)
        live = list(self.bench.state.orders.live.values())
        return live[-1].intent if len(live) > before else None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(-300, 300)),
        st.tuples(st.just("buy"), st.integers(1, 100)),
        st.tuples(st.just("sell"), st.integers(1, 100)),
        st.tuples(st.just("live"), st.integers(1, 12)),
        st.tuples(st.just("restart"), st.integers(1, 3)),
        st.tuples(st.just("resume"), st.just(0)),
    ),
    max_size=12,
)


def step(trader: Trader, what: str, n: int) -> None:
    match what:
        case "move":
            trader.mid = max(1_000, trader.mid + n)
            trader.live(1)
        case "buy" | "sell":
            side = Side.BUY if what == "buy" else Side.SELL
            asset = "BTC" if n % 3 == 0 else "USDT"
            trader.trade(side, str(D(n) / 100), fee="0.001", asset=asset)
        case "live":
            trader.live(n)
        case "restart":
            trader.bench = trader.bench.restart(after_ns=n * SECOND_NS).ready()
        case _:
            trader.bench.decide(Resume(reason="looked at it", by="me"))


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_desk_that_measures_is_accused(
    limits: LossLimits, own: bool, steps: list[tuple[str, int]]
) -> None:
    trader = Trader(limits, own=own)
    for what, n in steps:
        step(trader, what, n)
    trader.live(3)
    assert judged(trader.bench) == []


def lose(trader: Trader) -> None:
    """Two exits that lose, and what is held falls by more than any limit."""
    trader.live(4)
    for _ in range(3):
        trader.mid -= 200
        trader.live(1)
        trader.trade(Side.SELL, "0.1")


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_a_desk_that_goes_on_where_too_much_is_lost_is_found(
    limits: LossLimits, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Trader(limits, own=own)
    lose(honest)
    honest.live(22)
    assert judged(honest.bench) == []
    monkeypatch.setattr(losses, "breach", lambda *_: "")
    reckless = Trader(limits, own=own)
    lose(reckless)
    reckless.live(7)
    assert judged(reckless.bench) == [], "a desk has time to see that it lasts"
    reckless.live(15)
    assert any("this adds risk" in what for what in judged(reckless.bench))


def test_what_a_fee_takes_is_lost_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "breach", lambda *_: "")
    for asset, fee in (("USDT", "6"), ("BTC", "0.06")):
        trader = Trader(LossLimits(day_max=D(5)))
        trader.trade(Side.BUY, "0.2", fee=fee, asset=asset)
        trader.live(25)
        assert judged(trader.bench) != []
    trader = Trader(LossLimits(day_max=D(5)))
    trader.trade(Side.BUY, "0.2", fee="6", asset="BNB")
    trader.live(25)
    assert judged(trader.bench) == [], "worth of a third asset is not known"


def test_a_loss_that_comes_and_goes_is_not_held_against_a_desk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(losses, "breach", lambda *_: "")
    trader = Trader(LossLimits(day_max=D(5)))
    for _ in range(4):
        trader.mid -= 400
        trader.live(6)
        trader.mid += 400
        trader.live(2)
    assert judged(trader.bench) == []


def test_a_desk_that_is_silent_is_not_held_to_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "breach", lambda *_: "")
    trader = Trader(LossLimits(day_max=D(5)))
    lose(trader)
    for _ in range(5):
        trader.live(3)
        trader.live(4, wishes=False)
    assert judged(trader.bench) == []
