"""Calls of handlers; one that holds everything up is named."""

import asyncio
from pathlib import Path

from nightdesk.model.ids import StrategyId
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.runtime.calls import SLOW_NS, SLOW_SAID
from worlds import SimWorld, live


class Skipping:
    """A clock that others may set forward."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self.skipped_ns = 0

    def mono(self) -> Mono:
        return Mono(self._world.clock.mono() + self.skipped_ns)

    def wall(self) -> Wall:
        return Wall(self._world.clock.wall() + self.skipped_ns)


def test_a_handler_that_holds_everything_up_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        clock = Skipping(world)
        life = await world.desk(clock=clock).up()
        await asyncio.sleep(3)
        assert "strategy.slow" not in world.log.events()
        host = life.node.shell.hosts[StrategyId("maker")]

        def dawdle(ctx: object, quote: object) -> None:
            clock.skipped_ns += SLOW_NS + MS_NS

        host.strategy.on_quote = dawdle  # type: ignore[method-assign]
        await asyncio.sleep(10)
        said = [fields for _, event, fields in world.log.lines if event == "strategy.slow"]
        assert SLOW_SAID == len(said) < life.node.telemetry.counters["strategy.slow"]
        assert said[0]["strategy"] == "maker"
        assert str(said[0]["handler"]).endswith(" on_quote")
        assert "maker.py:" in str(said[0]["handler"])
        assert said[0]["took_ms"] == "51"
        await life.crash()

    live(main)
