"""One thread does what may wait: in turn, telling what it came to, and keeping nobody from ending."""

import asyncio
import threading

import pytest

from nightdesk.adapters.worker import Worker


def test_it_works_in_turn_and_tells_what_that_came_to() -> None:
    async def main() -> None:
        worker, done = Worker("w"), list[int]()

        def fails() -> None:
            raise OSError("no disk")

        first, second = worker.do(lambda: done.append(1)), worker.do(fails)
        assert await worker.do(lambda: len(done)) == 1
        assert first.done()
        with pytest.raises(OSError, match="no disk"):
            await second
        worker.end(wait_s=5.0)

    asyncio.run(main())


def test_what_nobody_waits_for_any_more_is_told_to_nobody() -> None:
    async def main() -> None:
        worker, gate = Worker("w"), threading.Event()
        held = worker.do(gate.wait)
        held.cancel()
        gate.set()
        assert await worker.do(lambda: "next") == "next"
        worker.end()

    asyncio.run(main())


def test_what_is_done_after_the_loop_has_ended_is_told_to_nobody() -> None:
    async def main() -> tuple[Worker, threading.Event]:
        worker, gate = Worker("w"), threading.Event()
        _ = worker.do(gate.wait)
        return worker, gate

    worker, gate = asyncio.run(main())
    gate.set()
    worker.end(wait_s=5.0)
    assert "w" not in [thread.name for thread in threading.enumerate()]
