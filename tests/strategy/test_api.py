"""The guide and the API: every handler and every word of the context is explained, and nothing else is."""

import re
from pathlib import Path

import pytest

from nightdesk.strategy.api import Context, Strategy
from nightdesk.strategy.context import HostContext

GUIDE = (Path(__file__).parents[2] / "docs/how-to/write-a-strategy.md").read_text()
ROWS = re.findall(r"^\| `(\w+)(\(.*?\))?` \| (.+) \|$", GUIDE, flags=re.M)


def said(about: list[str]) -> set[str]:
    return {name for name, *_ in ROWS} & set(about)


def public(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


def test_every_handler_is_explained() -> None:
    fields = {"Params", "State", "params", "state", "state_version"}
    handlers = [name for name in public(Strategy) if name not in fields]
    assert said(handlers) == set(handlers)


def test_every_word_of_the_context_is_explained() -> None:
    assert said(public(Context)) == set(public(Context))


def test_nothing_is_explained_that_is_not_there() -> None:
    there = {*public(Strategy), *public(Context), "urgency"}  # a column's head
    assert {name for name, *_ in ROWS} <= there


@pytest.mark.parametrize("name", public(Context))
def test_the_context_of_a_host_is_one(name: str) -> None:
    assert hasattr(HostContext, name) or name in ("now", "random", "instruments", "orders")
