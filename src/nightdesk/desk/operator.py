"""What an operator may order. Every command is idempotent and lands in the journal."""

from collections.abc import Callable

from nightdesk.desk import accounts, flatten
from nightdesk.desk.events import CancelAll, Flatten, Pause, Resume
from nightdesk.desk.placing import cancel, net_position
from nightdesk.desk.work import Work
from nightdesk.model.order import Side
from nightdesk.modes.ladder import DESK, Mode
from nightdesk.orders.book import Order

# Raised by the desk or by a command, lifted only by a person who has looked.
PERSONAL = frozenset(
    {"operator", "flatten", "crash", "surprise", "vanished", "reconcile", "auth", "lost_journal"}
)


def command(work: Work, event: Pause | Resume | CancelAll | Flatten) -> None:
    """Do what a person said."""
    match event:
        case Pause(reason=reason, by=by, keep=keep):
            work.set_mode(DESK, "operator", Mode.REDUCE_ONLY, by=by, why=reason)
            if not keep:
                _cancel(work, "paused", lambda order: not _only_reduces(work, order))
        case Resume():
            _resume(work, event)
        case CancelAll():
            _cancel(work, "operator", lambda _: True)
        case Flatten():
            flatten.start(work, event)


def _resume(work: Work, event: Resume) -> None:
    accounts.adopt(work)
    for scope, name, _ in work.state.ladder.told():
        if name in PERSONAL:
            work.set_mode(scope, name, Mode.NORMAL, by=event.by, why=event.reason)


def _cancel(work: Work, why: str, wanted: Callable[[Order], bool]) -> None:
    for order in list(work.state.orders.live.values()):
        if wanted(order):
            cancel(work, order, why=why)


def _only_reduces(work: Work, order: Order) -> bool:
    """Whether a resting order can only bring the position nearer to flat."""
    net = net_position(work, order.intent.instrument)
    if order.intent.side is Side.SELL:
        return order.remaining <= net
    return order.remaining <= -net
