"""Many worlds: one seed each, their outcomes, and what they add up to."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from nightdesk.audit.invariant import Finding
from nightdesk.model.time import SECOND_NS
from nightdesk.simulation.faults import Fault, draw_faults
from nightdesk.simulation.judge import Judge
from nightdesk.simulation.setting import Ended, WorldOptions
from nightdesk.simulation.trading_world import FLAT_WITHIN_S, REST_S, run_world


class SeedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every seed. `config` is the text of a desk's config, "" for the practice desk's;
    strategies it names by file are found beside `base`."""

    profile: str = "swarm"
    seconds: float = 300.0
    config: str = ""
    base: str = "."
    shuffle: bool = False


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


def run_seed(
    seed: int,
    options: SeedOptions,
    faults: Sequence[Fault] | None = None,
    *,
    keep: int = 0,
) -> Outcome:
    """The world of a seed; `faults` in place of the drawn ones, `keep` lines of what was said."""
    drawn = draw_faults(seed, options.profile, options.seconds) if faults is None else list(faults)
    judge = Judge(
        flat_within_ns=int(FLAT_WITHIN_S * SECOND_NS),
        resolve_within_ns=int((REST_S - 5.0) * SECOND_NS),
        keep=keep,
    )
    started = time.perf_counter()
    ended = run_world(
        WorldOptions(
            seed=seed,
            faults=drawn,
            seconds=options.seconds,
            config=options.config,
            base=options.base,
            shuffle=options.shuffle,
        ),
        judge,
    )
    if not judge.findings and not ended.broke:
        judge.rest()
    return Outcome(
        seed=seed,
        faults=drawn,
        findings=judge.findings,
        ended=ended,
        sometimes=judge.sometimes.counts(),
        struck=judge.struck_kinds,
        checked=judge.checked(),
        lines=list(judge.lines),
        wall_s=time.perf_counter() - started,
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


class LawRow(msgspec.Struct, frozen=True, kw_only=True):
    """One law over all worlds."""

    law: str
    checked: int
    violated: int
    first_seed: int | None


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault over all worlds."""

    kind: str
    worlds: int
    struck: int
    with_order_in_flight: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What many worlds add up to. Times of the faults' end to flat in seconds."""

    seeds: int
    violations: list[tuple[int, str, str]]
    laws: list[LawRow]
    faults: list[FaultRow]
    sometimes: dict[str, int]
    flat_s: dict[str, float]
    fills: int
    orders: int
    simulated_s: float
    wall_s: float
    bound: float  # the violation rate that so many clean seeds exclude at 95 %

    @property
    def clean(self) -> bool:
        """Whether every world was."""
        return not self.violations


def summed(outcomes: Sequence[Outcome]) -> Summary:
    """Count everything."""
    flat = sorted(o.ended.flat_s for o in outcomes if o.ended.flat_s is not None)
    violations = [
        (o.seed, o.law, o.findings[0].what if o.findings else o.ended.broke)
        for o in outcomes
        if not o.clean
    ]
    sometimes: dict[str, int] = {}
    for outcome in outcomes:
        for name, count in outcome.sometimes.items():
            sometimes[name] = sometimes.get(name, 0) + count
    return Summary(
        seeds=len(outcomes),
        violations=violations,
        laws=_laws(outcomes),
        faults=_faults(outcomes),
        sometimes=dict(sorted(sometimes.items())),
        flat_s={name: _quantile(flat, q) for name, q in (("p50", 0.5), ("p95", 0.95), ("max", 1))},
        fills=sum(o.ended.fills for o in outcomes),
        orders=sum(o.ended.orders.get("intended", 0) for o in outcomes),
        simulated_s=sum(o.ended.virtual_s for o in outcomes),
        wall_s=sum(o.wall_s for o in outcomes),
        bound=min(1.0, 3.0 / len(outcomes)) if outcomes and not violations else 1.0,
    )


def _laws(outcomes: Sequence[Outcome]) -> list[LawRow]:
    rows = []
    for law in sorted({law for o in outcomes for law in (*o.checked, o.law)} - {""}, key=_order):
        broken = [o.seed for o in outcomes if not o.clean and o.law == law]
        rows.append(
            LawRow(
                law=law,
                checked=sum(1 for o in outcomes if o.checked.get(law)),
                violated=len(broken),
                first_seed=min(broken, default=None),
            )
        )
    return rows


def _order(law: str) -> tuple[int, str]:
    number = law.split(" ")[0][1:]
    return (int(number) if number.isdecimal() else 99, law)


def _faults(outcomes: Sequence[Outcome]) -> list[FaultRow]:
    kinds = sorted({kind for o in outcomes for kind in o.struck})
    return [
        FaultRow(
            kind=kind,
            worlds=sum(1 for o in outcomes if kind in o.struck),
            struck=sum(o.struck.get(kind, [0, 0])[0] for o in outcomes),
            with_order_in_flight=sum(o.struck.get(kind, [0, 0])[1] for o in outcomes),
        )
        for kind in kinds
    ]


def _quantile(values: Sequence[float], share: float) -> float:
    if not values:
        return 0.0
    return values[min(len(values) - 1, int(share * len(values)))]


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A world written down: what a shrunk failure becomes, and what a person may write by hand."""

    seed: int
    faults: list[Fault] = []
    seconds: float = 300.0
    law: str = ""  # what it once broke
    note: str = ""


def read_scenario(path: Path) -> Scenario:
    """The scenario in a TOML file; raises `msgspec.ValidationError` naming what does not fit."""
    return msgspec.toml.decode(path.read_bytes(), type=Scenario)


def scenario_text(scenario: Scenario) -> str:
    """The scenario as TOML, by hand: no writer is worth a dependency for a flat list."""
    lines = [
        f"seed = {scenario.seed}",
        f"seconds = {scenario.seconds}",
        f"law = {_quoted(scenario.law)}",
        f"note = {_quoted(scenario.note)}",
    ]
    for fault in scenario.faults:
        lines += ["", "[[faults]]", f'kind = "{fault.kind}"', f"at_s = {fault.at_s}"]
        lines += [f"for_s = {fault.for_s}"]
        if fault.args:
            lines.append(f"args = {_inline(fault.args)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_inline(v)}" for k, v in value.items()) + " }"
    return _quoted(value) if isinstance(value, str) else str(value).lower()
