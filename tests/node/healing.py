"""What tests of whole desks share: orders that live briefly, and an end that compares everything."""

import asyncio
from typing import Any

from worlds import SimWorld

QUICK = [('name = "practice"', 'name = "practice"\norder_ttl_ms = 500')]


async def whole(world: SimWorld, life: Any, *, seconds: float = 30.0) -> None:
    """Let it heal, end it, and hold everything together."""
    await asyncio.sleep(seconds)
    assert not list(life.state.orders.unknown())
    await life.stop()
    assert world.findings() == []
    assert world.differences(life) == {}
    assert not life.state.orders.live
    assert world.escaped == []
