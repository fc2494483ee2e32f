"""Which orders of the desk a venue's dead man's switch would cancel: entries, or also what must not end."""

from collections.abc import Collection, Mapping

from nightdesk.desk.degrade import exits
from nightdesk.desk.state import DeskState
from nightdesk.model.ids import InstrumentId
from nightdesk.model.order import OrderType, Origin
from nightdesk.resilience.dead_man import Resting

_BRIEF = frozenset({OrderType.IOC, OrderType.FOK})  # these never rest
_NONE = Resting()


def resting(
    state: DeskState, instruments: Collection[InstrumentId]
) -> Mapping[InstrumentId, Resting]:
    """What rests of each, or may: an order that was intended counts until its end is known. An exit is what
    protects, what can only reduce, and whatever can only bring the position nearer to flat."""
    found = dict.fromkeys(instruments, _NONE)
    closing = exits(state)
    for client_id, order in state.orders.live.items():
        intent = order.intent
        if intent.instrument not in found or intent.type in _BRIEF:
            continue
        out = intent.origin in (Origin.PROTECT, Origin.FLATTEN) or intent.reduce_only
        before = found[intent.instrument]
        if out or client_id in closing:
            found[intent.instrument] = Resting(entries=before.entries, exits=True)
        else:
            found[intent.instrument] = Resting(entries=True, exits=before.exits)
    return found
