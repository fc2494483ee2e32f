"""The budget of one process beside those of the others: what it uses is written on boards, what they use read.

Nothing on the way to the wire waits for that: who looks for room reads what lies there; flatten and cancels do
not even look, and what they use is written once they have left. While a board is away the process keeps to its
fixed share of what that board counts; what reduces keeps the host's.
"""

from collections.abc import Sequence

from nightdesk.model.time import LONG_AGO, MS_NS, Mono
from nightdesk.ports.boards import Allowance, Board, BoardAway
from nightdesk.resilience.board import Column, Row, stamp_of
from nightdesk.resilience.budget import Budget, Limit, Window

LOOK_EVERY_NS = MS_NS  # what others send meanwhile is far less than what the ceilings leave
TORN_MAX_NS = 100 * MS_NS  # writing a row takes microseconds


def columns_of(limits: Sequence[Limit], *, account: bool) -> list[int]:
    """The lengths of what the board of an account, or of an address, has columns for."""
    return [limit.length_ns for limit in limits if _is_shared(limit, account=account)]


class Sharing:
    """Both boards of one budget."""

    def __init__(self, budget: Budget, allowance: Allowance) -> None:
        boards = ((False, allowance.address), (True, allowance.account))
        self._shared = [
            _Shared(budget, allowance, board, account=account)
            for account, board in boards
            if board is not None
        ]
        if self._shared:
            budget.look, budget.exchange = self.look, self.exchange

    def __bool__(self) -> bool:
        return bool(self._shared)

    @property
    def away(self) -> str:
        """Why a board cannot be used now, or nothing."""
        return "; ".join(shared.away for shared in self._shared if shared.away)

    def look(self, now: Mono) -> None:
        """Tell the others and hear them, unless that was just done."""
        for shared in self._shared:
            shared.look(now)

    def exchange(self, now: Mono) -> None:
        """Tell the others and hear them."""
        for shared in self._shared:
            shared.exchange(now)

    def post(self, now: Mono) -> None:
        """Tell the others what this process uses by now."""
        for shared in self._shared:
            shared.post(now)


class _Shared:
    """One board."""

    def __init__(
        self, budget: Budget, allowance: Allowance, board: Board, *, account: bool
    ) -> None:
        self.away = ""
        self._budget = budget
        self._allowance = allowance
        self._board = board
        self._account = account
        self._windows = [w for w in budget.windows if _is_shared(w.limit, account=account)]
        self._columns = list(map(_joined, self._windows))
        self._told: tuple[int, ...] = ()
        self._number = 0
        self._looked = LONG_AGO
        self._rows: dict[int, Row] = {}
        self._stamps: dict[int, tuple[int, Mono]] = {}
        self._torn_since: dict[int, Mono] = {}

    def look(self, now: Mono) -> None:
        """Tell and hear, unless that was just done."""
        if now - self._looked >= LOOK_EVERY_NS:
            self.exchange(now)

    def exchange(self, now: Mono) -> None:
        """Tell and hear."""
        self._looked = now
        try:
            self._tell(now)
            changed = self._read(now)
        except BoardAway as error:
            self._leave(str(error), now)
            return
        if self.away:
            self.away = ""
            self._budget.allow(self._allowance.share_percent, account=self._account)
        if changed:
            self._hear(now)

    def post(self, now: Mono) -> None:
        """Tell."""
        try:
            if not self.away:
                self._tell(now)
        except BoardAway as error:
            self._leave(str(error), now)

    def _tell(self, now: Mono) -> None:
        told = (self._budget.wait_until, *(n for w in self._windows for n in (w.spent, w.pending)))
        if told == self._told:
            return
        self._number += 1
        words = (
            c.words(w.spent, w.pending) for c, w in zip(self._columns, self._windows, strict=True)
        )
        self._board.write(
            self._board.rows.sealed(self._number, now, self._budget.wait_until, words), now
        )
        self._told = told

    def _read(self, now: Mono) -> bool:
        """Whether anything is other than at the last look. One that is being written is as it was."""
        rows = self._board.read(now)
        gone = [number for number in self._rows if number not in rows]
        for number in gone:
            del self._rows[number], self._stamps[number]
        self._torn_since = {
            n: at for n, at in self._torn_since.items() if n in rows
        }  # the rest is mended
        changed = bool(gone)
        for number, data in rows.items():
            stamp = stamp_of(data)
            if self._stamps.get(number) == stamp:
                continue
            row = self._board.rows.opened(data)
            if row is None:
                self._torn(number, now)
                continue
            self._rows[number], self._stamps[number] = row, stamp
            self._torn_since.pop(number, None)
            changed = True
        return changed

    def _torn(self, number: int, now: Mono) -> None:
        since = self._torn_since.setdefault(number, now)
        if now - since >= TORN_MAX_NS:
            self._board.mend(number)
            raise BoardAway(f"row {number} of {self._board.name} cannot be read")

    def _hear(self, now: Mono) -> None:
        for number, column in enumerate(self._columns):
            column.heard({n: (r.written, r.column(number)) for n, r in self._rows.items()}, now)
        waits = [row.wait_until for row in self._rows.values()]
        if not self._account:
            self._budget.others_wait_until = max(waits, default=LONG_AGO)

    def _leave(self, why: str, now: Mono) -> None:
        """Nothing is known of the others: until it is again, no more than the fixed share but to reduce."""
        if not self.away:
            share, alone = self._allowance.share_percent, self._allowance.alone_percent
            self._budget.allow(share, alone, account=self._account)
            for column in self._columns:
                column.heard({}, now)
        self.away, self._told = why, ()
        self._rows, self._stamps = {}, {}


def _is_shared(limit: Limit, *, account: bool) -> bool:
    return not limit.spread and limit.account is account


def _joined(window: Window) -> Column:
    column = window.column = Column(window.limit.length_ns)
    return column
