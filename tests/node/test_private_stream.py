"""A private stream on two connections: every fill is booked once, and losing one of them is no gap."""

import asyncio
from pathlib import Path

from nightdesk.model.records import ModeSet
from node.healing import QUICK, whole
from worlds import Life, SimWorld, durable_records, live

TWICE = [*QUICK, ("private_copies = 1", "private_copies = 2")]


def private_modes(world: SimWorld) -> list[str]:
    """What the journal says of the private stream, oldest first."""
    records = [record for _, record in durable_records(world.path)]
    return [r.mode for r in records if isinstance(r, ModeSet) and r.cause == "private"]


def of_orders(world: SimWorld) -> list[int]:
    """The open connections that tell of orders."""
    return [number for number, s in world.link.streams.items() if s.channel == "user"]


async def trading(world: SimWorld) -> Life:
    life = await world.desk().up()
    await asyncio.sleep(6)
    assert life.state.counts["fills"] > 3
    assert len(of_orders(world)) == 2
    return life


def test_two_connections_book_every_fill_once(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=TWICE)
        life = await trading(world)
        await whole(world, life)

    live(main)


def test_losing_one_is_no_gap_and_losing_both_is(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=TWICE)
        life = await trading(world)
        before = private_modes(world)
        asked = life.node.telemetry.counters.get("private.reconnects", 0)
        world.link.streams[of_orders(world)[0]].broken("a test cuts it")
        await asyncio.sleep(3)
        assert private_modes(world) == before
        assert life.node.telemetry.counters["private.reconnects"] == asked + 1
        assert len(of_orders(world)) == 2
        for number in of_orders(world):
            world.link.streams[number].broken("a test cuts both")
        await asyncio.sleep(3)
        assert private_modes(world) == [*before, "REDUCE_ONLY", "NORMAL"]
        await whole(world, life)

    live(main)


def test_a_connection_that_falls_mute_is_heard_by_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=TWICE)
        life = await trading(world)
        fills, before = life.state.counts["fills"], private_modes(world)
        world.link.streams[of_orders(world)[0]].deaf = True
        await asyncio.sleep(8)
        assert life.state.counts["fills"] > fills
        assert private_modes(world) == before
        await whole(world, life)

    live(main)


def test_frames_that_cannot_be_read_are_put_aside_and_what_they_told_is_asked_for(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(6)
        fills = life.state.counts["fills"]
        world.fault("garbled_frame", which="user", duration_ms=6_000)
        await asyncio.sleep(8)
        assert life.node.telemetry.counters["private.poison"] > 0
        assert "private.frame_quarantined" in world.log.events()
        assert life.state.counts["fills"] > fills
        world.heal()
        await whole(world, life)

    live(main)
