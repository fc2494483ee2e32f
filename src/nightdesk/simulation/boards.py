"""Boards of a simulated machine: rows in its memory, which outlive the processes that wrote them."""

from collections.abc import Mapping, Sequence

from nightdesk.model.time import Mono
from nightdesk.ports.boards import Allowance, BoardAway
from nightdesk.resilience.board import Rows
from nightdesk.resilience.budget import Limit
from nightdesk.runtime.sharing import columns_of

Boards = dict[str, dict[int, bytes]]  # by name


def allowance_on(there: Boards, name: str, limits: Sequence[Limit]) -> Allowance:
    """What a process shares with the others of its machine at one venue."""

    def board(*, account: bool) -> MachineBoard:
        rows = Rows(columns_of(limits, account=account))
        of = f"{'account' if account else 'address'}-{name}"
        return MachineBoard(of, rows, there.setdefault(of, {}))

    return Allowance(address=board(account=False), account=board(account=True))


class MachineBoard:
    """One board as one process holds it; `rows_there` is what all of them share. `away` says why it cannot be
    used now, where a test wants that."""

    def __init__(self, name: str, rows: Rows, rows_there: dict[int, bytes]) -> None:
        self.name = name
        self.rows = rows
        self.away = ""
        self._there = rows_there
        self._row = len(rows_there)  # nobody takes another's: a world is short
        rows_there[self._row] = bytes(rows.bytes)

    def read(self, now: Mono) -> Mapping[int, bytes]:
        """See the port."""
        self._ready()
        return {n: row for n, row in self._there.items() if n != self._row and any(row[:8])}

    def write(self, row: bytes, now: Mono) -> None:
        """See the port."""
        self._ready()
        self._there[self._row] = row

    def mend(self, number: int) -> None:
        """See the port; here rows are never torn but by a test."""
        self._there[number] = bytes(self.rows.bytes)

    def _ready(self) -> None:
        if self.away:
            raise BoardAway(self.away)
