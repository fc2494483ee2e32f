"""Whatever a venue of contracts does to a desk that trades, protects and dies, the books end up right."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from builders import D
from nightdesk.strategy.messages import Protect, Target
from node.perps import BTC, TREND, PerpWorld, want
from worlds import Life, live

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


def of(path: str, method: str = "POST") -> dict[str, str]:
    return {"method": method, "path": path}


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("lost_response", {"how": "hang", "probability": 0.5, "match": of(ORDER)}),
    ("lost_request", {"how": "close", "probability": 0.5, "match": of(ORDER)}),
    ("truncated_body", {"effect": True, "probability": 0.5, "match": of(ORDER)}),
    ("lost_response", {"how": "close", "probability": 0.5, "match": of(ALGO)}),
    ("lost_response", {"how": "hang", "probability": 0.5, "match": of(ALGO, "DELETE")}),
    ("error_503", {"effect": True, "probability": 0.5, "match": of(ALGO)}),
    ("late_report", {"ms": 2_500, "probability": 0.6}),
    ("reordered_reports", {"probability": 0.6}),
    ("read_lag", {"ms": 800}),
    ("stream_silence", {"which": "user", "duration_ms": 15_000}),
]


async def busy(world: PerpWorld, life: Life, chance: Random) -> None:
    """A target and a protection again and again, some of them at once where the stop is reached."""
    for _ in range(8):
        mid = life.node.shell.desk.views.quotes[BTC].mid
        qty = D(chance.choice(["0.02", "-0.03", "0", "0.05", "-0.01"]))
        side = 1 if qty > 0 else -1
        near = mid * (1 - side * D(chance.choice(["0.0003", "0.01"])))
        far = mid * (1 + side * D("0.01")) if chance.random() < 0.5 else None
        want(life, Target(instrument=BTC, qty=qty))
        want(life, Protect(instrument=BTC, stop=near, take_profit=far))
        await asyncio.sleep(chance.choice([0.3, 2, 6]))
    assert world.escaped == []


@pytest.mark.parametrize(("kind", "how"), FAULTS)
def test_books_and_protections_come_back_to_what_is_true(
    tmp_path: Path, kind: str, how: dict[str, Any]
) -> None:
    async def main() -> None:
        world, chance = PerpWorld(tmp_path, seed=2, quiet=True), Random(2)
        life = await world.desk().up()
        await asyncio.sleep(3)
        world.fault(kind, **how)
        await busy(world, life, chance)
        await life.crash()
        life = await world.desk().up()
        await asyncio.sleep(4)
        await busy(world, life, chance)
        assert world.fired() or kind in {"read_lag", "stream_silence"}
        world.heal()
        await asyncio.sleep(60)
        assert world.contracts() == dict(life.state.funds.balances)
        assert not list(life.state.orders.unknown())
        held = life.state.position(TREND, BTC).qty
        standing = world.rest("GET", "/lab/account", query="name=practice")["usdm"]
        assert standing["open_algo_orders"] == len(life.state.guarding((TREND, BTC)))
        assert life.state.guarded((TREND, BTC)) == abs(held)
        await life.stop()
        assert world.findings() == []

    live(main)
