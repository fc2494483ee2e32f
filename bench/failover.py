"""From a leader's end to what the next one does: two real node processes on a lab that answers at once.

One thing is done to the pair in each round (`tests.drill`): the leader is killed, or made to stand still, or
told to hand over. Times are from that moment to the new epoch's first record, and to the first cancel and the
first new order that come to the venue, whose own clock is this machine's.
"""

from collections.abc import Sequence
from typing import Any

from tests.drill.harness import drill, findings

from bench.measure import Figure, Run, held_to, spread

MS = 1e6
STILL_S = 8.0  # at most: a little longer than a lease and what follows it
LEASE_MS = 3_000
AIMS_MS = {  # of the 99th of a hundred
    "kill": {"cancel_ms": 300, "order_ms": 1_000},
    "freeze": {"record_ms": LEASE_MS + 300},
    "switchover": {"record_ms": 200},
    "both_kill": {},  # a cold restart: what it is without a node that stands by
}
NAMES = {
    "kill": "leader killed",
    "freeze": "leader stands still",
    "switchover": "handed over",
    "both_kill": "both killed",
    "record_ms": "first record",
    "cancel_ms": "first cancel",
    "order_ms": "first order",
}


def measure(run: Run) -> list[Figure]:
    """Each kind after the other, on a pair of its own."""
    figures: list[Figure] = []
    for kind, whole in (("kill", 50), ("switchover", 50), ("freeze", 12), ("both_kill", 12)):
        lines = drill(run.pick(whole, 3), [kind], seed=1, faults=(), longest_s=STILL_S)
        wrong = findings(lines)
        assert not wrong, wrong
        figures += _figures(kind, [line for line in lines if line.get("took_over")])
    return figures


def _figures(kind: str, rounds: Sequence[dict[str, Any]]) -> list[Figure]:
    figures = []
    for time in ("record_ms", "cancel_ms", "order_ms"):
        samples = [int(each[time] * MS) for each in rounds if each[time] is not None]
        figure = spread(f"{NAMES[kind]}: {NAMES[time]}", samples, unit="ms", scale=MS)
        aim = AIMS_MS[kind].get(time)
        if aim is not None:
            figure = held_to(figure, f"p99 <= {aim} ms", (figure.p99 or 0.0) <= aim)
        figures.append(figure)
    return figures
