"""A venue whose query lies: an order it denies stands in its lists, and nothing is given up."""

import asyncio
from pathlib import Path

import pytest

from nightdesk.runtime.questions import Questions
from node.healing import QUICK, whole
from worlds import Life, SimWorld, live

LAG_MS = 100_000  # far beyond the read lag that the desk was told to expect


async def denied(world: SimWorld, *, seconds: float = 20.0) -> Life:
    """Orders whose answers are lost, on a venue that does not tell of them when asked by id."""
    life = await world.desk().up()
    await asyncio.sleep(8)
    world.fault("stream_silence", which="user")
    world.fault("read_lag", ms=LAG_MS, match={"method": "GET", "path": "/api/v3/order"})
    world.fault("lost_response", match={"method": "POST", "path": "/api/v3/order"}, count=6)
    await asyncio.sleep(seconds)
    world.heal()
    return life


def test_an_order_that_the_query_denies_is_found_in_the_lists(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=11, replace=QUICK)
        life = await denied(world)
        assert life.state.counts["unknown"] > 0
        assert life.state.counts.get("never_accepted", 0) == 0
        await whole(world, life)

    live(main)


def test_a_desk_that_believed_the_query_alone_would_give_live_orders_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(*_: object) -> bool:
        return True

    monkeypatch.setattr(Questions, "_not_open", missing)
    monkeypatch.setattr(Questions, "_not_traded", missing)

    async def main() -> None:
        world = SimWorld(tmp_path, seed=11, replace=QUICK)
        life = await denied(world)
        assert life.state.counts["never_accepted"] > 0
        await life.stop()
        assert "I5 every intent resolved" in {finding.law for finding in world.findings()}

    live(main)
