"""A dead man's switch in the hands of a pair: entries outlive a leader that another one follows."""

import asyncio
from pathlib import Path
from typing import Any

from simulation.crews import Crewed

DESK = Path(__file__).parents[1] / "simulation/scenarios/desks/steady-on-perpetuals.toml"
RESTS_S = 48.0  # its entry rests from 45 s of trading to 60


def countdowns(made: Crewed) -> list[tuple[float, str]]:
    """What became of them, and when, in seconds of the world."""
    log = [entry for entry in made.world.lab.log if entry.kind == "countdown"]
    now_ns = made.world.time.wall()
    return [(made.now - (now_ns - e.at_ns) / 1e9, e.what or "") for e in log]


def resting(made: Crewed) -> int:
    usdm: Any = made.world.lab.usdm
    return len(usdm.exchange.accounts["practice"].open_orders())


async def until_it_rests(made: Crewed) -> None:
    await made.ready()
    await asyncio.sleep(RESTS_S - made.now)
    while not resting(made):
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)


def lived(how: str) -> tuple[list[tuple[float, str]], float, int]:
    """The countdowns around a change of the leader, when that was, and what rested eight seconds later."""
    seen: list[tuple[float, int]] = []

    async def script(made: Crewed) -> None:
        await until_it_rests(made)
        at_s = made.now
        if how == "switchover":
            assert made.world.command("switchover")
        else:
            made.world.crew.die(made.leader, how)
        await made.led(2)
        await asyncio.sleep(8 - (made.now - at_s))
        seen.append((at_s, resting(made)))

    made = Crewed(script, seconds=60.0, seed=1, config=DESK.read_text(encoding="utf-8"))
    [(at_s, left)] = seen
    return countdowns(made), at_s, left


def test_a_leader_that_hands_over_leaves_it_to_its_successor() -> None:
    told, at_s, left = lived("switchover")
    after = [what for when, what in told if at_s <= when <= at_s + 8]
    assert (set(after), left) == ({"begun"}, 1)


def test_one_that_follows_a_dead_leader_renews_before_it_is_over() -> None:
    told, at_s, left = lived("kill")
    after = [what for when, what in told if at_s <= when <= at_s + 8]
    assert (set(after), left) == ({"begun"}, 1)
