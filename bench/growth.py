"""What one order costs as the journal grows: decided, folded, encoded, framed, answered, and that folded too.

The early orders are taken from fresh desks, in turns with the late ones of an old desk, so that both saw the
same machine.
"""

import time

from bench.core import Core, intent_of
from bench.measure import Figure, Run, held_to, spread
from nightdesk.desk.events import Decision
from nightdesk.journal.frame import GENESIS, digest_of, encode_frame
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import encode_record

FLAT = 1.25  # late over early; more would be growth, less is noise of a shared machine
WINDOW = 100
ROUNDS = 12


def measure(run: Run) -> list[Figure]:
    """Run it."""
    late_at = run.pick(100_000, 10_000)
    old = _Orders()
    for _ in range(late_at - WINDOW * ROUNDS // 2):
        old.one()
    early, later, late = list[int](), list[int](), list[int]()
    for _ in range(ROUNDS):
        fresh = _Orders()
        for _ in range(50):
            fresh.one()
        early += [fresh.one() for _ in range(WINDOW)]
        for _ in range(1_900):
            fresh.one()
        later += [fresh.one() for _ in range(WINDOW)]
        late += [old.one() for _ in range(WINDOW)]
    first = spread("an order's life around the 100th", early)
    full = spread("... around the 2,000th (ended orders at their bound)", later)
    last = spread(f"... around the {late_at:,}th", late)
    ratio = last.value / first.value
    flat = Figure(name="... late over early", unit="x", value=ratio, n=len(late))
    return [first, full, last, held_to(flat, f"<= {FLAT} x", ratio <= FLAT)]


class _Orders:
    """One desk and the frames of its journal."""

    def __init__(self) -> None:
        self._core = Core()
        self._digest, self._seq = GENESIS, 0

    def one(self) -> int:
        """One order from wish to final state; ns."""
        core = self._core
        started = time.perf_counter_ns()
        decision = core.place()
        self._write(decision)
        self._write(core.desk.decide(core.filled(intent_of(decision)), core.moment()))
        return time.perf_counter_ns() - started

    def _write(self, decision: Decision) -> None:
        for record in decision.records:
            self._seq += 1
            frame = encode_frame(
                seq=Seq(self._seq),
                epoch=Epoch(1),
                at=self._core.wall,
                previous=self._digest,
                body=encode_record(record),
            )
            self._digest = digest_of(frame)
