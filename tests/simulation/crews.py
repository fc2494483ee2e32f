"""Worlds of several nodes, in which things are done to them at their moments."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nightdesk.model.time import SECOND_NS
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.judge import Judge
from nightdesk.simulation.loop import run
from nightdesk.simulation.processes import Running
from nightdesk.simulation.setting import Ended, WorldOptions
from nightdesk.simulation.trading_world import REST_S, TradingWorld

Script = Callable[["Crewed"], Awaitable[None]]


class Crewed:
    """One such world, while a script plays in it, and as it ended."""

    def __init__(
        self,
        script: Script,
        *,
        nodes: int = 2,
        seconds: float = 20.0,
        seed: int = 3,
        faults: Sequence[Fault] = (),
        flat: bool = True,  # whether it must get out at its end
        finds: str = "",  # what a law finds in it
        config: str = "",
    ) -> None:
        self.judge = Judge(
            flat_within_ns=(30 if flat else 3_000) * SECOND_NS,
            resolve_within_ns=(int(REST_S - 5) if flat else 3_000) * SECOND_NS,
            keep=1_000_000,
        )
        self.ended: Ended
        self.world: TradingWorld

        async def main() -> None:
            options = WorldOptions(
                seed=seed, faults=faults, seconds=seconds, nodes=nodes, config=config
            )
            self.world = TradingWorld(options, self.judge)
            async with asyncio.TaskGroup() as group:
                playing = group.create_task(script(self))
                self.ended = await self.world.live()
                playing.cancel()

        run(main)
        found = [finding.what for finding in self.judge.findings]
        assert all(finds and finds in what for what in found), self.judge.lines[-40:]
        assert bool(found) is bool(finds)
        assert not self.ended.broke, self.ended.broke

    @property
    def leader(self) -> Running:
        found = self.world.crew.living()
        assert found is not None
        return found

    @property
    def standbys(self) -> list[Running]:
        return [each for each in self.world.crew.alive() if each is not self.leader]

    async def led(self, epoch: int, within_s: float = 10.0) -> float:
        """Wait until somebody leads in `epoch`; when that was."""
        async with asyncio.timeout(within_s):
            while not any(each.up and each.epoch >= epoch for each in self.world.crew.alive()):
                await asyncio.sleep(0.001)
        return self.now

    async def ready(self) -> None:
        """One leads and trades, the others have folded what it wrote and say so."""
        await self.led(1)
        await asyncio.sleep(3)

    @property
    def now(self) -> float:
        return self.world.time.now()

    def said(self, event: str) -> list[str]:
        return [line for line in self.judge.lines if f" {event} " in line]
