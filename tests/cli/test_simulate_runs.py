"""Many worlds as a person runs them: interrupted and gone on with, gated, left when one never ends."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.test_main import NIGHTDESK
from cli.test_simulate import TINY, refused, simulate
from nightdesk.audit.sometimes import DECLARED
from nightdesk.cli import simulate_runs
from nightdesk.simulation import workers
from nightdesk.simulation.campaign import Outcome, SeedOptions
from nightdesk.simulation.faults import KINDS
from simulation.test_campaign import a_finding, an_outcome

pytestmark = pytest.mark.process


def lines_of(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def comparable(told: str) -> dict[str, object]:
    return {
        name: value for name, value in json.loads(told).items() if name not in ("wall_s", "run")
    }


def test_a_run_goes_on_where_it_was_and_says_what_one_run_would_have(tmp_path: Path) -> None:
    keep = tmp_path / "worlds.jsonl"
    options = ["--minutes", "0.1", "--json"]
    first = simulate("--seeds", "0..2", *options, "--keep", str(keep))
    whole = simulate("--seeds", "0..4", *options, "--keep", str(keep), "--jobs", "2")
    assert (first.returncode, whole.returncode) == (0, 0), whole.stderr
    assert "going on: 3 of 5 worlds are done already" in whole.stderr
    assert sorted(line["seed"] for line in lines_of(keep)) == [0, 1, 2, 3, 4]  # type: ignore[type-var]
    at_once = simulate("--seeds", "0..4", *options)
    told = json.loads(whole.stdout)["run"]
    assert (told["wanted"], told["known"], told["now"], told["jobs"]) == (5, 3, 2, 2)
    assert told["a_minute"] > 0
    assert comparable(whole.stdout) == comparable(at_once.stdout)
    before = keep.read_bytes()
    again = simulate("--seeds", "0..4", *options, "--keep", str(keep))
    assert comparable(again.stdout) == comparable(at_once.stdout)
    assert keep.read_bytes() == before


def test_what_does_not_count_is_told_and_stays(tmp_path: Path) -> None:
    keep = tmp_path / "worlds.jsonl"
    assert simulate("--seeds", "1", *TINY, "--keep", str(keep)).returncode == 0
    other = keep.read_bytes()
    keep.write_bytes(other + b'{"seed":2,"cle')
    done = simulate("--seeds", "1", "--minutes", "0.2", "--profile", "quiet", "--keep", str(keep))
    assert "the last line was never finished: 14 bytes dropped" in done.stderr
    assert "1 lines are of other options or another version: kept, not counted" in done.stderr
    assert "1 worlds of 0.2 minutes" in done.stdout
    assert keep.read_bytes().startswith(other + b'{"seed":1,')


def test_a_kept_failure_still_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[int] = []

    def run_seed(seed: int, options: SeedOptions, *, wall_s_max: float) -> Outcome:
        ran.append(seed)
        return an_outcome(seed, findings=[a_finding("I2")] if seed == 5 else [])

    monkeypatch.setattr(workers, "run_seed", run_seed)
    for _ in range(2):
        code = simulate_runs.run_simulation("4..6", SeedOptions(), keep=tmp_path / "k")
        assert code == 1
        assert "seed 5: I2: x-1 wrong" in capsys.readouterr().err
    assert ran == [4, 5, 6]


def interrupted(
    arguments: list[str], keep: Path, stop: Callable[[int], None]
) -> tuple[int, str, str]:
    """What a run says that is stopped after two worlds, when the last of its processes has ended."""
    with subprocess.Popen(
        [*NIGHTDESK, "simulate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
    ) as process:
        while not keep.exists() or keep.read_bytes().count(b"\n") < 2:
            assert process.poll() is None
            time.sleep(0.01)
        stop(process.pid)
        # Its workers hold these pipes too: they end when the last of them has ended.
        out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def ctrl_c(pid: int) -> None:
    """Every process of the terminal hears it."""
    os.killpg(pid, signal.SIGINT)


def terminate(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("stop", [ctrl_c, terminate])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_that_is_stopped_ends_with_what_is_done(
    jobs: str, stop: Callable[[int], None], tmp_path: Path
) -> None:
    keep = tmp_path / "worlds.jsonl"
    arguments = ["--seeds", "0..9999", "--minutes", "0.1", "--jobs", jobs, "--keep", str(keep)]
    # A shell's background job is deaf to it, and so would its children be.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        returncode, out, err = interrupted(arguments, keep, stop)
    finally:
        signal.signal(signal.SIGINT, before)
    done = len(lines_of(keep))
    assert returncode == 130
    told = re.search(rf"interrupted after (\d+) of 10000 worlds; the same .* from {keep}", err)
    assert told is not None, err
    assert done - 1 <= int(told[1]) <= done  # one may just have been written
    assert f"{told[1]} worlds of 0.1 minutes" in out
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert "was destroyed" not in err


def test_what_was_never_met_fails_where_that_was_asked_for() -> None:
    lax = simulate("--seeds", "1", "--minutes", "0.1")
    strict = simulate("--seeds", "1", "--minutes", "0.1", "--all-sometimes")
    assert (lax.returncode, strict.returncode) == (0, 1)
    assert "never met" not in lax.stderr
    never = re.findall(r"^never met in 1 worlds: (.+)$", strict.stderr, re.MULTILINE)
    assert len(never) > 20
    assert {name.removesuffix(" struck") for name in never} & set(KINDS)
    assert set(DECLARED) & set(never)


def test_a_world_that_never_ends_fails_with_its_seed(tmp_path: Path) -> None:
    done = simulate("--seeds", "1", "--minutes", "600", "--world-timeout", "0.5")
    assert done.returncode == 1
    assert "seed 1: every world ends: not over after 0.5 s of wall time" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "was destroyed" not in done.stderr


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n")
    said = refused("--seeds", "1", *TINY, "--keep", str(tmp_path / "notes.md"))
    assert "notes.md:1: not a world" in said


def test_a_soak_tells_every_slice_and_is_not_run_twice(tmp_path: Path) -> None:
    keep = tmp_path / "soak.jsonl"
    soak = ["soak", "--days", "0.02", "--slice-hours", "0.1", "--keep", str(keep)]
    done = simulate(*soak)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^day +0\.\d+ +\d+ orders", done.stdout, re.MULTILINE)) == 5
    assert "the journal itself grows by" in done.stdout
    assert ["ended" in line for line in lines_of(keep)] == [False] * 5 + [True]
    again = simulate(*soak, "--json")
    assert "this soak has ended before" in again.stderr
    assert json.loads(again.stdout)["orders"] > 10
    assert len(lines_of(keep)) == 6
    keep.write_bytes(keep.read_bytes()[:-5])  # its end was never written: it is run again
    assert simulate(*soak).returncode == 0
    assert ["ended" in line for line in lines_of(keep)] == [False] * 10 + [True]
