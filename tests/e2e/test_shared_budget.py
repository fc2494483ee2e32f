"""Three processes at one address use nearly all of what it is allowed, and are never refused: also where one is
killed and replaced, and where they cannot hear each other."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.e2e.reader import ALONE_PERCENT, LIMIT

from nightdesk.model.time import SECOND_NS
from nightdesk.resilience.board import SILENT_NS
from nightdesk.resilience.budget import CEILING_PERCENT, Rank

pytestmark = pytest.mark.process

NAMES = ("one", "two", "three")
READS_PERCENT = CEILING_PERCENT[Rank.MARKET]
USE_PERCENT = 80  # of what reads may use
WITHIN_S = 60.0


class Venue:
    """Counts weight in windows of its own, and refuses what is too much."""

    def __init__(self) -> None:
        self.windows: Counter[int] = Counter()
        self.heard: Counter[str] = Counter()
        self.refused = 0

    @property
    def now(self) -> int:
        """The number of its present window."""
        return time.monotonic_ns() // LIMIT.length_ns

    def ask(self, name: str, weight: int) -> tuple[int, int]:
        """The status of a request, and what is used."""
        now = self.now
        if self.windows[now] + weight > LIMIT.most:
            self.refused += 1
            return 429, self.windows[now]
        self.windows[now] += weight
        self.heard[name] += weight
        return 200, self.windows[now]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                _, name, weight = line.split()[1].decode().split("/")
                status, used = self.ask(name, int(weight))
                head = f"HTTP/1.1 {status} X\r\nx-used: {used}\r\ncontent-length: 0\r\n\r\n"
                writer.write(head.encode())
        except (ConnectionError, asyncio.CancelledError):
            pass  # it was killed, or the test is over
        finally:
            writer.close()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what is counted here."""
        async with asyncio.timeout(WITHIN_S):
            while not is_so():
                await asyncio.sleep(0.02)

    async def is_used(self, count: int, most: float, after_ns: int = 0) -> None:
        """Wait until so many whole windows in a row, that begin in `after_ns` at the earliest, are used: those
        in which a busy machine lets nobody ask prove nothing."""
        first = (time.monotonic_ns() + after_ns) // LIMIT.length_ns + 1
        least = count * most * USE_PERCENT / 100

        def found() -> bool:
            used = [self.windows[number] for number in range(first, self.now)]
            return any(sum(used[i : i + count]) >= least for i in range(len(used) - count + 1))

        await self.until(found)


class Scene:
    """A venue, and the processes that were started here."""

    def __init__(self, venue: Venue, url: str, folder: Path) -> None:
        self.venue = venue
        self._url = url
        self._folder = folder
        self._started: list[asyncio.subprocess.Process] = []

    async def start(self, name: str) -> asyncio.subprocess.Process:
        """A process; it is up when the venue has heard it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.e2e.reader", self._url, str(self._folder), name
        )
        self._started.append(process)
        return process

    async def end(self) -> None:
        """Kill those that still run."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    venue = Venue()
    server = await asyncio.start_server(venue.serve, "127.0.0.1", 0)
    made = Scene(venue, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", folder)
    try:
        for name in NAMES:
            await made.start(name)
        await venue.until(lambda: all(venue.heard[name] for name in NAMES))
        yield made
    finally:
        await made.end()
        server.close()


def played(folder: Path, body: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        async with scene(folder) as made:
            await body(made)

    asyncio.run(main())


def test_three_processes_share_one_allowance_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    async def body(made: Scene) -> None:
        venue = made.venue
        await venue.is_used(3, LIMIT.most * READS_PERCENT / 100)
        victim = await made.start("victim")
        await venue.until(lambda: venue.heard["victim"] > 40)
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
        await made.start("heir")
        await venue.until(lambda: venue.heard["heir"] > 0)
        # What the dead one had on its way, up to a fifth of all, counts until it can come no more.
        after_ns = SILENT_NS + LIMIT.length_ns
        await venue.is_used(4, LIMIT.most * READS_PERCENT / 100, after_ns)
        assert all(venue.heard[name] > 100 for name in NAMES)
        assert venue.refused == 0

    played(tmp_path / "boards", body)


def test_without_a_board_each_keeps_to_its_fixed_share(tmp_path: Path) -> None:
    (tmp_path / "boards").write_text("no directory")

    async def body(made: Scene) -> None:
        alone = LIMIT.most * ALONE_PERCENT * READS_PERCENT / 10_000
        await made.venue.is_used(4, len(NAMES) * alone)
        assert made.venue.refused == 0

    played(tmp_path / "boards", body)


assert LIMIT.length_ns == 2 * SECOND_NS, "the test takes less than a minute"
