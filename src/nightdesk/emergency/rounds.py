"""Errands at several places, each in turn until all are done or given up."""

import secrets
import time
from collections.abc import Callable, Sequence
from itertools import count

from nightdesk.emergency.asking import Asking, mono
from nightdesk.emergency.decide import Task
from nightdesk.emergency.errand import Errand, quiet_ns
from nightdesk.emergency.settings import Place
from nightdesk.model.ids import EMERGENCY_NONCES, ClientOrderId, emergency_order_id
from nightdesk.model.time import SECOND_NS, Mono

Say = Callable[[str], None]


def ids() -> Callable[[], ClientOrderId]:
    """Ids of one run: nobody drew its nonce before, as far as chance goes."""
    nonce, numbers = secrets.randbelow(EMERGENCY_NONCES), count(1)
    return lambda: emergency_order_id(nonce, next(numbers))


def once(say: Say) -> Say:
    """Says what it has not just said."""
    last = ""

    def told(text: str) -> None:
        nonlocal last
        if text != last:
            last = text
            say(text)

    return told


def errand_of(
    place: Place, asking: Asking, task: Task, new_id: Callable[[], ClientOrderId], say: Say
) -> Errand:
    """One place's."""
    return Errand(
        asking,
        task,
        name=place.name,
        quiet_ns=quiet_ns(place.ttl_ns, place.read_lag_ns),
        read_lag_ns=place.read_lag_ns,
        new_id=new_id,
        say=once(say),
    )


def _slept(wait_s: float) -> bool:
    time.sleep(wait_s)
    return False


def go_round(
    errands: Sequence[Errand],
    until: Mono | None = None,
    wait: Callable[[float], bool] = _slept,
) -> bool:
    """Every place in turn, so that one that is silent keeps nobody from the others; whether it went to its end.

    It ends before where the next round would begin after `until`, or `wait` says so: it is called with the
    seconds to wait, also none, before each round.
    """
    while waiting := [each for each in errands if not (each.done or each.failed)]:
        first = min(waiting, key=lambda each: each.due)
        now = mono()
        if until is not None and max(first.due, now) >= until:
            return False
        if wait(max(first.due - now, 0) / SECOND_NS):
            return False
        first.round()
    return True
