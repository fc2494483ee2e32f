"""This process, other processes, and the log."""

from typing import Protocol

from nightdesk.ports.journal import Holder


class Processes(Protocol):
    """Who we are, and whether another still runs."""

    def me(self, name: str) -> Holder: ...

    def gone(self, holder: Holder) -> bool:
        """True only when it is certain: same machine, and the process (or its boot) has ended."""
        ...


class LogSink(Protocol):
    """Takes a line; never blocks, never raises."""

    def log(self, level: str, event: str, fields: dict[str, object]) -> None: ...
