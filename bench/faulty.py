"""Ways to a real server that can be broken while they are used, and that keep what each of them was asked."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qs, urlsplit

CHUNK = 1 << 16


class Trouble(Enum):
    """What is wrong with a way."""

    NONE = auto()
    BLACK_HOLE = auto()  # takes everything, and passes nothing on
    SLOW = auto()  # every answer comes `SLOW_S` late
    DEAD = auto()  # refuses connections, and broke those that it had


SLOW_S = 2.0


class Asked:
    """One request as it came, whether or not it was passed on."""

    def __init__(self, head: bytes, body: bytes, *, passed: bool) -> None:
        self.method, self.target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        self.passed = passed
        path, _, query = self.target.partition("?")
        self.path = path
        self.params = {k: v[0] for k, v in parse_qs(f"{query}&{body.decode()}").items()}

    @property
    def bytes_of(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        """What is the same in a request that was written twice."""
        return self.method, self.path, tuple(sorted(self.params.items()))


class Way:
    """One port that leads to the server."""

    def __init__(self, host: str, port: int) -> None:
        self.url = ""
        self.trouble = Trouble.NONE
        self.asked: list[Asked] = []
        self._to = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._came, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def close(self) -> None:
        """Refuse, and break what is open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def become(self, trouble: Trouble) -> None:
        """From now on that is wrong with it."""
        before, self.trouble = self.trouble, trouble
        if trouble is Trouble.DEAD:
            await self.close()
        elif before is Trouble.DEAD:
            await self.open()
        elif before is Trouble.BLACK_HOLE:
            for writer in list(self._writers):
                writer.transport.abort()  # what it swallowed is in the middle of something

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        with suppress(OSError, asyncio.IncompleteReadError):
            back, there = await asyncio.open_connection(*self._to)
            self._writers.add(there)
            async with asyncio.TaskGroup() as group:
                answers = group.create_task(self._answers(back, writer))
                with suppress(OSError, asyncio.IncompleteReadError):
                    await self._requests(reader, there)
                answers.cancel()
        for each in (writer, there):
            if each is not None:
                each.transport.abort()
                self._writers.discard(each)

    async def _requests(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            passed = self.trouble is not Trouble.BLACK_HOLE
            self.asked.append(Asked(head, body, passed=passed))
            if passed:
                there.write(head + body)
                await there.drain()

    async def _answers(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await back.read(CHUNK):
                if self.trouble is Trouble.SLOW:
                    await asyncio.sleep(SLOW_S)
                if self.trouble is not Trouble.BLACK_HOLE:
                    writer.write(data)
                    await writer.drain()
            writer.transport.abort()


class Ways:
    """Several of them, on a thread of their own."""

    def __init__(self, url: str, count: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, "an address"
        assert parts.port is not None, "with its port"
        self.ways = [Way(parts.hostname, parts.port) for _ in range(count)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """All of them listen."""
        self._thread.start()
        for way in self.ways:
            self._do(way.open)

    def become(self, number: int, trouble: Trouble) -> None:
        """One of them changes."""
        self._do(lambda: self.ways[number].become(trouble))

    def stop(self) -> None:
        """All of them are closed."""
        for way in self.ways:
            self._do(way.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _do(self, what: Callable[[], Any]) -> None:
        asyncio.run_coroutine_threadsafe(what(), self._loop).result(10.0)


@contextmanager
def ways_to(url: str, count: int) -> Iterator[Ways]:
    """Ways to a server for as long as the block runs."""
    ways = Ways(url, count)
    ways.start()
    try:
        yield ways
    finally:
        ways.stop()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0
