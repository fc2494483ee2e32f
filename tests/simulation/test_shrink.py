"""Making a failing world small: what is left still breaks, nothing of it can go, and the trials are few."""

from collections.abc import Callable, Sequence
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.errors import BadInput
from nightdesk.simulation import shrink as module
from nightdesk.simulation.campaign import SeedOptions, run_seed
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.shrink import SHORTEST_S, fewer, shorter_windows, shrink
from simulation import planted


def numbered(count: int) -> list[Fault]:
    return [Fault(kind="net.cut", at_s=float(n), for_s=8.0) for n in range(count)]


class Counted:
    """A predicate, how often it was asked, and what it last said yes to."""

    def __init__(self, test: Callable[[Sequence[Fault]], bool]) -> None:
        self.test = test
        self.calls = 0

    def __call__(self, faults: Sequence[Fault]) -> bool:
        self.calls += 1
        return self.test(faults)


@st.composite
def culprits(draw: st.DrawFn, least: int, most: int) -> tuple[list[Fault], set[float]]:
    """Faults, and those of them that together are the cause."""
    faults = numbered(draw(st.integers(max(1, most), 60)))
    wanted = st.sampled_from([fault.at_s for fault in faults])
    return faults, draw(st.sets(wanted, min_size=least, max_size=most))


@given(culprits(0, 3))
def test_only_the_cause_is_left_where_it_is_a_few_faults(
    case: tuple[list[Fault], set[float]],
) -> None:
    faults, cause = case
    breaks = Counted(lambda kept: cause <= {fault.at_s for fault in kept})
    left = fewer(faults, breaks)
    assert {fault.at_s for fault in left} == cause
    assert left == [fault for fault in faults if fault.at_s in cause]
    most = 4 * (len(cause) + 1) * (log2(len(faults)) + 4) + 2 * len(cause) ** 2
    assert breaks.calls <= most


@given(st.integers(1, 40), st.sets(st.frozensets(st.integers(0, 39), max_size=4), max_size=6))
def test_whatever_the_causes_none_of_what_is_left_can_go(
    count: int, causes: set[frozenset[int]]
) -> None:
    """Any of several causes is enough, as in a world that breaks in more than one way."""

    def breaks(kept: Sequence[Fault]) -> bool:
        left = {int(fault.at_s) for fault in kept}
        return any(cause <= left for cause in causes)

    faults = numbered(count)
    if not breaks(faults):
        return
    left = fewer(faults, breaks)
    assert breaks(left)
    assert not any(breaks(left[:n] + left[n + 1 :]) for n in range(len(left)))


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_cause_by_count_is_found_as_well(count: int, needed: int) -> None:
    left = fewer(numbered(count), lambda kept: len(kept) >= needed)
    assert len(left) == min(count, needed)


def test_what_cannot_go_is_kept_after_a_bounded_number_of_trials() -> None:
    breaks = Counted(lambda kept: len(kept) == 64)
    assert len(fewer(numbered(64), breaks)) == 64
    assert breaks.calls <= 2 * 64


@given(
    st.lists(st.floats(0, 600), max_size=12).map(lambda ends: [round(end, 6) for end in ends]),
    st.lists(st.floats(0, 600), min_size=12, max_size=12),
)
def test_windows_are_halved_while_it_breaks_and_never_more(
    lasts: list[float], needed: list[float]
) -> None:
    faults = [Fault(kind="net.cut", at_s=n, for_s=for_s) for n, for_s in enumerate(lasts)]
    enough = [min(need, fault.for_s) for need, fault in zip(needed, faults, strict=False)]
    breaks = Counted(lambda kept: all(f.for_s >= e for f, e in zip(kept, enough, strict=True)))
    left = shorter_windows(faults, breaks)
    assert breaks.test(left)
    for before, after, least in zip(faults, left, enough, strict=True):
        assert (after.kind, after.at_s) == (before.kind, before.at_s)
        assert after.for_s <= before.for_s
        assert after.for_s <= SHORTEST_S or round(after.for_s / 2, 6) < least
    assert breaks.calls <= len(faults) * (log2(600 / SHORTEST_S) + 2)


def test_what_does_not_last_stays() -> None:
    faults = [Fault(kind="net.reset", at_s=1.0), Fault(kind="net.cut", at_s=2.0, for_s=SHORTEST_S)]
    breaks = Counted(lambda kept: True)
    assert shorter_windows(faults, breaks) == faults
    assert breaks.calls == 0


class Told:
    """What a world comes to that breaks by one fault of a second and a half at seven, while BTC is traded."""

    def __init__(self, options: SeedOptions) -> None:
        cause = any(f.at_s == 7.0 and f.for_s >= 1.5 for f in options.faults or ())
        traded = not options.symbols or "BTCUSDT" in options.symbols
        self.law = "I1" if cause and traded and options.seconds >= 12 else "I4"


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> list[SeedOptions]:
    """The options of every world that was run."""
    ran: list[SeedOptions] = []

    def run_seed(seed: int, options: SeedOptions) -> Told:
        assert seed == 3
        ran.append(options)
        return Told(options)

    monkeypatch.setattr(module, "run_seed", run_seed)
    return ran


def test_a_world_is_shrunk_to_the_one_fault_that_breaks_it(worlds: list[SeedOptions]) -> None:
    told: list[int] = []
    options = SeedOptions(seconds=100.0)
    small = shrink(3, options, "I1", numbered(30), progress=told.append)
    assert small.faults == [Fault(kind="net.cut", at_s=7.0, for_s=2.0)]
    assert small.seconds == 12.5
    assert small.symbols == ["BTCUSDT"]
    assert small.finished
    assert told == list(range(1, small.runs + 1))
    assert small.runs == len(worlds) < 40


def test_what_stays_broken_after_the_heal_moves_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_seed(seed: int, options: SeedOptions) -> Told:
        told = Told(options)
        if not any(
            f.kind == "net.loss" and f.at_s == options.seconds + 0.001 for f in options.faults or ()
        ):
            told.law = ""
        return told

    monkeypatch.setattr(module, "run_seed", run_seed)
    stays = Fault(kind="net.loss", at_s=100.001, for_s=600.0, args={"percent": 5})
    small = shrink(3, SeedOptions(seconds=100.0), "I1", [*numbered(9), stays])
    assert small.seconds == 12.5
    assert [(f.kind, f.at_s) for f in small.faults] == [("net.cut", 7.0), ("net.loss", 12.501)]


def test_a_world_that_needs_every_symbol_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_seed(seed: int, options: SeedOptions) -> Told:
        told = Told(options)
        if options.symbols:
            told.law = ""
        return told

    monkeypatch.setattr(module, "run_seed", run_seed)
    assert shrink(3, SeedOptions(), "I1", numbered(9)).symbols == []


def test_a_strategy_that_cannot_do_without_an_instrument_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_seed(seed: int, options: SeedOptions) -> Told:
        if options.symbols:
            raise BadInput("needs both")
        return Told(options)

    monkeypatch.setattr(module, "run_seed", run_seed)
    assert shrink(3, SeedOptions(), "I1", numbered(9)).symbols == []


@pytest.mark.parametrize("runs", [0, 1, 3, 7])
def test_when_time_is_up_the_smallest_so_far_is_told(
    runs: int, worlds: list[SeedOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, *[1.0] * runs])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock, 99.0))
    small = shrink(3, SeedOptions(seconds=100.0), "I1", numbered(30), within_s=10.0)
    assert not small.finished
    assert small.runs == len(worlds) == runs
    left = SeedOptions(seconds=small.seconds, faults=tuple(small.faults))
    assert Told(left).law == "I1"


def test_a_real_world_is_shrunk_and_breaks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    planted.sent_before_it_is_durable(monkeypatch)
    options = SeedOptions(seconds=10.0)
    first = next(broken for seed in range(1, 9) if (broken := run_seed(seed, options)).law)
    small = shrink(first.seed, options, first.law, first.faults)
    narrow = SeedOptions(
        seconds=small.seconds, symbols=tuple(small.symbols), faults=tuple(small.faults)
    )
    assert small.faults == []  # it needs no fault
    assert small.seconds <= options.seconds
    assert run_seed(first.seed, narrow).law == first.law
