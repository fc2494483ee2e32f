"""Clocks, chance, processes and threads-for-logs of this machine."""

import asyncio
import os
import queue
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import structlog

from nightdesk.model.time import Mono, Wall
from nightdesk.ports.journal import Holder
from nightdesk.strategy.api import Draw

ENDS_WITHIN_S = 2.0  # once it is killed
LOG_QUEUE_MAX = (
    10_000  # lines a blocked terminal may fall behind; then info and below are dropped, counted
)
_SECRET = frozenset({"secret", "api_key", "apiKey", "signature", "private_key", "key"})
_HIDDEN = "(not logged)"


class SystemClock:
    """CLOCK_BOOTTIME counts a suspended machine; the monotonic clock would not."""

    def __init__(self) -> None:
        # Bound in C: every tick reads them several times.
        self.mono: Callable[[], Mono] = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)  # type: ignore[assignment]  # whole ns are Mono
        self.wall: Callable[[], Wall] = partial(time.clock_gettime_ns, time.CLOCK_REALTIME)  # type: ignore[assignment]  # whole ns are Wall


class SystemEntropy:
    """Streams seeded by name, so that a strategy's draws repeat; nonces from the kernel."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def stream(self, name: str) -> Draw:
        """The stream called `name`."""
        return Random(f"{self._seed}/{name}")

    def nonce(self, below: int) -> int:
        """A number nobody drew before, as far as chance goes."""
        return secrets.randbelow(below)


class SystemProcesses:
    """Reads /proc."""

    def me(self, name: str) -> Holder:
        """This process, as a lease holder."""
        pid = os.getpid()
        return Holder(
            name=f"{name} on {socket.gethostname()}",
            machine=_machine(),
            boot=_read("/proc/sys/kernel/random/boot_id"),
            pid=pid,
            started=_started(pid) or 0,
        )

    def gone(self, holder: Holder) -> bool:
        """True when the holder ran here and its process, or its boot, has ended."""
        me = self.me("")
        if holder.machine != me.machine or not me.boot:
            return False
        if holder.boot != me.boot:
            return True
        started = _started(holder.pid)
        return started is not None and started != holder.started

    async def ended(self, holder: Holder) -> None:
        """See the port; the kernel tells by a pidfd."""
        fd = self._opened(holder)
        if fd is None:
            if not self.gone(holder):
                await asyncio.get_running_loop().create_future()  # nobody here can see it
            return
        try:
            await _readable(fd)
        finally:
            os.close(fd)

    async def end(self, holder: Holder) -> bool:
        """See the port."""
        fd = self._opened(holder)
        if fd is None:
            return self.gone(holder)
        if _waits_for_a_disk(holder.pid):
            os.close(fd)
            return False
        try:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            async with asyncio.timeout(ENDS_WITHIN_S):
                await _readable(fd)
        except OSError:  # a TimeoutError too: it waits for a disk, and ends when that answers
            return self.gone(holder)
        finally:
            os.close(fd)
        return True

    def _opened(self, holder: Holder) -> int | None:
        """A pidfd of the very process; None where it has ended, or is on another machine or not to be seen."""
        me = self.me("")
        if (holder.machine, holder.boot) != (me.machine, me.boot) or holder.pid == me.pid:
            return None
        try:
            fd = os.pidfd_open(holder.pid)
        except OSError:
            return None
        if _started(holder.pid) == holder.started:  # asked while the fd keeps the pid from another
            return fd
        os.close(fd)
        return None


class StructLog:
    """structlog, native, in front of one writer thread: the loop never waits for a terminal."""

    def __init__(self, *, as_json: bool, level: str = "info") -> None:
        renderer = (
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        )
        self._levels = {"debug": 10, "info": 20, "warning": 30, "error": 40}
        self._least = self._levels[level]
        self._processors = (
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        )
        self._queue: queue.Queue[str | None] = queue.Queue(LOG_QUEUE_MAX)
        self.dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        """One line; a full queue drops it unless it is a warning or worse."""
        if self._levels[level] < self._least:
            return
        line: object = {
            **{name: _HIDDEN if name in _SECRET else value for name, value in fields.items()},
            "event": event,
        }
        for processor in self._processors:
            line = processor(None, level, line)  # type: ignore[arg-type]  # structlog's protocol
        try:
            self._queue.put_nowait(str(line))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, for at most a second."""
        self._queue.put(None)
        self._thread.join(1.0)

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 this is the log's one way out


def _machine() -> str:
    """This machine and which pids are seen on it: in another namespace the same pid is another process."""
    name = _read("/etc/machine-id") or socket.gethostname()
    try:
        return f"{name} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return name


async def _readable(fd: int) -> None:
    """Of a pidfd: its process has ended."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(fd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(fd)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat: start time in ticks since boot; 0 when there is no such process, None when
    nobody can tell (no file descriptor is left): what could not be read has not ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except OSError:
        return None
    if text.rpartition(")")[2].split()[0] in ("Z", "X"):
        return 0
    return int(text.rpartition(")")[2].split()[19])


def _waits_for_a_disk(pid: int) -> bool:
    """Whether a thread of it sleeps where no signal wakes it (state D of proc(5))."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        if _read(str(stat)).rpartition(")")[2].split()[:1] == ["D"]:
            return True
    return False
