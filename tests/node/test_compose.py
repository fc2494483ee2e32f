"""What a strategy that cannot be loaded is told to do about it, and which hosts a venue has."""

import sys
from pathlib import Path

import msgspec
import pytest

from nightdesk.config.load import load
from nightdesk.config.venue import Venue
from nightdesk.model.errors import BadInput
from nightdesk.node.compose import endpoints_of, load_strategy
from nightdesk.node.practice import practice_text
from nightdesk.venues.binance_spot import BinanceSpot


@pytest.mark.parametrize(
    ("where", "then"),
    [
        ("counts.py:Counts", r"it comes with: pip install 'nightdesk\[indicators\]'"),
        ("other.py:Other", "install it where nightdesk is installed, or mend the import"),
        ("no_such_package.mine:Mine", "write class as package.module:Class"),
    ],
)
def test_a_module_that_is_missing_is_told_with_what_brings_it(
    where: str, then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)  # as where it is not installed
    (tmp_path / "counts.py").write_text("import numpy\n")
    (tmp_path / "other.py").write_text("import no_such_module\n")
    with pytest.raises(BadInput, match=then):
        load_strategy(where, tmp_path)


PRACTICE = practice_text("http://127.0.0.1:1", ["BTCUSDT"])


def venue_of(text: str) -> Venue:
    (venue,) = load(text, "x").venue.values()
    return venue


def without_addresses(preset: str = "") -> Venue:
    kept = [
        line for line in PRACTICE.splitlines() if not line.startswith(("rest", "stream", "priv"))
    ]
    kind = 'kind = "binance-spot"'
    return venue_of("\n".join(kept).replace(kind, kind + preset))


def test_a_venue_has_the_hosts_of_its_config_or_else_all_that_take_real_orders() -> None:
    every = ("https://api.binance.com", *BinanceSpot.capabilities.alternates)
    assert endpoints_of("binance", without_addresses()).rest == every
    assert len(every) == 6
    assert endpoints_of("binance", without_addresses('\npreset = "production"')).rest == every
    (only,) = endpoints_of("binance", without_addresses('\npreset = "testnet"')).rest
    assert only == "https://testnet.binance.vision"
    assert endpoints_of("binance", venue_of(PRACTICE)).rest == ("http://127.0.0.1:1",)
    two = PRACTICE.replace(
        '"http://127.0.0.1:1"', '["http://127.0.0.1:1", "http://127.0.0.1:2"]', 1
    )
    assert endpoints_of("binance", venue_of(two)).rest == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
    )


def test_signatures_that_hold_for_one_host_go_to_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = msgspec.structs.replace(BinanceSpot.capabilities, host_signed=True)
    monkeypatch.setattr(BinanceSpot, "capabilities", bound)
    with pytest.raises(BadInput, match=r"\[venue.mine\]: its signatures hold for one host"):
        endpoints_of("mine", without_addresses())
