"""The guide and the API: every handler and every word of the context is explained, and nothing else is."""

import re
from pathlib import Path
from random import Random

import pytest

from nightdesk.strategy.api import Context, Sight, Strategy
from nightdesk.strategy.context import HostContext, HostSight

GUIDE = (Path(__file__).parents[2] / "docs/how-to/write-a-strategy.md").read_text()
ROWS = re.findall(r"^\| `(\w+)(\(.*?\))?` \| (.+) \|$", GUIDE, flags=re.M)


def said(about: list[str]) -> set[str]:
    return {name for name, *_ in ROWS} & set(about)


def public(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


CONTEXT = [*public(Sight), *public(Context)]


def test_every_handler_is_explained() -> None:
    fields = {"Params", "State", "params", "state", "state_version"}
    handlers = [name for name in public(Strategy) if name not in fields]
    assert said(handlers) == set(handlers)


def test_every_word_of_the_context_is_explained() -> None:
    assert said(CONTEXT) == set(CONTEXT)


def test_nothing_is_explained_that_is_not_there() -> None:
    there = {*public(Strategy), *CONTEXT, "urgency"}  # a column's head
    assert {name for name, *_ in ROWS} <= there


@pytest.mark.parametrize("name", CONTEXT)
def test_the_context_of_a_host_is_one(name: str) -> None:
    assert hasattr(HostContext, name) or name in ("now", "random", "instruments", "orders")


def test_a_sight_has_the_market_and_no_way_to_wish() -> None:
    sight = HostSight(HostContext({}, Random(1)))
    assert {name for name in dir(sight) if not name.startswith("_")} == set(public(Sight))
