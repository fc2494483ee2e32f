"""`nightdesk simulate` as a person types it: exit codes, tables and JSON, what is refused and why."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.test_main import run
from nightdesk.cli import simulate_runs
from nightdesk.node.practice import practice_text
from nightdesk.simulation import workers
from nightdesk.simulation.campaign import Outcome, SeedOptions
from simulation.test_campaign import a_finding, an_outcome

pytestmark = pytest.mark.process
TINY = ["--minutes", "0.1", "--profile", "quiet"]
MINE = """
from decimal import Decimal

from nightdesk.model.market import Quote
from nightdesk.strategy.api import Context, Strategy


class Mine(Strategy):
    def on_quote(self, ctx: Context, quote: Quote) -> None:
        ctx.target(quote.instrument, Decimal("0.01"))
"""


def simulate(*arguments: str) -> Any:
    return run("simulate", *arguments)


def refused(*arguments: str) -> str:
    """What is said of something that a person can mend; nothing of it is data."""
    done = simulate(*arguments)
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert done.stderr.lstrip().startswith("nightdesk: ")  # a bar that was shown leaves a line
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_clean_run_shows_every_law_and_what_it_proves() -> None:
    done = simulate("--seeds", "1,2", *TINY)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^ *(I\d+) .* (\d+) +(none)\s*$", done.stdout, re.MULTILINE)
    assert [law for law, *_ in rows] == [f"I{n}" for n in range(1, 15)]
    assert ("I1", "2", "none") in rows
    assert "2 worlds of 0.1 minutes" in done.stdout
    assert "it proves nothing about faults that were not drawn" in done.stdout
    assert "VIOLATION" not in done.stdout + done.stderr


def test_a_broken_law_ends_with_1_and_names_the_seed_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_seed(seed: int, options: SeedOptions, *, wall_s_max: float) -> Outcome:
        return an_outcome(seed, findings=[a_finding("I2 <two>")] if seed == 5 else [])

    monkeypatch.setattr(workers, "run_seed", run_seed)
    page = tmp_path / "report.html"
    for as_json in (False, True):
        code = simulate_runs.run_simulation(
            "4..6", SeedOptions(), jobs=1, as_json=as_json, report=page
        )
        assert code == 1
    out, err = capsys.readouterr()
    assert err.count("seed 5: I2 <two>: x-1 wrong") == 2
    assert json.loads(out.splitlines()[-1])["violations"] == [[5, "I2 <two>", "wrong"]]
    assert "no violation" not in out
    assert "1 worlds broke a law" in page.read_text()
    assert "<two>" not in page.read_text()


def test_json_and_a_report_of_several_processes(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = simulate(
        *("--seeds", "0..3", "--minutes", "0.2", "--jobs", "2", "--json", "--report", str(page))
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    told = json.loads(done.stdout)
    assert (told["seeds"], told["violations"], told["bound"]) == (4, [], 0.75)
    assert len(told["laws"]) == 14
    assert told["orders"] >= told["fills"] > 0
    assert told["faults"]
    text = page.read_text()
    assert f"report: {page}" in done.stderr.replace("\n", "")
    assert text.startswith("<!doctype html>")
    assert not re.search(r"https?:|//|<script|<link|<img|src=|href=", text)
    assert all(html.escape(law["law"]) in text for law in told["laws"])
    assert all(fault["kind"] in text for fault in told["faults"])


@pytest.mark.parametrize("seeds", ["x", "5..3", "1,,2", "1.5"])
def test_seeds_that_are_none_are_refused_with_what_to_write(seeds: str) -> None:
    said = refused("--seeds", seeds, *TINY)
    assert f"--seeds {seeds!r}" in said
    assert "0..199, 7 or 1,5,9" in said


def test_a_profile_that_there_is_not_is_refused_with_those_there_are() -> None:
    said = refused("--seeds", "1", "--profile", "nope")
    assert "no profile 'nope'; there are swarm, outage, flash-crash" in said
    assert "quiet" in said


@pytest.mark.parametrize("arguments", [["--nope"], ["--jobs", "0"], ["repro"], ["repro", "x"]])
def test_what_is_mistyped_is_a_usage_error(arguments: list[str]) -> None:
    done = simulate(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_world_is_run_again_with_everything_that_was_said_in_it() -> None:
    twice = [simulate("repro", "3", "--minutes", "0.2", "--trace") for _ in range(2)]
    assert twice[0].stdout == twice[1].stdout
    assert twice[0].returncode == 0
    lines = twice[0].stdout.splitlines()
    assert len(lines) > 100
    assert all(re.match(r" *\d+\.\d{6} \S+ ", line) for line in lines)
    assert any("sends place" in line for line in lines)
    assert re.fullmatch(r"seed 3: clean; flat [\d.]+ s after the faults ended\n", twice[0].stderr)


def test_without_a_trace_a_repro_says_one_line() -> None:
    done = simulate("repro", "3", *TINY)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("seed 3: clean")


def test_a_strategy_that_reaches_out_is_refused_with_file_line_and_what_to_use(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"import time\n{MINE}\n\ndef f():\n    from random import random\n")
    said = refused("--seeds", "1", *TINY, "--strategy", f"{file}:Mine")
    assert f"{file}:1: import time: use ctx.now" in said
    line = file.read_text().splitlines().index("    from random import random") + 1
    assert f"{file}:{line}: from random import random: use ctx.random" in said


def test_the_strategies_of_a_desk_of_ones_own_are_read_too(tmp_path: Path) -> None:
    text = practice_text("http://lab", ["BTCUSDT"]).partition("[[strategy]]")[0]
    text += (
        '[[strategy]]\nname = "mine"\nclass = "mine.py:Mine"\ninstruments = ["binance:BTCUSDT"]\n'
    )
    (tmp_path / "desk.toml").write_text(text)
    (tmp_path / "mine.py").write_text(f"import time\n{MINE}")
    said = refused("--seeds", "1", *TINY, "--config", str(tmp_path / "desk.toml"))
    assert f"{tmp_path / 'mine.py'}:1: import time: use ctx.now" in said
    (tmp_path / "mine.py").write_text(MINE)
    done = simulate("--seeds", "1", *TINY, "--config", str(tmp_path / "desk.toml"))
    assert done.returncode == 0, done.stderr


def test_a_users_strategy_trades_in_a_world(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    done = simulate("--seeds", "1", *TINY, "--strategy", f"{file}:Mine", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fills"] >= 2


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        ("gone.py:Mine", "nightdesk new strategy gone"),
        ("broken.py:Mine", "broken.py: "),
        ("mine.py:Nope", "mine.py has no subclass Nope of"),
        ("mine.py", "mine.py:Class"),
    ],
)
def test_a_strategy_that_is_none_is_refused(strategy: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "broken.py").write_text("def (")
    assert says in refused("--seeds", "1", *TINY, "--strategy", f"{tmp_path}/{strategy}")


def test_a_world_that_breaks_no_law_is_not_shrunk() -> None:
    done = simulate("shrink", "1", *TINY)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "nothing to shrink" in done.stderr


def test_a_world_is_explained_with_its_faults_its_end_and_a_control() -> None:
    done = simulate("explain", "2", "--minutes", "0.2")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^ *\d+\.\d{3} s (venue|net|disk|process|stream)\.", done.stdout, re.MULTILINE
    )
    assert "without any fault: clean" in done.stdout


SCENARIO = """
seed = 5
seconds = 8.0

[[faults]]
kind = "{kind}"
at_s = 3.0
for_s = 1.0
"""


def test_a_scenario_of_ones_own_is_run(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text(SCENARIO.format(kind="net.cut"))
    done = simulate("--scenario", str(tmp_path / "world.toml"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().startswith("seed 5: clean")
    assert done.stdout == ""


def test_a_scenario_is_told_as_any_other_worlds_are(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text(SCENARIO.format(kind="net.cut"))
    page, lines = tmp_path / "worlds.html", tmp_path / "worlds.jsonl"
    asked = ("--scenario", str(tmp_path / "world.toml"), "--json", "--report", str(page))
    done = simulate(*asked, "--keep", str(lines))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    struck = {row["kind"]: row["struck"] for row in told["faults"] if row["struck"]}
    assert (told["seeds"], struck) == (1, {"net.cut": 1})
    assert page.exists()
    again = simulate(*asked, "--keep", str(lines))
    assert "going on: 1 of 1 worlds are done already" in again.stderr
    other = simulate("--seeds", "5", *TINY, "--json", "--keep", str(lines))
    assert "1 lines are of other options" in other.stderr


def test_a_scenario_brings_its_own_strategy_found_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "world.toml").write_text(
        'strategy = "mine.py:Mine"' + SCENARIO.format(kind="net.cut")
    )
    done = simulate("--scenario", str(tmp_path / "world.toml"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fills"] >= 2
    (tmp_path / "mine.py").write_text("import time\n" + MINE)
    assert "mine.py:1" in refused("--scenario", str(tmp_path / "world.toml"))


def test_a_strategy_alone_and_another_desk_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text("")
    asked = ("--config", str(tmp_path / "desk.toml"), "--strategy", "mine.py:Mine")
    assert "leave one of the two out" in refused("--seeds", "1", *TINY, *asked)


@pytest.mark.parametrize(("text", "says"), [(None, "No such file"), ("seed = ", "world.toml: ")])
def test_a_scenario_that_is_none_is_refused(text: str | None, says: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "world.toml").write_text(text)
    assert says in refused("--scenario", str(tmp_path / "world.toml"))


def test_a_scenario_with_a_kind_that_there_is_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text(SCENARIO.format(kind="nope.cut"))
    assert "nope.cut" in refused("--scenario", str(tmp_path / "world.toml"))


def test_a_scenario_with_a_fault_that_lacks_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text(SCENARIO.format(kind="net.latency"))
    assert "ms" in refused("--scenario", str(tmp_path / "world.toml"))


@pytest.mark.parametrize("minutes", ["-1", "0", "nan"])
def test_worlds_of_no_time_are_refused(minutes: str) -> None:
    done = simulate("--seeds", "1", "--profile", "quiet", "--minutes", minutes)
    assert done.returncode in (2, 3)


def test_the_bound_that_is_told_is_at_most_everything() -> None:
    done = simulate("--seeds", "1", *TINY, "--json")
    assert json.loads(done.stdout)["bound"] <= 1


def test_a_report_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    done = simulate("--seeds", "1", *TINY, "--report", str(tmp_path / "no" / "report.html"))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
