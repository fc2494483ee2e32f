"""The node processes that `up` has started: one that leads, and others that stand by."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.control.messages import ExitCode
from nightdesk.model.errors import AppendRefused, BadInput, CorruptionError

RESTART_FIRST_S, RESTART_MAX_S = 1.0, 30.0
STEADY_S = 60.0
STOP_WITHIN_S = 25.0  # a node itself gives up after ten
END_WITHIN_S = 5.0  # where the desk has failed already
AGAIN = ("--existing",)  # a journal that was there and is not is looked for, not begun anew
FINAL = frozenset({ExitCode.OK, ExitCode.CONFIG, ExitCode.REFUSED, ExitCode.USAGE})


class _Child:
    """One of them, started again when it ended."""

    def __init__(self, command: Sequence[str], first: Sequence[str]) -> None:
        self.command = command
        self.options = first  # of its next start
        self.process: subprocess.Popen[bytes]
        self.began = 0.0
        self.restart_s = RESTART_FIRST_S
        self.again_at: float | None = None

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.again_at is None and self.process.poll() is None


class Nodes:
    """`journal` tells who leads; `say` is told of ends and new beginnings."""

    def __init__(self, log: Path, journal: Path, say: Callable[[str], None]) -> None:
        self._log = log
        self._journal = journal
        self._say = say
        self._children: list[_Child] = []
        self._last = b""  # what a leader printed that ended by itself

    def start(self, command: Sequence[str], *first: str) -> None:
        """One more; `first` are options of its first start alone, `AGAIN` those of every later one."""
        child = _Child(command, first)
        self._children.append(child)
        self._begin(child)

    def look(self) -> int | None:
        """Start again what ended; an exit code when the desk is over: nobody runs, or was told to end."""
        now = time.monotonic()  # noqa: TID251 the parent only waits; nothing is traded by it
        for child in self._children:
            if child.again_at is not None:
                if now >= child.again_at:
                    self._begin(child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            others = any(other.runs() for other in self._children if other is not child)
            if code == ExitCode.OK:
                self._last = _printed(child.process) or self._last
            # One that led and was told to end ends the desk; one that stood by is wanted again.
            if self._last or (code in FINAL and not others):
                return code
            lived = now - child.began
            child.restart_s = (
                RESTART_FIRST_S if lived > STEADY_S else min(child.restart_s * 2, RESTART_MAX_S)
            )
            child.again_at = now + child.restart_s
            self._say(f"a node ended with {code}; starting it again in {child.restart_s:.0f} s")
        return None

    def stop(self) -> bytes | None:
        """End them in order, those that stand by first; what the last to lead printed, None where it would not
        end in time."""
        leads = self._leader()
        for child in self._children:
            if child is not leads:
                self._end(child, STOP_WITHIN_S)  # it may have come to lead just now
        if leads is None:
            return self._last
        leads.process.terminate()
        try:
            out, _ = leads.process.communicate(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            return None
        return out

    def end(self) -> None:
        """Whatever still runs, at once."""
        leads = self._leader()
        for child in sorted(self._children, key=lambda child: child is leads):
            self._end(child, END_WITHIN_S)

    def _leader(self) -> _Child | None:
        running = [child for child in self._children if child.runs()]
        if len(running) < 2:
            return next(iter(running), None)
        try:
            file = SqliteJournal(str(self._journal), readonly=True)
            try:
                holder = file.lease().holder
            finally:
                file.close()
        except (BadInput, AppendRefused, CorruptionError):
            holder = None
        pid = None if holder is None else holder.pid
        return next((child for child in running if child.process.pid == pid), running[0])

    def _begin(self, child: _Child) -> None:
        # Its standard input is never written: it ends when ours does, however we end.
        child.process = spawn([*child.command, *child.options], self._log, stdin=subprocess.PIPE)
        child.options = AGAIN
        child.began = time.monotonic()  # noqa: TID251 as above
        child.again_at = None

    def _end(self, child: _Child, within_s: float) -> None:
        if child.process.poll() is not None:
            return
        child.process.terminate()
        try:
            child.process.wait(within_s)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def _printed(ended: subprocess.Popen[bytes]) -> bytes:
    """What a node that has ended had to say: its last sample, if it led."""
    assert ended.stdout is not None, "started with a pipe"
    return ended.stdout.read()


def spawn(
    command: Sequence[str], log: Path, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """A child in its own session: Ctrl-C reaches the parent only, which stops things in order."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )


def python(*parts: str) -> list[str]:
    """A command of this very installation."""
    return [sys.executable, *parts]
