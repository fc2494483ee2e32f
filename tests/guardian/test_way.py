"""Where a guardian gets out of what: as a person would have typed it, with its own keys."""

from decimal import Decimal
from pathlib import Path

import pytest

from nightdesk.config.load import load
from nightdesk.emergency.decide import Verb
from nightdesk.guardian.way import Way, way_out
from nightdesk.model.errors import BadInput
from nightdesk.node.practice import practice_text

BOTH = "http://127.0.0.1:1"
GUARDIAN = """
[guardian]
policy = "{policy}"

[guardian.account.binance]
key = "file:own-key"
secret = "file:own-secret"
"""
BASELINE = '\n[baseline]\nBTC = "0.5"\n'


def way(folder: Path, policy: str, more: str = "", *, keys: bool = True) -> Way:
    for name in ("own-key", "own-secret") if keys else ():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(f"what is in {name}")
    text = practice_text(BOTH, ["BTCUSDT"]) + more + GUARDIAN.format(policy=policy)
    (folder / "desk.toml").write_text(text)
    return way_out(load(text, "desk.toml"), folder / "desk.toml")


@pytest.mark.parametrize(
    ("policy", "verb"), [("cancel", Verb.CANCEL_ALL), ("flatten", Verb.FLATTEN)]
)
def test_it_does_what_the_tool_does_to_what_the_desk_trades(
    tmp_path: Path, policy: str, verb: Verb
) -> None:
    found = way(tmp_path, policy, BASELINE)
    [(place, task)] = found.places
    assert (place.name, place.hosts, place.symbols) == ("binance", (BOTH,), ("BTCUSDT",))
    assert (task.verb, task.symbols, task.code) == (verb, ("BTCUSDT",), found.desk.code)
    assert (task.others, task.protective) == (False, False)
    assert task.baseline == {"BTC": Decimal("0.5")}
    assert found.desk.latch is not None
    assert found.desk.latch.parent == tmp_path


def test_what_would_keep_it_from_getting_out_is_told_at_its_start(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="how much is not the desk's to sell"):
        way(tmp_path, "flatten")
    assert way(tmp_path, "cancel").places


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="file:own-key"):
        way(tmp_path, "cancel", keys=False)
