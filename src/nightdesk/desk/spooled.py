"""What earlier lives may have sent, and no journal had: orders of unknown outcome, and wishes lost with them.

An operator who wanted out still does. A target of which an order was on its way may have been replaced since by
one that is lost: it is followed again when its strategy declares one.
"""

from nightdesk.desk import flatten, watch
from nightdesk.desk.events import Flatten, SpoolFound
from nightdesk.desk.work import Work
from nightdesk.model.order import Origin

CAUSE = "spool"  # while it is not known what was left


def found(work: Work, event: SpoolFound) -> None:
    """Nobody can vouch for these orders: each is asked for like one that was lost with its answer."""
    getting_out = False
    for entry in event.entries:
        intent = entry.intent
        if work.state.orders.get(intent.client_id) is not None:
            continue  # in two files, or imported a moment ago
        work.record(entry)
        work.note("warning", "spool.found", intent=intent.client_id, instrument=intent.instrument)
        getting_out |= intent.origin is Origin.FLATTEN
        if intent.origin is Origin.TARGET:
            work.stop_following(
                intent, "what it came to since was lost with a journal's last records"
            )
    watch.unresolved(work)
    if getting_out:
        why = "an operator wanted out when the journal took nothing; what was sold then is in the spool"
        flatten.start(work, Flatten(by="spool", reason=why))
