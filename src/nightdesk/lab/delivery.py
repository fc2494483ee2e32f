"""The way of reports to their owners, with the faults of delivery.

Owns what happens to a report on its way: told late, twice, out of order, or with a strange word.
Refuses to write it or to know who listens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.catalogue import REPORT_KINDS, FaultKind
from nightdesk.lab.choices import Word
from nightdesk.lab.faults import FaultBoard, Target
from nightdesk.lab.settings import MS_NS, SECOND_NS

# A report held back for reordering is told after this long even if no other follows it.
_HELD_NS_MAX = SECOND_NS

# Tell a report at a time; with a word, that word is one no document knows.
Tell = Callable[[int, Word | None], None]


@dataclass(slots=True)
class Delivery:
    """The reports of one venue on their way."""

    faults: FaultBoard
    agenda: Agenda
    # The report each account's next report must overtake.
    _held: dict[str, Callable[[int], None]] = field(default_factory=dict)

    def deliver(
        self, account: str, fields: Mapping[str, object], name: str, tell: Tell, now_ns: int
    ) -> None:
        """Tell an account of one step of one order, faults permitting; a fault's `param` is held
        against `fields`."""
        fault = None
        if self.faults.faults:
            fault = self.faults.pick(REPORT_KINDS, Target(fields, name=name), now_ns)
        if fault is None:
            tell(now_ns, None)
            self._release(account, now_ns)
            return
        match fault.spec.kind:
            case FaultKind.LATE_REPORT:
                late_ns = now_ns + fault.spec.ms * MS_NS
                self.agenda.at(late_ns, lambda at_ns: tell(at_ns, None))
            case FaultKind.REORDERED_REPORTS:
                self._hold(account, lambda at_ns: tell(at_ns, None), now_ns)
                return
            case FaultKind.NEW_ENUM:
                tell(now_ns, fault.spec.field)
            case _:
                tell(now_ns, None)
                tell(now_ns, None)
        self._release(account, now_ns)

    def _hold(self, account: str, tell: Callable[[int], None], now_ns: int) -> None:
        self._release(account, now_ns)
        self._held[account] = tell

        def give_up(at_ns: int) -> None:
            if self._held.get(account) is tell:
                self._release(account, at_ns)

        self.agenda.at(now_ns + _HELD_NS_MAX, give_up)

    def _release(self, account: str, now_ns: int) -> None:
        held = self._held.pop(account, None)
        if held is not None:
            held(now_ns)
