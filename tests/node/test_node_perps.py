"""A desk of perpetuals against a venue written from the same documents by somebody else: the books agree."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from benches import causes
from builders import D
from nightdesk.desk.events import Flatten
from nightdesk.model.account import Flow
from nightdesk.model.errors import BadInput
from nightdesk.model.order import OrderType, Origin
from nightdesk.model.records import Executed, Flowed, ForceTraded
from nightdesk.strategy.messages import Protect, Target
from node.perps import BTC, ETH, TREND, WALLET, PerpWorld, want
from worlds import Life, durable_records, leaves, live


def agree(world: PerpWorld, life: Life) -> None:
    """Every position and every cent."""
    assert world.contracts() == dict(life.state.funds.balances)
    assert world.escaped == []
    assert "reconcile" not in causes(life.state)


async def ends(world: PerpWorld, life: Life) -> None:
    """The desk stops in order, and every law holds over its journal and the venue's log."""
    await life.stop()
    assert world.findings() == []


def test_a_desk_trades_both_ways_and_its_books_are_the_venues(tmp_path: Path) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(120)
        agree(world, life)
        assert life.state.counts["fills"] >= 5
        await life.stop()
        again = await world.desk().up()
        await asyncio.sleep(60)
        agree(world, again)
        await ends(world, again)
        kept = durable_records(world.path)
        assert all(r.execution.realised is not None for _, r in kept if isinstance(r, Executed))

    live(main)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"mode": "hedge"}, "hedge mode"),
        ({"mode": "multi_assets"}, "multi-assets mode"),
        ({"mode": "leverage", "symbol": "BTCUSDT", "leverage": 7}, "leverage is 7"),
        ({"mode": "isolated", "symbol": "BTCUSDT"}, "margin is isolated"),
    ],
)
def test_a_desk_does_not_start_on_other_terms(tmp_path: Path, fault: Any, words: str) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path)
        world.fault("mode_switched", account="practice", **fault)
        with pytest.raises(BaseExceptionGroup) as refused:
            await world.desk().up()
        (error,) = leaves(refused.value)
        assert isinstance(error, BadInput)
        assert words in str(error)

    live(main)


@pytest.mark.parametrize(
    "fault",
    [{"mode": "leverage", "symbol": "BTCUSDT", "leverage": 7}, {"mode": "multi_assets"}],
)
def test_terms_that_change_under_a_running_desk_stop_new_risk(tmp_path: Path, fault: Any) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        life = await world.desk().up()
        await asyncio.sleep(5)
        world.fault("mode_switched", account="practice", **fault)
        await asyncio.sleep(2)
        assert causes(life.state)["terms"] == "REDUCE_ONLY"
        await ends(world, life)

    live(main)


def test_funding_is_a_record_of_its_own_and_borne_by_who_holds(tmp_path: Path) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        world.fault("funding_shock", symbol="BTCUSDT", bps=20)
        life = await world.holding()
        await asyncio.sleep(400)  # midnight, when funding is settled, passes meanwhile
        agree(world, life)
        paid = life.state.position(TREND, BTC).funding
        assert paid < -1
        await ends(world, life)
        kept = [r for _, r in durable_records(world.path) if isinstance(r, Flowed)]
        assert [(r.move.kind, r.move.amount, r.shares) for r in kept] == [
            (Flow.FUNDING, paid, {TREND: paid})
        ]

    live(main)


@pytest.mark.parametrize(
    ("kind", "more", "left"), [("liquidate", {}, "0"), ("adl", {"fraction": 0.5}, "0.01")]
)
def test_what_the_venue_closes_by_itself_is_known_and_reaches_a_person(
    tmp_path: Path, kind: str, more: Any, left: str
) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        life = await world.holding()
        world.fault(kind, account="practice", symbol="BTCUSDT", **more)
        await asyncio.sleep(20)
        agree(world, life)
        assert life.state.position(TREND, BTC).qty == D(left)
        assert causes(life.state)["forced"] == "REDUCE_ONLY"
        assert life.state.targets[TREND, BTC].suspended
        assert "position.forced" in world.log.events()
        await ends(world, life)
        assert any(isinstance(r, ForceTraded) for _, r in durable_records(world.path))

    live(main)


def test_a_liquidation_that_nobody_heard_is_found_by_asking(tmp_path: Path) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        life = await world.holding()
        world.fault("stream_silence", which="user", duration_ms=3_000)
        world.fault("liquidate", account="practice", symbol="BTCUSDT")
        await asyncio.sleep(30)
        agree(world, life)
        assert causes(life.state)["forced"] == "REDUCE_ONLY"
        await ends(world, life)

    live(main)


def test_a_transfer_is_booked_and_alarms_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        life = await world.holding()
        world.fault("transfer", account="practice", asset="USDT", amount="-500", venue="usdm")
        await asyncio.sleep(20)
        agree(world, life)
        assert life.state.position(TREND, BTC).funding == 0
        await ends(world, life)

    live(main)


@pytest.mark.parametrize("qty", ["0.02", "-0.02"])
def test_a_stop_waits_at_the_venue_and_what_it_becomes_is_told_as_its_own(
    tmp_path: Path, qty: str
) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        life = await world.holding(qty)
        mid = life.node.shell.desk.views.quotes[BTC].mid
        away = 1 if D(qty) > 0 else -1
        near, far = mid * (1 - away * D("0.0002")), mid * (1 + away * D("0.05"))
        want(life, Protect(instrument=BTC, stop=near, take_profit=far))
        await asyncio.sleep(2)
        orders = (*life.state.orders.live.values(), *life.state.orders.ended.values())
        made = [o.intent for o in orders if o.intent.origin is Origin.PROTECT]
        assert [i.type for i in made] == [OrderType.STOP, OrderType.TAKE_PROFIT]
        assert all(i.reduce_only and i.other is None for i in made)
        for _ in range(600):
            await asyncio.sleep(1)
            if not life.state.position(TREND, BTC).qty:
                break
        await asyncio.sleep(20)
        agree(world, life)
        assert life.state.position(TREND, BTC).qty == 0
        account = world.rest("GET", "/lab/account", query="name=practice")["usdm"]
        assert (account["open_orders"], account["open_algo_orders"]) == (0, 0)
        traded = [o for o in life.state.orders.ended.values() if o.filled > 0]
        assert Origin.PROTECT in {o.intent.origin for o in traded}
        assert not life.node.shell.desk.views.strangers
        await ends(world, life)

    live(main)


def test_a_protection_outlives_the_desk_and_is_taken_up_again(tmp_path: Path) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        life = await world.holding()
        mid = life.node.shell.desk.views.quotes[BTC].mid
        want(life, Protect(instrument=BTC, stop=mid * D("0.97"), take_profit=mid * D("1.03")))
        await asyncio.sleep(3)
        await life.stop()
        account = world.rest("GET", "/lab/account", query="name=practice")["usdm"]
        assert account["open_algo_orders"] == 2
        again = await world.desk().up()
        await asyncio.sleep(10)
        agree(world, again)
        assert len(again.state.guarding((TREND, BTC))) == 2
        want(again, Target(instrument=BTC, qty=D(0)))
        await asyncio.sleep(20)
        agree(world, again)
        account = world.rest("GET", "/lab/account", query="name=practice")["usdm"]
        assert account["open_algo_orders"] == 0
        await ends(world, again)

    live(main)


def test_flatten_closes_longs_and_shorts_at_the_venue(tmp_path: Path) -> None:
    async def main() -> None:
        world = PerpWorld(tmp_path, quiet=True)
        life = await world.holding()
        want(life, Target(instrument=ETH, qty=D("-0.3")))
        await asyncio.sleep(5)
        life.node.shell.handle(Flatten(by="me"))
        await asyncio.sleep(20)
        agree(world, life)
        held = world.contracts()
        assert {k: v for k, v in held.items() if k != WALLET} == {BTC: D(0), ETH: D(0)}
        assert "flat at the venue" in life.node.shell.desk.views.flatten_said
        await ends(world, life)

    live(main)
