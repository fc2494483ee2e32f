"""Making a failing world small while the same law breaks: fewer, shorter faults, less time, fewer symbols."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from nightdesk.config.load import load
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId, instrument_key
from nightdesk.simulation.campaign import SeedOptions, run_seed
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.setting import drawn_config

T = TypeVar("T")

SHORTEST_S = 0.05
WITHIN_S = 600.0


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest failing world found; `symbols` is empty where all of them are needed.

    Not `finished`: time was up, and a smaller one may exist.
    """

    faults: list[Fault]
    seconds: float
    symbols: list[str]
    runs: int
    finished: bool


class _Trials:
    """Worlds tried so far; once time is up, none is found to break."""

    def __init__(
        self, seed: int, law: str, within_s: float, progress: Callable[[int], None]
    ) -> None:
        self.runs = 0
        self.up = False
        self._seed = seed
        self._law = law
        self._progress = progress
        self._until = time.perf_counter() + within_s

    def breaks(self, options: SeedOptions, faults: Sequence[Fault]) -> bool:
        """Whether this world breaks the law."""
        self.up = self.up or time.perf_counter() >= self._until
        if self.up:
            return False
        self.runs += 1
        self._progress(self.runs)
        try:
            told = msgspec.structs.replace(options, faults=tuple(faults))
            return run_seed(self._seed, told).law == self._law
        except BadInput:  # a strategy that cannot do without an instrument
            return False


def shrink(
    seed: int,
    options: SeedOptions,
    law: str,
    faults: Sequence[Fault],
    *,
    progress: Callable[[int], None] = lambda _: None,
    within_s: float = WITHIN_S,
) -> Shrunk:
    """Shrink the world of `seed` and `faults`, which breaks `law`, for `within_s` seconds of wall time."""
    trials = _Trials(seed, law, within_s, progress)
    kept = fewer(faults, lambda some: trials.breaks(options, some))
    kept = shorter_windows(kept, lambda some: trials.breaks(options, some))
    options, kept = _shorter_world(options, kept, trials)
    symbols = fewer(
        _symbols(seed, options),
        lambda some: bool(some) and trials.breaks(_of_symbols(options, some), kept),
    )
    if len(symbols) == len(_symbols(seed, options)):
        symbols = list(options.symbols)
    return Shrunk(
        faults=kept,
        seconds=options.seconds,
        symbols=symbols,
        runs=trials.runs,
        finished=not trials.up,
    )


def fewer(things: Sequence[T], breaks: Callable[[Sequence[T]], bool]) -> list[T]:
    """Delta debugging: drop halves, then quarters, down to single ones, while it still breaks."""
    kept, parts = list(things), 2
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


def _shorter_world(
    options: SeedOptions, faults: Sequence[Fault], trials: _Trials
) -> tuple[SeedOptions, list[Fault]]:
    """Halve the time in which faults may strike, down to the end of the last one that strikes before the heal;
    what begins with the heal or after it moves along."""
    kept = list(faults)
    within = [fault for fault in kept if fault.at_s < options.seconds]
    least = max((fault.at_s + fault.for_s for fault in within), default=0.0) + 1.0
    while (half_s := options.seconds / 2) > least:
        half = msgspec.structs.replace(options, seconds=half_s)
        moved = [
            _moved(fault, half_s) if fault.at_s >= options.seconds else fault for fault in kept
        ]
        if not trials.breaks(half, moved):
            break
        options, kept = half, moved
    return options, kept


def _moved(fault: Fault, by_s: float) -> Fault:
    return msgspec.structs.replace(fault, at_s=round(fault.at_s - by_s, 6))


def _symbols(seed: int, options: SeedOptions) -> list[str]:
    config = load(options.config or drawn_config(seed), "the world's config")
    named = [instrument_key(InstrumentId(each.id)) for each in config.instrument]
    return [symbol for symbol in named if not options.symbols or symbol in options.symbols]


def _of_symbols(options: SeedOptions, symbols: Sequence[str]) -> SeedOptions:
    return msgspec.structs.replace(options, symbols=tuple(symbols))
