"""Told again: the numbers that the gate weighed for an order, from the journal alone.

The fold up to the order's slot gives position, reservations, balances, modes and rates; the intent carries what
no record tells, the market it saw.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from nightdesk.desk.placing import SAME_KEPT_MAX, Wish, same_order, view
from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.state import DeskState
from nightdesk.desk.views import Views
from nightdesk.desk.work import Work
from nightdesk.model.ids import InstrumentId, Seq
from nightdesk.model.market import Quote
from nightdesk.model.money import ZERO
from nightdesk.model.order import Inputs, Intent
from nightdesk.model.records import Configured, EpochOpened, Intended, Record
from nightdesk.model.time import Moment, Mono, Wall
from nightdesk.risk.gate import Weighed, weigh
from nightdesk.risk.limits import View

_SETTINGS = msgspec.json.Decoder(DeskSettings)


def verdict_on(client_id: str, history: Iterable[tuple[Seq, Wall, Record]]) -> list[Weighed]:
    """Rule, limit and value as they stood when the order was approved; `history` begins at the first slot.

    Empty when the order is not in it, or was decided under settings that this release cannot read.
    """
    state, settings = DeskState(), None
    recent: deque[tuple[Wall, Intent]] = deque(maxlen=SAME_KEPT_MAX)
    for seq, at, record in history:
        match record:
            case EpochOpened():
                recent.clear()  # what a desk remembers of its last orders ends with it
            case Configured(body=body):
                settings = _settings_of(body)
            case Intended(intent=intent):
                if intent.client_id == client_id:
                    same = [then for then, other in recent if _same(other) == _same(intent)]
                    age_ns = at - same[-1] if same else None
                    return [] if settings is None else _weighed(state, settings, intent, at, age_ns)
                recent.append((at, intent))
            case _:
                pass
        state.apply(record, seq, at)
    return []


def _weighed(
    state: DeskState, settings: DeskSettings, intent: Intent, at: Wall, same_age_ns: int | None
) -> list[Weighed]:
    views, inputs = Views(), intent.inputs
    if inputs is not None:
        views.quotes[intent.instrument] = _quote(intent.instrument, inputs.bid, inputs.ask)
        for other, ask in inputs.asks.items():
            views.quotes[other] = _quote(other, ask, ask)
    now = Mono(0 if inputs is None else inputs.age_ns)
    work = Work(state, views, settings, Moment(mono=now, wall=at, lease_until=now))
    looked = msgspec.structs.replace(
        view(work, _wish(intent), work.quote(intent.instrument)),
        gross_elsewhere=None if inputs is None else inputs.gross_elsewhere,
        same_order_age_ns=same_age_ns,
    )
    if inputs is not None:
        looked = _valued(looked, inputs)
    return weigh(intent, work.limits(intent.strategy, intent.instrument), looked)


def _valued(looked: View, inputs: Inputs) -> View:
    """With what stood behind contracts as it was then: no record tells both sides of every market."""
    free = looked.available_quote if inputs.free is None else inputs.free
    whole = looked.whole and msgspec.structs.replace(
        looked.whole, margin=inputs.margin, equity=inputs.equity
    )
    return msgspec.structs.replace(looked, available_quote=free, whole=whole)


def _quote(instrument: InstrumentId, bid: Decimal, ask: Decimal) -> Quote:
    return Quote(
        instrument=instrument,
        bid=bid,
        bid_qty=ZERO,
        ask=ask,
        ask_qty=ZERO,
        update_id=0,
        received=Mono(0),
    )


def _wish(intent: Intent) -> Wish:
    made = Wish(
        intent.strategy,
        intent.instrument,
        intent.side,
        intent.type,
        intent.qty,
        intent.price,
        intent.origin,
    )
    made.replaces = intent.replaces
    return made


def _same(intent: Intent) -> tuple[object, ...]:
    return same_order(_wish(intent))


def _settings_of(body: str) -> DeskSettings | None:
    try:
        return _SETTINGS.decode(body)
    except msgspec.MsgspecError:
        return None
