"""Time and chance."""

from typing import Protocol

from nightdesk.model.time import Mono, Wall
from nightdesk.strategy.api import Draw


class Clock(Protocol):
    """This host's two clocks."""

    def mono(self) -> Mono:
        """CLOCK_BOOTTIME in ns."""
        ...

    def wall(self) -> Wall:
        """UTC in ns, as this host believes it."""
        ...


class Entropy(Protocol):
    """Random numbers: each name is its own stream."""

    def stream(self, name: str) -> Draw: ...
    def nonce(self, below: int) -> int: ...
