"""A replay writes what a person wants to read, and two of them are held side by side."""

import csv
import json
from pathlib import Path

import pytest

from cli.test_main import run
from nightdesk.node.practice import practice_text

pytestmark = pytest.mark.process
# What a replay says at its end and what it writes are one thing.
SAME = {"profit": "pnl", "realised": "pnl_realised", "unrealised": "pnl_unrealised"}
SAME |= {"fees": "fees_quote", "funding": "funding"}


def replay(out: Path, *arguments: str) -> dict[str, object]:
    done = run("replay", "--duration", "20", "--json", "--out", str(out), *arguments)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The same run twice, and another."""
    places = tuple(tmp_path_factory.mktemp("runs") / name for name in "abc")
    for place, seed in zip(places, ("3", "3", "4"), strict=True):
        told = replay(place, "--seed", seed)
        metrics = json.loads((place / "metrics.json").read_text())
        for name, other in SAME.items():
            assert float(str(told[other])) == pytest.approx(float(metrics[name])), name
    return places  # type: ignore[return-value]  # three of them


def made_of(row: dict[str, str]) -> float:
    """Profit, from its parts."""
    earned = (float(row[name]) for name in ("realised", "unrealised", "funding", "insurance"))
    return sum(earned) - float(row["fees"])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_everything_that_is_written_agrees(runs: tuple[Path, Path, Path]) -> None:
    place = runs[0]
    metrics = json.loads((place / "metrics.json").read_text())
    assert len(rows(place / "trades.csv")) == metrics["trades"] > 0
    assert len(rows(place / "orders.csv")) == metrics["orders"] > 0
    last = rows(place / "equity.csv")[-1]
    assert last["profit"] == metrics["profit"]
    assert made_of(last) == pytest.approx(float(last["profit"]))
    assert float(last["equity"]) == pytest.approx(
        float(metrics["start_equity"]) + float(last["profit"])
    )
    held = rows(place / "positions.csv")
    for name in ("profit", "realised", "fees", "funding"):
        assert sum(float(row[name]) for row in held) == pytest.approx(float(metrics[name])), name
    told = {**rows(place / "metrics.csv")[0]}
    assert told["profit"] == metrics["profit"]
    page = (place / "report.html").read_text()
    assert "<polyline" in page
    assert "http" not in page, "it needs nothing else"


def test_the_same_run_is_the_same(runs: tuple[Path, Path, Path]) -> None:
    one, again, _ = runs
    for name in ("trades.csv", "orders.csv", "equity.csv", "metrics.json", "report.html"):
        assert (one / name).read_bytes() == (again / name).read_bytes(), name
    done = run("compare", str(one), str(again))
    assert done.returncode == 0, done.stderr
    assert "0 are of one run only" in done.stderr


def test_another_run_is_told_decision_by_decision(runs: tuple[Path, Path, Path]) -> None:
    one, _, other = runs
    done = run("compare", str(one), str(other))
    assert done.returncode == 1
    assert "decisions of one run only" in done.stdout
    told = json.loads(run("compare", str(one), str(other), "--json").stdout)
    assert {each["only"] for each in told["differences"]} == {"A", "B"}
    assert told["metrics"]["A"]["orders"] > 0
    journals = [str(place / "journal" / "desk.journal") for place in (one, other)]
    assert json.loads(run("compare", *journals, "--json").stdout)["same"] == told["same"]


def test_a_folder_with_another_run_is_left_alone(runs: tuple[Path, Path, Path]) -> None:
    before = sorted(runs[0].iterdir())
    done = run("replay", "--duration", "1", "--out", str(runs[0]))
    assert done.returncode == 3
    assert "it is not empty" in done.stderr
    assert sorted(runs[0].iterdir()) == before


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("compare", str(tmp_path / "empty"), str(tmp_path / "none"))
    assert done.returncode == 3
    assert "none: no run" in done.stderr or "empty: no run" in done.stderr
    assert "--out DIR" in done.stderr
    assert "nightdesk up" not in done.stderr


def test_a_replay_that_fails_leaves_nothing_so_that_it_can_be_tried_again(tmp_path: Path) -> None:
    config, out = tmp_path / "desk.toml", tmp_path / "out"
    text = practice_text("http://127.0.0.1:1", ["BTCUSDT"])
    config.write_text(text.replace("examples.trend:Trend", "examples.nothing:Trend"))
    said = []
    for _ in range(2):
        done = run("replay", "--duration", "1", "--config", str(config), "--out", str(out))
        assert done.returncode != 0
        said.append(done.stderr)
    assert said[0] == said[1]
    assert "nothing" in said[0]
    assert list(out.iterdir()) == []


def test_a_generated_market_never_ends_by_itself() -> None:
    done = run("replay")
    assert done.returncode == 3
    assert "--duration" in done.stderr
