"""One world of many: its seed, what all of them share, and how it ended."""

import time
import traceback
from pathlib import Path

import msgspec

from nightdesk.audit.invariant import Finding
from nightdesk.model.time import SECOND_NS
from nightdesk.simulation.faults import Fault, draw_faults
from nightdesk.simulation.judge import Judge
from nightdesk.simulation.patience import OutOfPatience, patience
from nightdesk.simulation.setting import Ended, WorldOptions, drawn_nodes, drawn_parts, longer_s
from nightdesk.simulation.trading_world import FLAT_WITHIN_S, REST_S, run_world

WALL_S_MAX = 120.0  # a world of five minutes takes two seconds
ENDS = "every world ends"


class SeedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every seed. `config` is the text of a desk's config, "" for the practice desk's;
    strategies it names by file are found beside `base`. Where there are
    `symbols`, only those are traded. `faults` are in place of the drawn ones. `parts` is one of how many of its
    limits the venue allows, 0: drawn for a drawn desk, else all of them. `nodes` is how many the desk has, 0:
    drawn for a drawn desk, else one."""

    profile: str = "swarm"
    seconds: float = 300.0
    config: str = ""
    base: str = "."
    shuffle: bool = False
    symbols: tuple[str, ...] = ()
    faults: tuple[Fault, ...] | None = None
    parts: int = 0
    nodes: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One world. `struck` counts each kind of fault and how often an order was in flight when it struck."""

    seed: int
    faults: list[Fault]
    findings: list[Finding]
    ended: Ended
    sometimes: dict[str, int]
    struck: dict[str, list[int]]
    checked: dict[str, bool]
    lines: list[str]
    wall_s: float
    resolved_s: list[float] = []  # of each order that was unknown: until something was heard of it
    worst: dict[str, float] = {}  # the largest share of each limit that was reached

    @property
    def clean(self) -> bool:
        """Whether every law held and nothing broke."""
        return not self.findings and not self.ended.broke

    @property
    def what(self) -> str:
        """What broke, in a line."""
        if not self.findings:
            return self.ended.broke
        return f"{self.findings[0].order} {self.findings[0].what}".strip()

    @property
    def law(self) -> str:
        """The first law that was broken, or what broke the desk."""
        if self.findings:
            return self.findings[0].law
        return "no unexpected exception" if self.ended.broke else ""

    def brief(self) -> "Outcome":
        """Without what another run of the seed tells again, and what never happened."""
        return msgspec.structs.replace(
            self,
            faults=[],
            lines=[],
            findings=self.findings[:1],
            sometimes={name: count for name, count in self.sometimes.items() if count},
        )


def run_seed(
    seed: int,
    options: SeedOptions,
    *,
    keep: int = 0,
    wall_s_max: float = WALL_S_MAX,
) -> Outcome:
    """The world of a seed, with `keep` lines of what was said.

    A world that is not over after `wall_s_max` seconds of this machine's time has failed.
    """
    drawn = draw_faults(seed, options.profile, options.seconds)
    faults = drawn if options.faults is None else list(options.faults)
    parts = parts_of(seed, options)
    more_s = longer_s(parts)
    judge = Judge(
        flat_within_ns=int((FLAT_WITHIN_S + more_s) * SECOND_NS),
        resolve_within_ns=int((REST_S - 5.0 + more_s) * SECOND_NS),
        keep=keep,
    )
    started = time.perf_counter()
    world = WorldOptions(
        seed=seed,
        faults=faults,
        seconds=options.seconds,
        config=options.config,
        base=options.base,
        shuffle=options.shuffle,
        symbols=options.symbols,
        parts=parts,
        nodes=nodes_of(seed, options),
    )
    try:
        with patience(wall_s_max):
            ended = run_world(world, judge)
            if not judge.findings and not ended.broke:
                judge.rest()
    except OutOfPatience as error:
        ended = _unfinished()
        judge.findings.insert(0, Finding(law=ENDS, order="", what=str(error)))
    return Outcome(
        seed=seed,
        faults=faults,
        findings=judge.findings,
        ended=ended,
        sometimes=judge.sometimes.counts(),
        struck=judge.struck_kinds,
        checked=judge.checked(),
        lines=list(judge.lines),
        wall_s=time.perf_counter() - started,
        resolved_s=judge.gauges.resolved_s,
        worst=judge.gauges.worst,
    )


def parts_of(seed: int, options: SeedOptions) -> int:
    """One of how many of its limits the venue of a seed allows; of a written desk all, whatever worlds draw."""
    return options.parts or (1 if options.config else drawn_parts(seed))


def nodes_of(seed: int, options: SeedOptions) -> int:
    """How many nodes the desk of a seed has; a written one has one, whatever worlds draw."""
    return options.nodes or (1 if options.config else drawn_nodes(seed))


def broken(seed: int, error: BaseException) -> Outcome:
    """What is left to say of a world that itself raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return Outcome(
        seed=seed,
        faults=[],
        findings=[],
        ended=_unfinished(f"{error!r} at {where}"),
        sometimes={},
        struck={},
        checked={},
        lines=[],
        wall_s=0.0,
    )


def _unfinished(broke: str = "") -> Ended:
    return Ended(
        virtual_s=0.0,
        turns=0,
        trace="",
        flat_s=None,
        orders={},
        fills=0,
        epochs=0,
        torn=0,
        broke=broke,
    )


def seeds_of(text: str) -> list[int]:
    """Seeds of "0..199", "7" or "1,5,9"; raises `ValueError` for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        begin, end = int(first), int(last) if dots else int(first)
        if begin < 0 or end < begin:
            raise ValueError(f"{part!r} is no range of seeds")
        seeds += range(begin, end + 1)
    return seeds
