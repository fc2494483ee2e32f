"""Frames that could not be read: counted, a few of them kept in the log, none of them their reader's end."""

from nightdesk.model.errors import ProtocolViolation
from nightdesk.node.ears import Ears

SAMPLES_MAX = 10  # of each stream that the log keeps; then every thousandth
SAMPLE_BYTES = 160
ALL_POISON = 20  # in a row: nothing of this stream can be read


class Quarantine:
    """The unreadable frames of one stream (`market` or `private`)."""

    def __init__(self, stream: str, ears: Ears) -> None:
        self._stream = stream
        self.ears = ears
        self._in_a_row = 0

    def take(self, frame: bytes, error: Exception) -> None:
        """Put a frame aside. That nothing can be read any more is told once, until something can."""
        counted = f"{self._stream}.poison"
        self.ears.telemetry.count(counted)
        seen = self.ears.telemetry.counters[counted]
        self._in_a_row += 1
        if seen <= SAMPLES_MAX or seen % 1000 == 0:
            why = str(error)
            if not isinstance(error, ProtocolViolation):  # which shows the frame itself
                why = f"{type(error).__name__}: {error}: {frame[:SAMPLE_BYTES]!r}"
            self.ears.say("warning", f"{self._stream}.frame_quarantined", why=why, seen=str(seen))
        if self._in_a_row == ALL_POISON:
            self.ears.say(
                "error",
                f"{self._stream}.unreadable",
                why=f"none of the last {ALL_POISON} frames could be read: {error}",
            )

    def readable(self) -> None:
        """A frame could be read."""
        self._in_a_row = 0
