"""The parts of a config that can be read, whatever is wrong with the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.emergency.reading import table, text, texts, tree_of, whole

BROKEN = """\
[desk]
name = "night"

[limits
order = = 3

[venue.spot]
kind = "binance-spot"
links = [
  "a",
  "b",
]

[venue.spot.account]
key = "env:K"

[[instrument]]
id = "spot:BTCUSDT"

[[instrument]]
id = unquoted

[[instrument]]
id = "spot:ETHUSDT"

[baseline]
BTC = "1" # kept
"""


def test_a_whole_file_is_read_as_it_is() -> None:
    tree, left_out = tree_of('[desk]\nname = "night"\n')
    assert (text(table(tree, "desk"), "name"), left_out) == ("night", [])


def test_of_a_broken_file_each_table_is_read_by_itself() -> None:
    tree, left_out = tree_of(BROKEN)
    assert text(table(tree, "desk"), "name") == "night"
    assert text(table(tree, "venue", "spot"), "kind") == "binance-spot"
    assert texts(table(tree, "venue", "spot"), "links") == ("a", "b")
    assert text(table(tree, "venue", "spot", "account"), "key") == "env:K"
    assert [each["id"] for each in tree["instrument"]] == ["spot:BTCUSDT", "spot:ETHUSDT"]
    assert table(tree, "baseline") == {"BTC": "1"}
    assert any("line 4 " in each for each in left_out)
    assert any("line 20 " in each for each in left_out)


@given(st.text())
def test_any_text_is_read_as_far_as_it_goes(anything: str) -> None:
    tree_of(anything)


def test_what_is_not_there_or_of_another_kind_is_empty() -> None:
    tree, _ = tree_of('a = 3\nb = ["x", 4]\nc = true\n[d]\n')
    assert table(tree, "a") == {}
    assert table(tree, "d", "e") == {}
    assert text(tree, "a") == ""
    assert texts(tree, "b") == ("x",)
    assert texts(tree, "a") == ()


@pytest.mark.parametrize(
    ("name", "found"), [("good", 7), ("none", 5), ("yes", 5), ("less", 5), ("more", 5)]
)
def test_a_number_that_cannot_be_meant_is_the_usual_one(name: str, found: int) -> None:
    tree, _ = tree_of("good = 7\nyes = true\nless = -1\nmore = 11\n")
    assert whole(tree, name, 5, 10) == found
