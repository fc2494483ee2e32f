"""Each fence between a decision and the venue, in a world that walks into it: no law is broken behind it."""

import pytest

from nightdesk.simulation.campaign import SeedOptions, run_seed
from nightdesk.simulation.faults import Fault

SECONDS = 50.0


def a_fault(kind: str, at_s: float, for_s: float = 0.0, **args: object) -> Fault:
    return Fault(kind=kind, at_s=at_s, for_s=for_s, args=args)


def freeze(at: str, seconds: int, *, armed_s: float = 5.0) -> Fault:
    """The process stands still at the next such moment."""
    return a_fault("process.trap", armed_s, 40.0, at=at, how="freeze", s=seconds)


def often(kind: str, first_s: float, for_s: float = 0.0, **args: object) -> list[Fault]:
    return [a_fault(kind, first_s + 3 * n, for_s, **args) for n in range(5)]


SILENT = a_fault("market.silence", 5, 40, symbol="BTCUSDT", which="market")
THROTTLED = a_fault("venue.rate_limit_429", 1, 45, percent=20, retry_after_s=4)
# What is met: a seed whose desk walks into it, and the faults that lead it there.
FENCES: dict[str, tuple[int, list[Fault]]] = {
    "last step refused: the lease is not held": (1, [freeze("intent_durable", 10)]),
    "last step refused: the mode has changed": (
        2,
        [
            *often("disk.stall", 10.0, 0.6),
            *often("operator.pause", 10.3),
            *often("operator.resume", 11.5),
        ],
    ),
    "last step refused: the market it was decided on is too old": (
        80,
        [SILENT, freeze("intent_durable", 1, armed_s=5.5)],
    ),
    "last step refused: the venue's time is not known": (
        1,
        [freeze("intent_durable", 1), a_fault("clock.step", 6.0, ms=3_000)],
    ),
    "last step refused: the venue said to wait": (1, [THROTTLED]),
    # An append asks for its epoch: another led meanwhile.
    "a fenced node stood down": (
        1,
        [freeze("intent_unwritten", 10), a_fault("node.second", 8, 30, host="away")],
    ),
    # The venue's own fence: the bytes leave long after the last look, with the deadline they were given.
    "freeze at order checked": (1, [freeze("order_checked", 10)]),
}


@pytest.mark.parametrize("met", FENCES)
def test_a_fence_holds_where_a_world_walks_into_it(met: str) -> None:
    seed, faults = FENCES[met]
    alone = SeedOptions(seconds=SECONDS, faults=tuple(faults), nodes=1)
    outcome = run_seed(seed, alone)
    assert outcome.sometimes[met] > 0, "never met"
    assert outcome.clean, f"{outcome.law}: {outcome.what}"
