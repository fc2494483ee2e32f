"""This process, other processes, and the log."""

from typing import Protocol

from nightdesk.ports.journal import Holder


class Processes(Protocol):
    """Who we are, and whether another still runs."""

    def me(self, name: str) -> Holder: ...

    def gone(self, holder: Holder) -> bool:
        """True only when it is certain: same machine, and the process (or its boot) has ended."""
        ...

    async def ended(self, holder: Holder) -> None:
        """Return once that is certain, as soon as the kernel tells; may wait for ever."""
        ...

    async def end(self, holder: Holder) -> bool:
        """End it at once and wait a while for that; False where it is not over, is not this machine's, or is no
        more who held. One that waits for a disk is left alone: its locks are free when that answers, not
        before, and then it goes on by itself."""
        ...


class LogSink(Protocol):
    """Takes a line; never blocks, never raises."""

    def log(self, level: str, event: str, fields: dict[str, object]) -> None: ...
