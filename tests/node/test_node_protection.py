"""What protects a position stays at the venue while desks stop, die, start again and cancel everything."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from builders import D
from nightdesk.desk.events import CancelAll, Proposed
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.order import Origin
from nightdesk.model.records import Intended
from nightdesk.strategy.messages import Proposal, Protect, Target
from worlds import Life, SimWorld, durable_records, live

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


REPLACE = {"path": "/api/v3/order/cancelReplace"}
SOON_NS = 150_000_000  # a request's way in a world, a commit and three looks


def declare(life: Life, stop: int) -> None:
    """The strategy wants out elsewhere."""
    wish = Protect(instrument=BTC, stop=D(stop))
    life.node.shell.handle(Proposed(strategy=TREND, proposal=Proposal(actions=(wish,))))


async def kept(world: SimWorld) -> Life:
    """A desk with a stop at 30,000; from here on it is measured how long nothing stands."""
    life = await protected(world, stop=D(30_000))
    await asyncio.sleep(5)
    life.node.shell.desk.views.bare_worst_ns = 0
    return life


def replacing(world: SimWorld) -> list[Decimal | None]:
    """The prices of what was to take another's place."""
    intents = [r.intent for _, r in durable_records(world.path) if isinstance(r, Intended)]
    return [intent.trigger for intent in intents if intent.replaces is not None]


def test_a_stop_that_moves_stands_all_the_time_but_for_one_request(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await kept(world)
        for stop in (31_000, 32_000):
            declare(life, stop)
            await asyncio.sleep(20)
            assert [order.stop_price for order in waiting(world)] == [D(stop)]
        assert life.node.shell.desk.views.bare_worst_ns < SOON_NS
        await life.stop()
        assert replacing(world) == [D(31_000), D(32_000)]
        assert world.findings() == []

    live(main)


def test_a_position_that_shrinks_keeps_its_rest_covered(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await kept(world)
        less = Target(instrument=BTC, qty=D("0.02"))
        life.node.shell.handle(Proposed(strategy=TREND, proposal=Proposal(actions=(less,))))
        await asyncio.sleep(20)
        assert life.state.position(TREND, BTC).qty == D("0.02")
        assert [order.quantity for order in waiting(world)] == [D("0.02")]
        assert life.node.shell.desk.views.bare_worst_ns < SOON_NS
        await life.stop()
        assert world.findings() == []

    live(main)


def test_where_the_old_one_cannot_be_ended_it_stays_and_is_moved_a_little_later(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await kept(world)
        world.fault("unknown_order_on_cancel", count=2, match=REPLACE)
        declare(life, 31_000)
        await asyncio.sleep(20)
        assert [order.stop_price for order in waiting(world)] == [D(31_000)]
        assert life.node.shell.desk.views.bare_worst_ns < SOON_NS
        await life.stop()
        assert replacing(world) == [D(31_000)] * 3
        assert world.findings() == []

    live(main)


def test_where_only_the_old_one_ended_it_is_placed_anew_once_that_is_final(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await kept(world)
        world.fault("insufficient_balance", count=1, match=REPLACE)
        declare(life, 31_000)
        await asyncio.sleep(2)
        assert waiting(world) == []
        await asyncio.sleep(20)
        assert [order.stop_price for order in waiting(world)] == [D(31_000)]
        await life.stop()
        assert world.findings() == []

    live(main)


@pytest.mark.parametrize("kind", ["lost_request", "lost_response", "truncated_body", "-1007"])
def test_without_an_answer_both_are_asked_for_and_one_stands_in_the_end(
    tmp_path: Path, kind: str
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await kept(world)
        world.fault(kind, count=1, match=REPLACE)
        declare(life, 31_000)
        await asyncio.sleep(40)
        assert [order.stop_price for order in waiting(world)] == [D(31_000)]
        assert list(life.state.orders.unknown()) == []
        assert life.state.guarded((TREND, BTC)) == HELD
        await life.stop()
        assert world.findings() == []

    live(main)


def test_a_desk_that_dies_in_between_finds_one_stop_in_its_next_life(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=QUIET)
        life = await kept(world)
        world.fault("lost_response", count=1, match=REPLACE)
        declare(life, 31_000)
        await asyncio.sleep(0.5)
        await life.crash()
        assert [order.stop_price for order in waiting(world)] == [D(31_000)]
        again = await world.desk().up()
        await asyncio.sleep(30)
        assert [order.stop_price for order in waiting(world)] == [D(31_000)]
        assert again.state.guarded((TREND, BTC)) == HELD
        await again.stop()
        assert world.findings() == []

    live(main)
