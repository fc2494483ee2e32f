"""The loop and its processes: drawn orders of what is ready, and whose turn is counted."""

import asyncio
import gc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.simulation.incarnation import Incarnation
from nightdesk.simulation.loop import TASKS_KEPT, SimLoop, run


def order_of(shuffle: Random | None, callbacks: int = 40) -> list[int]:
    """What ran, of so many things that are ready together."""

    async def main() -> list[int]:
        told: list[int] = []
        for n in range(callbacks):
            asyncio.get_running_loop().call_soon(told.append, n)
        await asyncio.sleep(1)
        return told

    return run(main, shuffle=shuffle)


@given(st.integers(0, 10**6))
def test_a_shuffled_order_is_another_order_of_the_same(seed: int) -> None:
    mixed = order_of(Random(seed))
    assert sorted(mixed) == order_of(None) == list(range(40))
    assert mixed != list(range(40))


@given(st.integers(0, 10**6))
def test_a_seed_gives_one_order(seed: int) -> None:
    assert order_of(Random(seed)) == order_of(Random(seed))


def test_seeds_give_many_orders() -> None:
    assert len({tuple(order_of(Random(seed))) for seed in range(30)}) == 30


def test_shuffling_moves_nothing_in_time() -> None:
    async def main() -> list[float]:
        told: list[float] = []

        async def tick(seconds: float) -> None:
            await asyncio.sleep(seconds)
            told.append(asyncio.get_running_loop().time())

        async with asyncio.TaskGroup() as group:
            for n in range(20):
                group.create_task(tick(n % 5))
        return told

    plain = run(main)
    for seed in range(10):
        assert run(main, shuffle=Random(seed)) == plain == sorted(plain)


def test_turns_of_the_dead_and_the_frozen_are_not_counted() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)

        async def work() -> None:
            while True:
                await asyncio.sleep(0.001)

        mine = Incarnation("desk", 1)
        mine.spawn(loop, work(), "main")
        await asyncio.sleep(1)
        mine.freeze()
        before = loop.turns
        await asyncio.sleep(1)
        mine.kill()
        await asyncio.sleep(1)
        mine.bury()
        return loop.turns - before

    assert run(main) < 10


@pytest.mark.parametrize("kept", [1, 50])
def test_a_process_forgets_its_finished_tasks_and_none_that_runs(kept: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def brief() -> None:
            await asyncio.sleep(0)

        async def long() -> None:
            await asyncio.sleep(10_000)

        mine = Incarnation("desk", 1)
        running = [mine.spawn(loop, long(), f"long-{n}") for n in range(kept)]
        for _ in range(4 * TASKS_KEPT):
            mine.spawn(loop, brief(), "brief")
            await asyncio.sleep(0.01)
        assert set(running) <= set(mine.tasks)
        assert len(mine.tasks) <= TASKS_KEPT + 1
        mine.kill()
        mine.bury()

    run(main)


@pytest.mark.parametrize("over", [False, True])
def test_what_nobody_was_told_is_said_in_a_world_and_not_after_it(
    over: bool, caplog: pytest.LogCaptureFixture
) -> None:
    left: list[asyncio.Future[None]] = []

    async def main() -> None:
        left.append(asyncio.get_running_loop().create_future())
        left[0].set_exception(ValueError("nobody waits for it"))
        if not over:
            left.clear()
            gc.collect()

    run(main)
    left.clear()
    gc.collect()
    assert ("never retrieved" in caplog.text) is not over
