"""What is written works: by the processes that its reader would start."""

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.test_main import NIGHTDESK, run
from nightdesk.cli.main import app
from nightdesk.config.load import load
from nightdesk.model.errors import BadInput
from nightdesk.node.purity import reaches_of
from nightdesk.strategy.api import Strategy

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[3]


def folder_of(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def _traded(config: str, within_s: float = 120) -> Any:
    """The desk's sample once it has a fill."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        done = run("status", "--config", config, "--json")
        if done.returncode == 0 and json.loads(done.stdout)["fills"]:
            return json.loads(done.stdout)
    raise AssertionError(f"it never traded: {done.stdout}{done.stderr}")


def test_init_writes_a_desk_that_runs_at_once_and_commands_find_it() -> None:
    with TemporaryDirectory(prefix="nd") as place:  # pytest's own paths are too long for a socket
        folder = Path(place) / "mine"
        made = run("init", str(folder))
        assert made.returncode == 0, made.stderr
        assert made.stdout.split() == [
            str(folder / name) for name in ("desk.toml", "dip.py", "test_dip.py")
        ]
        config = str(folder / "desk.toml")
        assert f"\n  nightdesk up --config {config} " in made.stderr
        running = subprocess.Popen(
            [*NIGHTDESK, "up", "--config", config, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert _traded(config)["desk"] == "desk"
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
        assert running.returncode == 0, err
        result = json.loads(out)
        assert result["fills"] >= 1
        assert result["findings"] == []
        (audit,) = re.findall(r"nightdesk (audit --journal \S+ --venue-log \S+)", err)
        judged = run(*audit.split(), "--json")
        assert (judged.returncode, json.loads(judged.stdout)["clean"]) == (0, True), judged.stderr
        assert folder_of(folder) == ["desk.toml", "dip.py", "practice", "test_dip.py"]
        assert (folder / "desk.toml").read_text().startswith("# A desk")
        assert run("journal", "verify", str(folder / "practice" / "desk.journal")).returncode == 0
        rows = json.loads(run("doctor", "--config", config, "--json").stdout)
        assert {row["result"] for row in rows} <= {"ok", "skipped"}


def test_init_for_the_real_venue_can_be_played_without_keys(tmp_path: Path) -> None:
    arguments = ["--venue", "binance-spot", "--symbol", "ETHUSDT", "--size", "0.1"]
    made = run("init", str(tmp_path), *arguments, "--strategy", "fade")
    assert made.returncode == 0, made.stderr
    tree = tomllib.loads((tmp_path / "desk.toml").read_text())
    assert tree["venue"]["binance"]["account"] == {
        "key": "env:BINANCE_KEY",
        "secret": "env:BINANCE_SECRET",
    }
    assert tree["venue"]["binance"]["read_lag_ms"] == 5000
    assert tree["limits"]["order_qty_max"] == "0.2"
    (command,) = re.findall(r"nightdesk (up .* --duration \d+)", made.stderr)
    done = run(*command.split(), "--json", timeout_s=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fills"] > 0
    real = run("up", "--config", str(tmp_path / "desk.toml"), BINANCE_KEY="", BINANCE_SECRET="")
    assert (real.returncode, "export BINANCE_KEY=" in real.stderr) == (3, True)


@pytest.mark.parametrize(
    ("venue", "symbol", "first", "last"),
    [
        ("binance-spot", "BTCUSDT", "--speed max --duration 600", "--live FINGERPRINT"),
        ("binance-usdm", "FILUSDT", "--paper", "--live FINGERPRINT"),
    ],
)
def test_what_init_says_comes_next_is_not_refused_for_its_options(
    venue: str, symbol: str, first: str, last: str, tmp_path: Path
) -> None:
    told = CliRunner().invoke(app, ["init", str(tmp_path), "--venue", venue, "--symbol", symbol])
    lines = [line.partition("    #")[0] for line in told.stderr.splitlines() if "#" in line]
    assert lines[0].endswith(f"desk.toml {first}")
    assert lines[-1].endswith(f"desk.toml {last}")


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_a_symbol_that_no_lab_has_is_sent_to_the_real_venue_of_its_kind(
    kind: str, tmp_path: Path
) -> None:
    practice = {"spot": "practice", "usdm": "practice-usdm"}[kind]
    done = CliRunner().invoke(
        app, ["init", str(tmp_path), "--venue", practice, "--symbol", "FILUSDT"]
    )
    assert isinstance(done.exception, BadInput)
    assert str(done.exception).endswith(f"others with --venue binance-{kind}")


def test_init_with_both_markets_trades_on_both_at_the_practice_exchange(tmp_path: Path) -> None:
    both = ["--venue", "practice", "--venue", "practice-usdm"]
    assert run("init", str(tmp_path), *both).returncode == 0
    config = ["--config", str(tmp_path / "desk.toml")]
    done = run("up", *config, "--speed", "max", "--duration", "900", "--json", timeout_s=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["findings"] == []
    for instrument in ("binance:BTCUSDT", "usdm:BTCUSDT"):
        assert result["worst_exposure"][f"position {instrument}"]["worst"] != "0"


def test_every_commented_key_of_a_written_config_may_be_switched_on(tmp_path: Path) -> None:
    for venues in (
        ["practice"],
        ["binance-spot"],
        ["practice", "practice-usdm"],
        ["binance-spot", "binance-usdm"],
    ):
        named = [part for venue in venues for part in ("--venue", venue)]
        folder = tmp_path / "-".join(venues)
        assert run("init", str(folder), *named).returncode == 0
        text = (folder / "desk.toml").read_text()
        on = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
        assert on.count("# ") < text.count("# ")
        config = load(on, "x")
        assert str(config.instrument[-1].limits.position_max) == "4"
        assert len(config.instrument) == len(venues)


def test_a_new_strategy_is_whole_pure_and_clean_and_its_own_test_passes(tmp_path: Path) -> None:
    made = run("new", "strategy", "mean_rev", "--folder", str(tmp_path))
    assert made.returncode == 0, made.stderr
    file, test = tmp_path / "mean_rev.py", tmp_path / "test_mean_rev.py"
    assert made.stdout.split() == [str(file), str(test)]
    simulate, check = (
        line.strip().partition("  ")[0] for line in made.stderr.splitlines() if "#" in line
    )
    assert simulate == f"nightdesk simulate --strategy {file}:MeanRev --seeds 0..9"
    done = run(*simulate.split()[1:4], "--seeds", "0..2", "--minutes", "0.2")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(run(*simulate.split()[1:4], "--seeds", "0..2", "--json").stdout)
    judged = {row["law"]: row["checked"] for row in told["laws"]}
    assert judged["I1 no duplicate exposure"] > 0, "it trades in the worlds of its own test"
    own = subprocess.run(check.split(), capture_output=True, text=True, check=False)
    assert (own.returncode, "Ran 4 tests" in own.stderr) == (0, True), own.stderr
    assert reaches_of(file) == []
    for handler in (name for name in vars(Strategy) if name.startswith("on_")):
        assert f"    def {handler}(" in file.read_text()
    assert "idea" not in (file.read_text() + test.read_text()).lower()


@pytest.mark.parametrize("name", ["a", "very_long_name_of_a_strategy_32_ch"[:32]])
def test_what_is_written_keeps_the_projects_own_rules(name: str, tmp_path: Path) -> None:
    assert run("new", "strategy", name, "--folder", str(tmp_path)).returncode == 0
    ruff = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml")]
    ruff += ["--ignore", "PT009", str(tmp_path)]  # its test runs where no pytest is installed
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("there", ["desk.toml", "dip.py", "test_dip.py"])
def test_nothing_is_overwritten_and_nothing_half_written(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("mine")
    done = run("init", str(tmp_path))
    assert done.returncode == 3
    assert str(tmp_path / there) in done.stderr
    assert "move it away, or choose another folder: nightdesk init" in done.stderr
    assert folder_of(tmp_path) == [there]
    assert (tmp_path / there).read_text() == "mine"


REFUSED = [
    (["new", "strategy", "my-idea"], "like my_idea"),
    (["new", "strategy", "2fast"], "like fast"),
    (["new", "strategy", "class"], "no word of Python's own"),
    (["new", "strategy", "../x"], "letters, digits and _"),
    (["new", "strategy", "_"], "letters, digits and _"),
    (["new", "strategy", "json"], "like my_json"),
    (["new", "strategy", "quote"], "like my_quote"),
    (["new", "strategy", "strategy"], "like my_strategy"),
    (["new", "strategy", "x" * 33], "at most 32"),
    (["init", "--venue", "kraken"], "practice or binance-spot"),
    (["init", "--venue", "practice", "--venue", "binance-usdm"], "stands alone"),
    (["init", "--symbol", "DOGEUSDT"], "lists BTCUSDT, ETHUSDT; others with --venue binance-spot"),
    (["init", "--symbol", "btc/usdt"], "like BTCUSDT"),
    (["init", "--size", "0"], "--size '0': an amount above 0"),
    (["init", "--order-max", "lots"], "--order-max 'lots': an amount above 0"),
    (["init", "--strategy", "operator"], "like my_operator"),
    (["init", "--interactive"], "leave it out, every answer is an option"),
    (["init", "/proc/none"], "choose another folder: nightdesk init"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_an_answer_that_cannot_be_used_is_told_with_one_that_can(
    arguments: Sequence[str], said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*NIGHTDESK, *arguments],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert folder_of(tmp_path) == []


def test_on_a_terminal_it_asks_and_return_keeps_what_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightdesk.cli.starter.write._on_terminal", lambda: True)
    done = CliRunner().invoke(
        app, ["init", str(tmp_path), "--interactive"], input="\nbtcusdt ethusdt\n0.5\n\n90000\n\n"
    )
    assert done.exit_code == 0, done.output
    config = load((tmp_path / "desk.toml").read_text(), "x")
    assert [i.id for i in config.instrument] == ["binance:BTCUSDT", "binance:ETHUSDT"]
    limits = config.limits
    assert [str(limits.order_qty_max), str(limits.order_notional_max)] == ["1.0", "5000"]
    assert str(limits.gross_max) == "90000"


def test_an_answer_that_cannot_be_used_is_asked_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightdesk.cli.starter.write._on_terminal", lambda: True)
    typed = [
        "kraken",
        "binance-usdm",
        "b-t-c",
        "filusdt",
        "lots",
        "3",
        "",
        "0",
        "900",
        "class",
        "fade",
    ]
    done = CliRunner().invoke(
        app, ["init", str(tmp_path), "--interactive"], input="".join(f"{line}\n" for line in typed)
    )
    assert done.exit_code == 0, done.output
    config = load((tmp_path / "desk.toml").read_text(), "x")
    assert [i.id for i in config.instrument] == ["usdm:FILUSDT"]
    assert str(config.limits.gross_max) == "900"
    assert (tmp_path / "fade.py").exists()
    assert done.stderr.count("Error: ") == 5, done.stderr
