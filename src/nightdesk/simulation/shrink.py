"""Making a failing world small: fewer faults first, then shorter ones, as long as the same law breaks."""

from collections.abc import Callable, Sequence

import msgspec

from nightdesk.simulation.campaign import SeedOptions, run_seed
from nightdesk.simulation.faults import Fault

Breaks = Callable[[Sequence[Fault], float], bool]
SHORTEST_S = 0.05


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest failing world found."""

    faults: list[Fault]
    seconds: float
    runs: int


def shrink(
    seed: int, options: SeedOptions, law: str, progress: Callable[[int], None] = lambda _: None
) -> Shrunk:
    """Shrink the world of `seed`, which breaks `law`."""
    first = run_seed(seed, options)
    runs = 1

    def breaks(faults: Sequence[Fault], seconds: float) -> bool:
        nonlocal runs
        runs += 1
        progress(runs)
        shorter = msgspec.structs.replace(options, seconds=seconds)
        return run_seed(seed, shorter, faults).law == law

    seconds = options.seconds
    faults = fewer(first.faults, lambda kept: breaks(kept, seconds))
    faults = shorter_windows(faults, lambda kept: breaks(kept, seconds))
    least = max((fault.at_s + fault.for_s for fault in faults), default=0.0) + 1.0
    while seconds / 2 > least and breaks(faults, seconds / 2):
        seconds /= 2
    return Shrunk(faults=list(faults), seconds=seconds, runs=runs)


def fewer(faults: Sequence[Fault], breaks: Callable[[Sequence[Fault]], bool]) -> list[Fault]:
    """Delta debugging: drop halves, then quarters, down to single faults, while it still breaks."""
    kept, parts = list(faults), 2
    while kept:
        size = max(1, len(kept) // parts)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            if breaks(rest):
                kept, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return kept
            parts = min(len(kept), parts * 2)
    return kept


def shorter_windows(
    faults: Sequence[Fault], breaks: Callable[[Sequence[Fault]], bool]
) -> list[Fault]:
    """Halve what lasts, one fault at a time, while it still breaks."""
    kept = list(faults)
    for index in range(len(kept)):
        while kept[index].for_s > SHORTEST_S:
            half = msgspec.structs.replace(kept[index], for_s=round(kept[index].for_s / 2, 6))
            trial = [*kept[:index], half, *kept[index + 1 :]]
            if not breaks(trial):
                break
            kept = trial
    return kept
