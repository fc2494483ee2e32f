"""Where the processes of one host tell each other what they use of a venue's allowance."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from nightdesk.model.errors import OperatingError
from nightdesk.model.time import Mono
from nightdesk.resilience.board import Rows

SHARE_PERCENT, ALONE_PERCENT = 100, 50


class BoardAway(OperatingError):
    """The board cannot be used now; says why. Each process keeps to its fixed share until it can."""


class Board(Protocol):
    """The board of one address or account. Nothing here waits for another process; both raise `BoardAway`."""

    @property
    def name(self) -> str: ...
    @property
    def rows(self) -> Rows: ...

    def read(self, now: Mono) -> Mapping[int, bytes]:
        """The rows of all others, by number, as they lie there."""
        ...

    def write(self, row: bytes, now: Mono) -> None:
        """Ours, in place of what we wrote before."""
        ...

    def mend(self, number: int) -> None:
        """Blank a row that nobody can read, if the process that wrote it has ended."""
        ...


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What of a venue's limits is this host's, in per cent; what of that is this process's while a board is
    away; and the boards, None where nothing is shared."""

    share_percent: int = SHARE_PERCENT
    alone_percent: int = ALONE_PERCENT
    address: Board | None = None
    account: Board | None = None


WHOLE = Allowance()  # of who shares nothing
