"""The virtual loop: exact, in order, honest about deadlocks, closed to the outside, the same every time."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nightdesk.simulation.loop import SimDeadlock, SimEscape, SimLoop, run


def test_time_jumps_exactly_to_the_next_timer() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        seen = []
        for seconds in (0.1, 3600.0, 0.000001):
            await asyncio.sleep(seconds)
            seen.append(loop.time())
        return seen

    assert run(main) == [0.1, 3600.1, 3600.1 + 0.000001]


def test_what_is_called_soon_runs_in_the_order_it_was_asked_for() -> None:
    async def main() -> list[int]:
        order: list[int] = []
        for n in range(100):
            asyncio.get_running_loop().call_soon(order.append, n)
        await asyncio.sleep(0)
        return order

    assert run(main) == list(range(100))


def test_what_is_due_together_runs_in_the_order_it_was_asked_for() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        order: list[int] = []
        for n in range(50):
            loop.call_later(1.0, order.append, n)
        for n in range(50, 100):
            loop.call_soon(order.append, n)
        await asyncio.sleep(2)
        return order

    assert run(main) == [*range(50, 100), *range(50)]


def test_time_stands_still_while_anything_can_run() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(10_000):
            await asyncio.sleep(0)
        assert loop.time() == 0.0

    run(main)


def test_a_cancelled_timer_moves_no_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(5, lambda: None).cancel()
        loop.call_later(2, lambda: None)
        async with asyncio.timeout(100):
            await asyncio.sleep(1)
        return loop.time()

    assert run(main) == 1.0


def test_a_timeout_fires_at_its_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(main) == 2.5


def test_waiting_for_what_never_comes_is_a_deadlock() -> None:
    loop = SimLoop()

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    task = loop.create_task(main())
    with pytest.raises(SimDeadlock, match=r"no timer at 0\.0 s"):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(asyncio.wait({task}))
    assert task.cancelled()
    loop.close()


async def to_thread() -> None:
    await asyncio.to_thread(len, "x")


async def resolve() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def connect() -> None:
    await asyncio.open_connection("127.0.0.1", 80)


async def serve() -> None:
    await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)


async def from_thread() -> None:
    asyncio.get_running_loop().call_soon_threadsafe(len, "x")


@pytest.mark.parametrize(
    "escape",
    [
        to_thread,
        resolve,
        connect,
        serve,
        from_thread,
    ],
)
def test_threads_sockets_and_resolvers_are_refused(escape: object) -> None:
    with pytest.raises(SimEscape):
        run(escape)  # type: ignore[arg-type]


def test_a_groups_children_are_cancelled_in_the_order_they_were_made() -> None:
    def once() -> list[int]:
        ended: list[int] = []

        async def child(n: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(n)

        async def main() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for n in range(40):
                        group.create_task(child(n))
                    await asyncio.sleep(1)
                    raise ValueError("enough")
            except* ValueError:
                pass

        run(main)
        return ended

    assert once() == once()
    assert sorted(once()) == list(range(40))


def test_an_exception_comes_out_and_leaves_no_loop_behind() -> None:
    async def main() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        run(main)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


_TRACE = """
import asyncio, random, sys
from nightdesk.simulation.loop import run

trace = []

async def worker(name, draw):
    try:
        for _ in range(20):
            await asyncio.sleep(draw.uniform(0, 1))
            trace.append((name, asyncio.get_running_loop().time()))
    finally:
        trace.append((name, "over"))

async def main():
    draw = random.Random(7)
    try:
        async with asyncio.TaskGroup() as group:
            for n in range(30):
                group.create_task(worker(f"w{n}", draw))
            done, left = await asyncio.wait(
                {asyncio.get_running_loop().create_task(worker(f"x{n}", draw)) for n in range(9)}, timeout=5)
            trace.append(sorted(t.get_name() for t in left))
            raise ValueError
    except* ValueError:
        pass

run(main)
print(trace)
"""


@pytest.mark.process
def test_the_trace_is_the_same_in_processes_with_different_hash_seeds(tmp_path: Path) -> None:
    script = tmp_path / "trace.py"
    script.write_text(textwrap.dedent(_TRACE))
    traces = {
        subprocess.run(
            [sys.executable, "-W", "ignore", str(script)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(traces) == 1
    assert len(traces.pop()) > 1_000
