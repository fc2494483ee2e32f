"""Group commit on the loop: order, batches, and what a failed append takes with it."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from builders import NOW
from nightdesk.journal.chain import Chain, Head, Row
from nightdesk.journal.frame import GENESIS
from nightdesk.model.errors import AppendRefused, AppendUnknown, Fenced
from nightdesk.model.ids import Epoch, Seq, StrategyId
from nightdesk.model.records import Record, StrategyKept, decode_record
from nightdesk.runtime import journal_writer
from nightdesk.runtime.journal_writer import BATCH_MAX, JournalWriter
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.simulation.clocks import MachineClock, TrueTime
from worlds import live

HEAD = Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0))


class Engine:
    """Keeps what it is given; the test says when and how each append ends."""

    def __init__(self) -> None:
        self.appends: list[tuple[int, list[bytes]]] = []
        self.ends: list[asyncio.Future[None]] = []

    def append(self, epoch: int, after: int, frames: Sequence[bytes]) -> "asyncio.Future[None]":
        self.appends.append((after, list(frames)))
        self.ends.append(asyncio.get_running_loop().create_future())
        return self.ends[-1]

    async def done(self) -> None:
        self.ends[-1].set_result(None)
        await asyncio.sleep(0)

    def sizes(self) -> list[int]:
        return [len(made) for _, made in self.appends]


def a_record(n: int) -> Record:
    return StrategyKept(strategy=StrategyId("s"), body=b"%d" % n)


def with_writer(body: Callable[[JournalWriter, Engine], Awaitable[None]]) -> None:
    async def main() -> None:
        engine: Any = Engine()
        clock = MachineClock(TrueTime(asyncio.get_running_loop(), NOW))
        await body(JournalWriter(engine, Epoch(1), HEAD, clock, Telemetry()), engine)

    live(main)


def test_what_waits_while_one_commit_is_under_way_goes_out_in_the_next() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        for n in range(10):
            writer.submit([a_record(n)], NOW, None)
        assert engine.sizes() == [1]
        assert writer.depth == 10
        await engine.done()
        assert engine.sizes() == [1, 9]
        assert engine.appends[1][0] == 1, "behind the head of the first"
        await engine.done()
        assert (writer.depth, writer.durable) == (0, 10)
        stored = [frame for _, made in engine.appends for frame in made]
        rows = [Row(seq=Seq(i), data=f) for i, f in enumerate(stored, 1)]
        chain = Chain(HEAD)
        assert [decode_record(f.body) for f in chain.read(rows)] == [a_record(n) for n in range(10)]
        assert chain.torn is None
        assert writer.head().digest == chain.head.digest

    with_writer(body)


def test_a_batch_is_bounded() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        writer.submit([a_record(n) for n in range(BATCH_MAX * 2 + 5)], NOW, None)
        for _ in range(3):
            await engine.done()
        assert engine.sizes() == [BATCH_MAX, BATCH_MAX, 5]

    with_writer(body)


def test_callbacks_run_in_order_once_durable_and_after_the_next_commit_has_left() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        told: list[tuple[int, int]] = []
        for n in range(6):
            writer.submit(
                [a_record(n)],
                NOW,
                lambda n=n: told.append((n, len(engine.appends))),  # type: ignore[misc]
            )
        assert told == []
        await engine.done()
        assert told == [(0, 2)]
        await engine.done()
        assert told == [(n, 2) if n else (0, 2) for n in range(6)]

    with_writer(body)


def test_a_callback_may_submit_more() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        seen: list[int] = []

        def again() -> None:
            seen.append(writer.durable)
            if len(seen) < 4:
                writer.submit([a_record(9)], NOW, again)

        writer.submit([a_record(0)], NOW, again)
        for _ in range(4):
            await engine.done()
        assert seen == [1, 2, 3, 4]

    with_writer(body)


def test_a_callback_waits_for_its_own_last_record_when_its_batch_is_split() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        told: list[int] = []
        records = [a_record(n) for n in range(BATCH_MAX + 1)]
        writer.submit(records, NOW, lambda: told.append(writer.durable))
        await engine.done()
        assert told == []
        await engine.done()
        assert told == [BATCH_MAX + 1]

    with_writer(body)


@pytest.mark.parametrize(
    "error", [Fenced("x"), AppendRefused("x"), AppendUnknown("x"), OSError("x"), ValueError("x")]
)
def test_a_failed_append_drops_the_effects_of_everything_behind_it(error: Exception) -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        told: list[int] = []
        for n in range(5):
            writer.submit([a_record(n)], NOW, lambda n=n: told.append(n))  # type: ignore[misc]
        engine.ends[-1].set_exception(error)
        await asyncio.sleep(0)
        writer.submit([a_record(6)], NOW, lambda: told.append(6))
        await asyncio.sleep(10)
        assert told == []
        assert len(engine.appends) == 1, "nothing is tried again"
        expected = type(error) if not isinstance(error, (OSError, ValueError)) else AppendUnknown
        with pytest.raises(expected):
            await writer.drained()
        assert isinstance(writer.failed.exception(), expected)

    with_writer(body)


def test_drained_waits_for_what_was_submitted_so_far_and_raises_what_failed() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        await writer.drained()
        writer.submit([a_record(1)], NOW, None)
        waiting = asyncio.get_running_loop().create_task(writer.drained())
        await asyncio.sleep(1)
        assert not waiting.done()
        await engine.done()
        await waiting
        writer.submit([a_record(2)], NOW, None)
        waiting = asyncio.get_running_loop().create_task(writer.drained())
        await asyncio.sleep(0)
        engine.ends[-1].set_exception(Fenced("newer"))
        with pytest.raises(Fenced):
            await waiting

    with_writer(body)


def test_finished_it_has_written_everything_and_writes_nothing_more() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        told: list[str] = []
        writer.submit([a_record(0)], NOW, None)
        closing = asyncio.ensure_future(writer.finish())
        await asyncio.sleep(0)
        engine.ends[-1].set_result(None)
        writer.submit([a_record(1)], NOW, lambda: told.append("in time"))
        for _ in range(4):
            await asyncio.sleep(0)
        assert not closing.done()
        await engine.done()
        await closing
        writer.submit([a_record(2)], NOW, lambda: told.append("too late"))
        await asyncio.sleep(0)
        assert (engine.sizes(), writer.depth, told) == ([1, 1], 0, ["in time"])

    with_writer(body)


@pytest.mark.parametrize("error", [Fenced("led"), AppendRefused("full")])
def test_finishing_raises_what_failed(error: Exception) -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        writer.submit([a_record(0)], NOW, None)
        engine.ends[-1].set_exception(error)
        with pytest.raises(type(error)):
            await writer.finish()

    with_writer(body)


def test_a_stalled_disk_is_given_up_when_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "WAITING_MAX", 20)

    async def body(writer: JournalWriter, engine: Engine) -> None:
        for n in range(30):
            writer.submit([a_record(n)], NOW, None)
        assert writer.failed.done()
        with pytest.raises(AppendRefused, match="stalled"):
            await writer.drained()
        engine.ends[0].set_result(None)
        await asyncio.sleep(0)
        assert writer.durable == 0

    with_writer(body)


def test_of_a_node_that_has_ended_no_commit_calls_back_and_nothing_follows() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        called: list[int] = []
        writer.submit([a_record(1)], NOW, lambda: called.append(1))
        writer.submit([a_record(2)], NOW, lambda: called.append(2))
        writer.close()
        writer.submit([a_record(3)], NOW, lambda: called.append(3))
        await engine.done()
        assert called == []
        assert engine.sizes() == [1]

    with_writer(body)


def test_what_ended_a_writer_is_not_told_again_when_that_is_collected() -> None:
    async def body(writer: JournalWriter, engine: Engine) -> None:
        told: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: told.append(context))
        writer.submit([a_record(1)], NOW, None)
        engine.ends[-1].set_exception(Fenced("newer"))
        await asyncio.sleep(0)
        assert writer.failed.done()
        del writer.failed
        gc.collect()
        assert told == []

    with_writer(body)
