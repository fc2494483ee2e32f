"""How long a world may take of this machine's time: one that never ends must not stop those behind it."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
SOON_S = 0.05  # until a loop that was being made runs
AGAIN_S = 1.0  # between two tries to get through to code that swallows whatever is raised in it


class OutOfPatience(KeyboardInterrupt):
    """An interrupt, because asyncio lets nothing else out of a callback."""


class _Alarm:
    """Time is up, or somebody stops the run. The loop is asked to stop between two callbacks, where nothing is
    half done; only if that does not help the interrupt is raised wherever the world is."""

    def __init__(self, seconds: float) -> None:
        self.raised: KeyboardInterrupt | None = None
        self._seconds = seconds
        self._asked = False  # whether a loop was asked to stop

    def ring(self, number: int, frame: FrameType | None) -> None:
        """A signal's handler."""
        again, asked = self.raised is not None, self._asked
        if self.raised is None:
            self.raised = self._meaning(number, frame)
        try:
            asyncio.get_running_loop().stop()
            self._asked = True
        except RuntimeError:
            # No loop runs: one is being made, or was. What is half made would tell of it at its end.
            asked = again
            signal.setitimer(signal.ITIMER_REAL, SOON_S, AGAIN_S)
        if asked:
            raise self.raised

    def _meaning(self, number: int, frame: FrameType | None) -> KeyboardInterrupt:
        if number in _INTERRUPTS:
            return KeyboardInterrupt()
        told = f"not over after {self._seconds:g} s of wall time: it was in {_where(frame)}"
        return OutOfPatience(told)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise `OutOfPatience` in what takes longer. Only in a process's main thread, one at a time."""
    alarm = _Alarm(seconds)
    before = signal.signal(signal.SIGALRM, alarm.ring)
    # Not where the parent hears them for us.
    interrupts = [n for n in _INTERRUPTS if signal.getsignal(n) is signal.default_int_handler]
    for number in interrupts:
        signal.signal(number, alarm.ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    except RuntimeError as error:  # what a loop that was stopped ends with
        if alarm.raised is None:
            raise
        raise alarm.raised from error
    else:
        # It was over in the same moment: then it was not late, but a person still wants to stop.
        if alarm.raised is not None and not isinstance(alarm.raised, OutOfPatience):
            raise alarm.raised
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        for number in interrupts:
            signal.signal(number, signal.default_int_handler)


def _where(frame: FrameType | None) -> str:
    if frame is None:
        return "no Python"
    file = Path(frame.f_code.co_filename)
    return f"{file.parent.name}/{file.name}:{frame.f_lineno} {frame.f_code.co_name}"
