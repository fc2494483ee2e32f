"""Where a desk looks for a halt that was left for it while it could not be told."""

from typing import Protocol

from nightdesk.control.latch import Latch


class LatchPlace(Protocol):
    """One desk's. Neither waits for anybody."""

    def found(self) -> Latch | None:
        """What lies there; what cannot be read forbids the most."""
        ...

    def take_away(self, latch: Latch) -> None:
        """Remove it, unless another one lies there by now; where that fails, it is found again."""
        ...


class _Nowhere:
    def found(self) -> Latch | None:
        return None

    def take_away(self, latch: Latch) -> None:
        pass


NOWHERE = _Nowhere()
