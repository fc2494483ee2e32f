"""A target as the desk keeps it: the position that is wanted, how fast, and how much of it by now."""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.money import ZERO
from nightdesk.model.order import Urgency
from nightdesk.model.records import TargetSet
from nightdesk.model.time import Wall


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """The position a strategy wants, and how the desk goes there; `suspended` says why it does not.

    See `TargetSet` for slices; `since` (UTC) is when it was declared.
    """

    qty: Decimal
    suspended: str = ""
    urgency: Urgency = Urgency.TAKE
    slice_qty: Decimal | None = None
    slice_every_ns: int = 0
    slice_count: int = 0
    ramp_from: Decimal = ZERO
    since: Wall = Wall(0)

    def by(self, now: Wall) -> Decimal:
        """The position that is wanted by `now`: all of it, or what the slices begun so far come to."""
        if self.slice_qty is None:
            return self.qty
        begun = self._begun(now)
        allowed = money.multiply(self.slice_qty, Decimal(begun))
        gap = money.subtract(self.qty, self.ramp_from)
        if money.magnitude(gap) <= allowed:
            return self.qty
        return money.add(self.ramp_from, allowed if gap > 0 else money.minus(allowed))

    def next_slice(self, now: Wall) -> Wall:
        """When the next slice begins."""
        return Wall(self.since + self._begun(now) * self.slice_every_ns)

    def _begun(self, now: Wall) -> int:
        return 1 + max(now - self.since, 0) // self.slice_every_ns


def target_of(record: TargetSet, qty: Decimal, at: Wall) -> TargetState:
    """What a record declared at `at`."""
    return TargetState(
        qty=qty,
        suspended=record.suspended,
        urgency=record.urgency,
        slice_qty=record.slice_qty,
        slice_every_ns=record.slice_every_ns,
        slice_count=record.slice_count,
        ramp_from=record.ramp_from,
        since=at,
    )
