"""From a leader's end to what the next one does: two real node processes on a lab that answers at once.

One thing is done to the pair in each round (`tests.drill`): the leader is killed, or made to stand still, or
told to hand over. Times are from that moment to the new epoch's first record, and to the first cancel and the
first new order that come to the venue, whose own clock is this machine's: in an instrument of which every order
had been heard of, and in one where an order had not. One that is slow answers most orders after 0.15 to 0.55 s.
"""

from collections.abc import Sequence
from typing import Any

from tests.drill.harness import SLOW, drill, findings
from tests.drill.pair import MAKER, SWEEPER

from bench.measure import Figure, Run, held_to, spread

MS = 1e6
STILL_S = 8.0  # at most: a little longer than a lease and what follows it
LEASE_MS = 3_000
# A kind of drill, what the venue does meanwhile, how it is called here, how many rounds, and the aims of the
# 99th of a hundred. A cold restart is what a takeover is without a node that stands by.
Deed = tuple[str, Sequence[dict[str, Any]], str, int, dict[str, int]]
DEEDS: tuple[Deed, ...] = (
    ("kill", (), "leader killed", 50, {"sure_ms": 1_000}),
    ("kill", SLOW, "leader killed, a slow venue", 50, {}),
    ("switchover", (), "handed over", 50, {"record_ms": 200}),
    # Of these some are too short for anyone to take over.
    ("freeze", (), "leader stands still", 90, {"record_ms": LEASE_MS + 300}),
    ("both_kill", (), "both killed", 50, {}),
)
# The same with a strategy that wants what it finds open cancelled as it begins; the others want a cancel only
# once the market has moved.
SWEPT: Deed = ("kill", (), "leader killed, a cancel wanted", 50, {"cancel_ms": 300})
TIMES = {
    "record_ms": "first record",
    "cancel_ms": "first cancel",
    "sure_ms": "first order",
    "unsure_ms": "the same where one was unresolved",
}


def measure(run: Run) -> list[Figure]:
    """Each kind after the other, on a pair of its own."""
    figures = [figure for deed in DEEDS for figure in _done(run, deed, MAKER)]
    return figures + [f for f in _done(run, SWEPT, SWEEPER) if f.aim]


def _done(run: Run, deed: Deed, maker: str) -> list[Figure]:
    kind, faults, name, whole, aims = deed
    lines = drill(run.pick(whole, 3), [kind], seed=1, faults=faults, longest_s=STILL_S, maker=maker)
    wrong = findings(lines)
    assert not wrong, wrong
    return _figures(name, aims, [line for line in lines if line.get("took_over")])


def _figures(name: str, aims: dict[str, int], rounds: Sequence[dict[str, Any]]) -> list[Figure]:
    figures = []
    for time, told in TIMES.items():
        samples = [int(each[time] * MS) for each in rounds if each[time] is not None]
        if not samples:
            continue  # where answers come at once, one is waited for only now and then
        figure = spread(f"{name}: {told}", samples, unit="ms", scale=MS)
        aim = aims.get(time)
        if aim is not None:
            figure = held_to(figure, f"p99 <= {aim} ms", (figure.p99 or 0.0) <= aim)
        figures.append(figure)
    return figures
