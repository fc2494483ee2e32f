"""A process that dies between two instructions, one that stands still, and what each leaves in the world."""

import asyncio
from collections.abc import Awaitable, Callable

from nightdesk.simulation.incarnation import RUNNING, Incarnation, Life, gone
from nightdesk.simulation.loop import SimLoop, run


def loop() -> SimLoop:
    found = asyncio.get_running_loop()
    assert isinstance(found, SimLoop)
    return found


def process(work: Callable[[], Awaitable[None]], name: str = "desk", pid: int = 1) -> Incarnation:
    """A process of its own that does `work`."""
    made = Incarnation(name, pid)

    async def main() -> None:
        await work()

    made.spawn(loop(), main(), "main")
    return made


def thaw(incarnation: Incarnation) -> None:
    incarnation.thaw()
    loop().thawed(incarnation)


class Tidy:
    """A process that would clean up, if anybody let it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def work(self) -> None:
        try:
            self.told.append("started")
            async with asyncio.timeout(5):
                await asyncio.sleep(100)
        except BaseException as error:
            self.told.append(f"except {type(error).__name__}")
            raise
        finally:
            self.told.append("finally")


def test_a_killed_process_runs_no_finally_and_no_except_while_the_world_goes_on() -> None:
    tidy = Tidy()

    async def main() -> Incarnation:
        killed = process(tidy.work)
        await asyncio.sleep(1)
        killed.kill()
        await asyncio.sleep(1_000)
        return killed

    killed = run(main)
    assert tidy.told == ["started"]
    assert killed.life is Life.DEAD
    assert len(killed.tasks) == 1
    assert not killed.tasks[0].done()
    killed.bury()


def test_what_its_burial_runs_is_known_for_dead_and_reaches_nobody() -> None:
    """Python runs every `finally` of a coroutine that it lets go of: the ports ask who is calling."""
    told: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            told.append(gone())

    async def main() -> None:
        killed = process(work)
        await asyncio.sleep(1)
        killed.kill()
        killed.bury()
        assert not gone()

    run(main)
    assert told == [True]


def test_a_burial_survives_a_finally_that_waits() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)

    async def main() -> None:
        killed = process(work)
        await asyncio.sleep(1)
        killed.kill()
        killed.bury()
        assert killed.tasks == []

    run(main)


def test_everything_a_process_makes_is_its_own() -> None:
    told: list[str] = []

    async def child() -> None:
        await asyncio.sleep(2)
        told.append("task")

    async def grandchild() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())

    async def main() -> tuple[set[Incarnation | None], int]:
        owners: set[Incarnation | None] = set()

        def seen(what: str) -> None:
            told.append(what)
            owners.add(RUNNING.get())

        async def work() -> None:
            loop().call_soon(seen, "soon")
            loop().call_later(0.5, seen, "early timer")
            loop().call_later(2, seen, "timer")
            future = loop().create_future()
            future.add_done_callback(lambda _: seen("done callback"))
            loop().call_later(3, future.set_result, None)
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
                group.create_task(grandchild())

        mine = process(work)
        await asyncio.sleep(1)
        assert RUNNING.get() is None
        mine.kill()
        await asyncio.sleep(10)
        owners.discard(mine)
        kept = len(mine.tasks)
        mine.bury()
        return owners, kept

    strangers, tasks = run(main)
    assert told == ["soon", "early timer"]
    assert strangers == set()
    assert tasks == 4


def test_a_frozen_process_runs_nothing_and_afterwards_everything_in_order() -> None:
    async def main() -> tuple[list[str], list[str]]:
        told: list[str] = []

        async def ticks() -> None:
            for n in range(1, 6):
                await asyncio.sleep(1)
                told.append(f"tick {n} at {loop().time():g}")

        async def work() -> None:
            for n in range(1, 6):
                loop().call_at(n, told.append, f"timer {n}")
            await ticks()

        frozen = process(work)
        await asyncio.sleep(1.5)
        frozen.freeze()
        told.clear()
        await asyncio.sleep(3)
        during = list(told)
        thaw(frozen)
        await asyncio.sleep(10)
        return during, told

    during, after = run(main)
    assert during == []
    assert after == [
        *("timer 2", "timer 3", "timer 4"),
        *("tick 2 at 4.5", "timer 5", "tick 3 at 5.5", "tick 4 at 6.5", "tick 5 at 7.5"),
    ]


def test_a_thaw_at_the_very_moment_of_a_timer_keeps_the_order() -> None:
    async def main() -> list[int]:
        told: list[int] = []
        frozen = Incarnation("desk", 1)
        loop().call_at(2.0, thaw, frozen)

        async def work() -> None:
            for n in (1, 2, 3):
                loop().call_at(n, told.append, n)

        frozen.spawn(loop(), work(), "main")
        await asyncio.sleep(0.5)
        frozen.freeze()
        await asyncio.sleep(5)
        return told

    assert run(main) == [1, 2, 3]


def test_freezing_twice_and_thawing_twice_is_once() -> None:
    async def main() -> list[str]:
        told: list[str] = []

        async def work() -> None:
            await asyncio.sleep(1)
            told.append("on")

        frozen = process(work)
        await asyncio.sleep(0.5)
        frozen.freeze()
        frozen.freeze()
        await asyncio.sleep(1)
        thaw(frozen)
        thaw(frozen)
        await asyncio.sleep(1)
        return told

    assert run(main) == ["on"]


def test_the_dead_neither_freeze_nor_thaw() -> None:
    async def main() -> list[str]:
        tidy = Tidy()
        killed = process(tidy.work)
        await asyncio.sleep(1)
        killed.freeze()
        await asyncio.sleep(10)
        killed.kill()
        thaw(killed)
        killed.freeze()
        assert killed.life is Life.DEAD
        await asyncio.sleep(10)
        told = list(tidy.told)
        killed.bury()
        return told

    assert run(main) == ["started"]


def test_nobody_else_stops_when_one_dies() -> None:
    async def main() -> dict[str, int]:
        ticks = {"dead": 0, "alive": 0}

        def ticking(name: str) -> Callable[[], Awaitable[None]]:
            async def work() -> None:
                while True:
                    await asyncio.sleep(1)
                    ticks[name] += 1

            return work

        dead, alive = process(ticking("dead"), "a", 1), process(ticking("alive"), "b", 2)
        await asyncio.sleep(3.5)
        dead.kill()
        await asyncio.sleep(4)
        alive.kill()
        for each in (dead, alive):
            each.bury()
        return ticks

    assert run(main) == {"dead": 3, "alive": 7}


def test_two_processes_have_their_own_exception_handlers() -> None:
    async def main() -> dict[str, list[str]]:
        told: dict[str, list[str]] = {"a": [], "b": [], "world": []}

        def hear(name: str) -> None:
            loop().set_exception_handler(lambda _, c: told[name].append(str(c["exception"])))

        def failing(name: str) -> Callable[[], Awaitable[None]]:
            async def work() -> None:
                hear(name)
                loop().call_later(1, [].remove, name)
                await asyncio.sleep(2)

            return work

        hear("world")
        process(failing("a"), "a", 1)
        process(failing("b"), "b", 2)
        loop().call_later(1, {}.__getitem__, "mine")
        await asyncio.sleep(5)
        return {name: list(lines) for name, lines in told.items()}

    told = run(main)
    assert {name: len(lines) for name, lines in told.items()} == {"a": 1, "b": 1, "world": 1}
    assert told["world"] == ["'mine'"]
