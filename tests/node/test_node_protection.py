"""What protects a position stays at the venue while desks stop, die, start again and cancel everything."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from builders import D
from nightdesk.desk.events import CancelAll, Proposed
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.order import Origin
from nightdesk.strategy.messages import Proposal, Protect, Target
from worlds import Life, SimWorld, live

BTC = InstrumentId("binance:BTCUSDT")
TREND = StrategyId("trend")
HELD = D("0.04995")  # a thousandth of what was bought is the fee
QUIET = [
    ("fast = 40", "fast = 4000000"),
    ("slow = 200", "slow = 5000000"),
]  # has no ideas of its own


def waiting(world: SimWorld) -> list[Any]:
    """Orders that wait for their price at the venue."""
    account = world.lab.exchange.accounts["practice"]
    return [r.now for r in account.open_orders("BTCUSDT") if r.now.stop_price]


async def protected(world: SimWorld, **terms: Decimal) -> Life:
    """A desk that holds something, and has declared where it wants out, far from the market."""
    life = await world.desk().up()
    await asyncio.sleep(5)
    assert life.node.shell.trading
    wishes = (Target(instrument=BTC, qty=D("0.05")), Protect(instrument=BTC, **terms))  # type: ignore[arg-type]
    life.node.shell.handle(Proposed(strategy=TREND, proposal=Proposal(actions=wishes)))
    await asyncio.sleep(12)
    assert life.state.position(TREND, BTC).qty == HELD
    return life


def test_a_bracket_is_two_orders_at_the_venue_that_lock_what_is_held_once(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await protected(world, stop=D(30_000), take_profit=D(90_000))
        kinds = {str(order.type) for order in waiting(world)}
        assert kinds == {"STOP_LOSS", "TAKE_PROFIT"}
        assert {order.list_id for order in waiting(world)} != {-1}
        assert life.state.guarded((TREND, BTC)) == HELD
        await life.stop()
        assert world.findings() == []

    live(main)


def test_an_orderly_stop_leaves_it_and_the_next_start_keeps_it(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await protected(world, stop=D(30_000))
        (before,) = waiting(world)
        await life.stop()
        assert [order.order_id for order in waiting(world)] == [before.order_id]
        again = await world.desk().up()
        await asyncio.sleep(15)
        assert [order.order_id for order in waiting(world)] == [before.order_id]
        assert again.state.protections[TREND, BTC].stop == D(30_000)
        await again.stop()

    live(main)


def test_a_killed_desk_leaves_it_too(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await protected(world, stop=D(30_000))
        (before,) = waiting(world)
        await life.crash()
        again = await world.desk().up()
        await asyncio.sleep(15)
        assert [order.order_id for order in waiting(world)] == [before.order_id]
        await again.stop()

    live(main)


def test_cancel_all_keeps_it_unless_told(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await protected(world, stop=D(30_000))
        life.node.shell.handle(CancelAll(by="me"))
        await asyncio.sleep(2)
        assert len(waiting(world)) == 1
        life.node.shell.handle(CancelAll(by="me", protective=True))
        await asyncio.sleep(15)
        assert waiting(world) == []
        assert not life.state.protections
        await life.stop()

    live(main)


def test_a_stop_that_the_venue_loses_is_missed_within_seconds(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await protected(world, stop=D(30_000))
        (before,) = waiting(world)
        world.fault("stop_dropped")
        assert waiting(world) == []
        await asyncio.sleep(25)
        (after,) = waiting(world)
        assert after.order_id != before.order_id
        await life.stop()

    live(main)


def test_a_stop_that_is_reached_closes_and_nothing_buys_it_back(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await protected(world, stop=D(1))
        quote = life.node.shell.desk.views.quotes[BTC]
        near = Protect(instrument=BTC, stop=quote.bid - D(5))
        life.node.shell.handle(Proposed(strategy=TREND, proposal=Proposal(actions=(near,))))
        for _ in range(600):
            await asyncio.sleep(1)
            if not life.state.position(TREND, BTC).qty:
                break
        await asyncio.sleep(15)
        assert life.state.position(TREND, BTC).qty == 0
        assert life.state.targets[TREND, BTC].suspended
        origins = {o.intent.origin for o in life.state.orders.ended.values() if o.filled}
        assert Origin.PROTECT in origins
        assert waiting(world) == []
        await life.stop()
        assert world.findings() == []

    live(main)
