"""Frames that several connections bring, told once: by whichever brought them first."""

from collections import deque

# Of the last seconds of a lively market; 200 bytes each. Two connections are rarely a second apart.
FRAMES_MAX = 20_000


class Once:
    """Which connection told each of the last frames.

    What one connection brings twice is passed on twice: that is the venue's own doing, and the books fold it.
    """

    def __init__(self) -> None:
        self._told_by: dict[bytes, int] = {}
        self._order: deque[bytes] = deque()

    def first(self, frame: bytes, connection: int) -> bool:
        """Whether no other connection has told this frame."""
        told_by = self._told_by.get(frame)
        if told_by is not None:
            return told_by == connection
        self._told_by[frame] = connection
        self._order.append(frame)
        if len(self._order) > FRAMES_MAX:
            del self._told_by[self._order.popleft()]
        return True
