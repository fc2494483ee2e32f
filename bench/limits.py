"""What one limit that may be set or not costs an order: its whole life, decided and answered, with and without.

Desks that differ in that limit alone take turns, and each turn is held against the one without in the same
round: what else runs on the machine costs more than a limit does.
"""

import time
from statistics import median

from bench.core import Core, intent_of
from bench.measure import US, Figure, Run, at_most
from nightdesk.risk.caps import CAPS

TURN = 100  # orders
AIM_PERCENT = 10.0


def measure(run: Run) -> list[Figure]:
    """Run it."""
    turns = run.pick(100, 30)
    caps = [cap for cap in CAPS if not cap.of_contracts]  # the bench's pair is none
    cores = {"": Core()} | {cap.rule: Core(cap=cap) for cap in caps}
    spent: dict[str, list[float]] = {rule: [] for rule in cores}
    for _ in range(turns):
        for rule, core in cores.items():
            spent[rule].append(_turn(core))
    free = spent.pop("")
    more = {rule: _more(each, free) for rule, each in spent.items()}
    name, value = "an order's life, none set", median(free) / US
    figures = [Figure(name=name, unit="us", value=value, n=turns * TURN)]
    dearest, *_, cheapest = sorted(more, key=lambda rule: -more[rule])
    for what, rule in (("dearest", dearest), ("cheapest", cheapest)):
        name = f"... more of it with the {what}, {rule}"
        figure = Figure(name=name, unit="%", value=more[rule], n=turns * TURN)
        figures.append(at_most(figure, AIM_PERCENT))
    return figures


def _more(spent: list[float], free: list[float]) -> float:
    """By how many per cent, each turn beside that of the same round."""
    return 100 * median(one / other - 1 for one, other in zip(spent, free, strict=True))


def _turn(core: Core) -> float:
    """Processor time of one order, in ns."""
    began = time.thread_time_ns()
    for _ in range(TURN):
        decision = core.place()
        core.desk.decide(core.filled(intent_of(decision)), core.moment())
    return (time.thread_time_ns() - began) / TURN
