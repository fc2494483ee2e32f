"""What many worlds add up to, counted one by one, so that a night of them fits into memory."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from nightdesk.simulation.campaign import Outcome
from nightdesk.simulation.faults import PROFILES
from nightdesk.simulation.judge import Judge


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
    """What many worlds add up to. `flat_s` is from the faults' end, `resolved_s` of orders that were unknown,
    `worst` is the largest share of each limit that was reached in any of them.
    """

    seeds: int
    violations: list[tuple[int, str, str]]
    laws: list[LawRow]
    faults: list[FaultRow]
    sometimes: dict[str, int]
    never: list[str]  # declared, and not met in any world
    flat_s: dict[str, float]
    resolved: int
    resolved_s: dict[str, float]
    worst: dict[str, float]
    fills: int
    orders: int
    simulated_s: float
    wall_s: float
    bound: float  # the violation rate that so many clean seeds exclude at 95 %

    @property
    def clean(self) -> bool:
        """Whether every world was."""
        return not self.violations


class Tally:
    """Of worlds of one profile; without one, no kind of fault is expected."""

    def __init__(self, profile: str = "") -> None:
        self.flat_s: list[float] = []
        self.resolved_s: list[float] = []
        self._profile = profile
        self._worlds = 0
        self._violations: list[tuple[int, str, str]] = []
        self._checked: Counter[str] = Counter()
        self._sometimes: Counter[str] = Counter()
        self._faults: dict[str, Counter[str]] = {}
        self._worst: dict[str, float] = {}
        self._totals: Counter[str] = Counter()
        self._seconds = {"simulated": 0.0, "wall": 0.0}

    def add(self, outcome: Outcome) -> None:
        """Count one world."""
        ended = outcome.ended
        self._worlds += 1
        if not outcome.clean:
            what = outcome.findings[0].what if outcome.findings else ended.broke
            self._violations.append((outcome.seed, outcome.law, what))
        if ended.flat_s is not None:
            self.flat_s.append(ended.flat_s)
        self.resolved_s += outcome.resolved_s
        self._checked.update({law: int(checked) for law, checked in outcome.checked.items()})
        self._sometimes.update(outcome.sometimes)
        for kind, (struck, in_flight) in outcome.struck.items():
            row = self._faults.setdefault(kind, Counter())
            row.update({"worlds": 1, "struck": struck, "in flight": in_flight})
        for limit, share in outcome.worst.items():
            self._worst[limit] = max(share, self._worst.get(limit, 0.0))
        intended = ended.orders.get("intended", 0)
        self._totals.update({"fills": ended.fills, "orders": intended})
        self._seconds["simulated"] += ended.virtual_s
        self._seconds["wall"] += outcome.wall_s

    def summary(self) -> Summary:
        """All of it, in an order that is not the order in which worlds came."""
        clean = self._worlds and not self._violations
        return Summary(
            seeds=self._worlds,
            violations=sorted(self._violations),
            laws=self._laws(),
            faults=[self._fault(kind) for kind in sorted({*self._faults, *self._expected()})],
            sometimes={name: self._sometimes[name] for name in sorted(self._declared())},
            never=self._never(),
            flat_s=quantiles(self.flat_s),
            resolved=len(self.resolved_s),
            resolved_s=quantiles(self.resolved_s),
            worst=dict(sorted(self._worst.items())),
            fills=self._totals["fills"],
            orders=self._totals["orders"],
            simulated_s=self._seconds["simulated"],
            wall_s=self._seconds["wall"],
            bound=min(1.0, 3.0 / self._worlds) if clean else 1.0,
        )

    def _expected(self) -> Sequence[str]:
        return PROFILES.get(self._profile, ())

    def _declared(self) -> set[str]:
        if not self._worlds:
            return set()
        return {*_judged(), *self._sometimes}

    def _never(self) -> list[str]:
        never = [name for name in _judged() if not self._sometimes[name]]
        for kind in self._expected():
            row = self._faults.get(kind, Counter())
            if not row["struck"]:
                never.append(f"{kind} struck")
            elif not row["in flight"]:
                never.append(f"{kind} struck with an order in flight")
        return never

    def _laws(self) -> list[LawRow]:
        rows = []
        laws = {*self._checked, *(law for _, law, _ in self._violations)}
        for law in sorted(laws, key=_order):
            broken = [seed for seed, broken, _ in self._violations if broken == law]
            rows.append(
                LawRow(
                    law=law,
                    checked=self._checked[law],
                    violated=len(broken),
                    first_seed=min(broken, default=None),
                )
            )
        return rows

    def _fault(self, kind: str) -> FaultRow:
        row = self._faults.get(kind, Counter())
        return FaultRow(
            kind=kind,
            worlds=row["worlds"],
            struck=row["struck"],
            with_order_in_flight=row["in flight"],
        )


def summed(outcomes: Iterable[Outcome], profile: str = "") -> Summary:
    """Count everything."""
    tally = Tally(profile)
    for outcome in outcomes:
        tally.add(outcome)
    return tally.summary()


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """The median, the 95th of a hundred and the largest; zeros of nothing."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        name: ordered[min(last, int(share * len(ordered)))] if ordered else 0.0
        for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
    }


def _judged() -> list[str]:
    """What a judge would count, whether or not it ever happens."""
    return Judge(flat_within_ns=0, resolve_within_ns=0).sometimes.never()


def _order(law: str) -> tuple[int, str]:
    number = law.split(" ")[0][1:]
    return (int(number) if number.isdecimal() else 99, law)
