"""The page about faults names every kind there is, and leaves none of its numbers without an answer."""

import re
from pathlib import Path

from nightdesk.simulation.faults import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
KIND = re.compile(r"`([a-z]+\.[a-z0-9_-]+)`")
REASONS = ("not yet", "not drawn", "in every world", "no fault of the venue")


def test_every_number_is_there_once() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert [int(number) for number, *_ in rows] == list(range(1, 79))


def test_every_row_has_a_kind_or_says_why_not() -> None:
    for number, _, answer in ROW.findall(PAGE.read_text()):
        assert KIND.findall(answer) or any(reason in answer for reason in REASONS), number


def test_every_kind_is_named_and_no_other() -> None:
    assert set(KIND.findall(PAGE.read_text())) == set(KINDS)
