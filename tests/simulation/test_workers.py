"""Worlds on several processes: the same outcomes, in whatever order, and none lost silently."""

import os
from pathlib import Path

import msgspec
import pytest

from nightdesk.cli.simulate_runs import options_of
from nightdesk.model.errors import BadInput
from nightdesk.simulation import workers
from nightdesk.simulation.campaign import Outcome, SeedOptions
from nightdesk.simulation.workers import WorkerLost, outcomes
from simulation.test_campaign import an_outcome

pytestmark = pytest.mark.process
TINY = SeedOptions(profile="swarm", seconds=6.0)


def told(seeds: range, jobs: int, options: SeedOptions = TINY) -> dict[int, Outcome]:
    found = outcomes(seeds, options, jobs=jobs, wall_s_max=60.0)
    return {o.seed: msgspec.structs.replace(o, wall_s=0.0) for o in found}


def test_several_processes_tell_what_one_does() -> None:
    assert told(range(5), jobs=2) == told(range(5), jobs=1)


def test_a_world_that_breaks_by_itself_is_a_failure_and_the_next_one_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_seed(seed: int, options: SeedOptions, *, wall_s_max: float) -> Outcome:
        if seed == 1:
            raise RuntimeError("a broken world")
        return an_outcome(seed)

    monkeypatch.setattr(workers, "run_seed", run_seed)
    found = told(range(3), jobs=1)
    assert [found[seed].clean for seed in range(3)] == [True, False, True]
    assert "RuntimeError('a broken world')" in found[1].what


def strategy(tmp_path: Path, body: str) -> SeedOptions:
    file = tmp_path / "mine.py"
    file.write_text(
        "import os\n\n"
        "from nightdesk.strategy.api import Strategy\n\n\n"
        "class Mine(Strategy):\n"
        "    def on_quote(self, ctx, quote):\n"
        f"        {body}\n"
    )
    return options_of("quiet", 0.1, None, f"{file}:Mine")


def test_a_process_that_is_killed_is_told_with_the_seeds_it_may_have_had(tmp_path: Path) -> None:
    options = strategy(tmp_path, "os._exit(9)")
    with pytest.raises(WorkerLost, match="in one of seeds 4, 5"):
        told(range(4, 6), 2, options)


def test_a_strategy_that_never_returns_fails_its_world_only(tmp_path: Path) -> None:
    options = strategy(tmp_path, "while True: pass")
    found = list(outcomes([1, 2], options, jobs=2, wall_s_max=5.0))
    assert sorted(outcome.seed for outcome in found) == [1, 2]
    assert {outcome.law for outcome in found} == {"every world ends"}
    assert all("mine.py" in outcome.what for outcome in found)


@pytest.mark.parametrize("jobs", [1, 2])
def test_options_that_are_none_end_it(jobs: int) -> None:
    with pytest.raises(BadInput, match="no profile"):
        told(range(2), jobs, SeedOptions(profile="nope"))


def test_closing_it_ends_its_processes() -> None:
    from multiprocessing import active_children
    from multiprocessing.connection import wait

    found = outcomes(range(100), TINY, jobs=2, wall_s_max=60.0)
    next(found)
    children = active_children()
    found.close()
    # By its sentinel: the pool's own thread reaps it too, and whoever comes second reads no exit code.
    assert [child.pid for child in children if not wait([child.sentinel], timeout=30)] == []
    assert os.getpid() not in [child.pid for child in children]
