"""The report of many worlds, on the terminal and as one page."""

import re

import pytest

from nightdesk.cli.simulate_report import Ran, html_report, print_report
from nightdesk.simulation.campaign import SeedOptions
from nightdesk.simulation.tally import Tally
from simulation.test_campaign import a_finding, an_outcome

RAN = Ran(wanted=6, known=2, jobs=2, now=4, elapsed_s=8.0)
OPTIONS = SeedOptions(seconds=120.0)


def tally(*, broken: bool = False) -> Tally:
    made = Tally("slow-disk")
    for seed in range(6):
        findings = [a_finding("I2 <two>")] if broken and seed == 5 else []
        made.add(
            an_outcome(
                seed,
                flat_s=2.0 * seed,
                resolved_s=[0.005, 20.0 * seed],
                worst={"gross": seed / 10, "position": 0.25},
                struck={"disk.full": [10, seed], "machine.power": [1, 0]},
                findings=findings,
            )
        )
    return made


def told(capsys: pytest.CaptureFixture[str], made: Tally) -> str:
    print_report(made.summary(), OPTIONS, RAN)
    return re.sub(r"\s*\n", "\n", capsys.readouterr().out)


def test_the_terminal_tells_times_shares_and_pace(capsys: pytest.CaptureFixture[str]) -> None:
    text = re.sub(r"\s+", " ", told(capsys, tally()))
    assert "6 worlds of 2 minutes and a rest, profile slow-disk" not in text  # as it was asked for
    assert "6 worlds of 2 minutes and a rest, profile swarm: 30 orders, 18 fills" in text
    assert "12 orders were unknown, until resolved: p50 5 ms, p95 100.0 s, max 100.0 s" in text
    assert "largest share of a limit reached: gross 50.0%, position 25.0%" in text
    assert "120 worlds a minute and core" in text
    assert "30 a minute of wall over 2 jobs" in text


def test_kinds_that_never_struck_are_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, tally())
    assert re.search(r"^ disk\.full +6 +60 +15", text, re.MULTILINE)
    assert re.search(r"^ disk\.stall +0 +0 +0", text, re.MULTILINE)


def test_the_page_shows_the_same_and_what_was_never_met() -> None:
    page = html_report(tally(), OPTIONS, RAN)
    assert page.startswith("<!doctype html>")
    assert "prefers-color-scheme:dark" in page
    assert not re.search(r"https?:|//|<script|<link|<img|src=|href=", page)
    assert "<h1>clean</h1>" in page
    assert "12 orders were unknown" in page
    assert "<td>gross</td><td class=n>50.0%</td>" in page
    assert "<td>disk.full</td><td class=n>15 of 60</td>" in page
    assert "<td class=wide>disk.stall struck</td>" in page
    assert "<td>up to 100 s</td><td class=n>4</td>" in page


def test_bars_are_drawn_to_one_scale() -> None:
    page = html_report(tally(), OPTIONS, RAN)
    row = re.search(r"machine\.power.*?width:([\d.]+)%'><i style='width:([\d.]+)%", page)
    assert row is not None
    assert (row[1], row[2]) == ("10.0", "0.0")
    row = re.search(r"disk\.full.*?width:([\d.]+)%'><i style='width:([\d.]+)%", page)
    assert row is not None
    assert (row[1], row[2]) == ("100.0", "25.0")


def test_a_broken_law_comes_first_and_is_escaped() -> None:
    page = html_report(tally(broken=True), OPTIONS, RAN)
    assert "<h1 class=bad>1 worlds broke a law</h1>" in page
    assert page.index("<h2>Violations") < page.index("<h2>Laws")
    assert "<two>" not in page
    assert "I2 &lt;two&gt;" in page
