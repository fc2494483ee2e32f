"""A sleep that something may end."""

import asyncio

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.runtime.sleeper import Sleeper
from nightdesk.simulation.loop import SimLoop, run


async def slept(sleeper: Sleeper, seconds: int) -> float:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    began = loop.time()
    await sleeper.until(Mono(seconds * SECOND_NS), seconds)
    assert not sleeper.asleep
    return loop.time() - began


def test_it_sleeps_to_the_end_when_nothing_happens() -> None:
    assert run(lambda: slept(Sleeper(), 3_600)) == 3_600


def test_it_is_woken_at_once_and_can_sleep_again() -> None:
    async def main() -> tuple[float, float]:
        sleeper, loop = Sleeper(), asyncio.get_running_loop()
        loop.call_later(5, sleeper.wake)
        loop.call_later(6, sleeper.wake)  # of nobody who sleeps: nothing
        first = await slept(sleeper, 3_600)
        await asyncio.sleep(10)
        return first, await slept(sleeper, 20)

    assert run(main) == (5, 20)
