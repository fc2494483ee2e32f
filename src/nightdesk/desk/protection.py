"""What a strategy declared about the way out of what it holds, as the fold keeps it."""

from decimal import Decimal

import msgspec

from nightdesk.model.records import ProtectionSet


class Protection(msgspec.Struct, kw_only=True):
    """Where a strategy wants out of what it holds. Mutable; one writer, the desk's fold.

    `held` says that there has been something to protect since it was declared: flat again, it has served.
    """

    stop: Decimal | None = None
    take_profit: Decimal | None = None
    trail_bps: int = 0
    held: bool = False

    def says(self, record: ProtectionSet) -> bool:
        """Whether `record` would change nothing."""
        wanted = (record.stop, record.take_profit, record.trail_bps)
        return (self.stop, self.take_profit, self.trail_bps) == wanted
