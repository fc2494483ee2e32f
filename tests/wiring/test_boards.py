"""Which processes share a board: those with the same address, or with the same key."""

import os
from pathlib import Path

import pytest

from nightdesk.adapters.boards import FileBoard
from nightdesk.config.load import load
from nightdesk.config.venue import Account, Venue
from nightdesk.node.practice import practice_text
from nightdesk.ports.boards import Allowance
from nightdesk.venues.binance_costs import SPOT_LIMITS
from nightdesk.wiring.boards import allowance_of, boards_path, close_boards

REST = "https://api.example.com"


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONE", "OTHER"):
        monkeypatch.setenv(name, f"the key {name}")


def made(folder: Path, rest: str = REST, key: str = "ONE", **budget: int) -> Allowance:
    account = Account(key=f"env:{key}", secret=f"env:{key}")
    there = {"rest": rest, "stream": "wss://s", "private": "wss://p"}
    venue = Venue(kind="binance-spot", account=account, budget=budget, **there)  # type: ignore[arg-type]
    return allowance_of(venue, SPOT_LIMITS, folder, folder, "boot")


def names(allowance: Allowance) -> tuple[str, str]:
    assert isinstance(allowance.address, FileBoard)
    assert isinstance(allowance.account, FileBoard)
    return allowance.address.name, allowance.account.name


@pytest.mark.usefixtures("keyed")
def test_an_address_and_an_account_are_shared_each_by_itself(tmp_path: Path) -> None:
    address, account = names(made(tmp_path))
    assert names(made(tmp_path)) == (address, account)
    elsewhere = names(made(tmp_path, rest="https://other.example.com:8443"))
    assert elsewhere[0] != address
    assert elsewhere[1] == account
    another = names(made(tmp_path, key="OTHER"))
    assert another[0] == address
    assert another[1] != account
    assert "key" not in account


def test_boards_lie_in_a_folder_of_their_own_wherever_somebody_wants_them() -> None:
    text = practice_text("http://127.0.0.1:1", ["BTCUSDT"])
    named = text.replace('control = "desk.sock"', 'control = "desk.sock"\nboards = "."')
    assert named != text
    base = Path("/srv/desk")
    assert boards_path(load(named, "desk.toml"), base) == base / f"nightdesk-{os.getuid()}"


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://api.binance.com", "https://api-gcp.binance.com", True),
        ("https://api.binance.com", "https://api4.binance.com:443", True),
        ("https://api.binance.com", "https://API.Binance.com.", True),
        ("https://api.binance.com", "https://testnet.binance.vision", False),
        ("https://own.example.com", "https://Own.Example.com:443", True),
        ("http://own.example.com:80", "http://user@own.example.com", True),
        ("https://own.example.com", "https://own.example.com:80", False),
        ("https://own.example.com", "https://api.binance.com", False),
    ],
)
def test_an_address_is_one_place_however_it_is_spelled(
    tmp_path: Path, one: str, other: str, same: bool
) -> None:
    first, second = (names(made(tmp_path, rest=rest))[0] for rest in (one, other))
    assert (first == second) is same


@pytest.mark.usefixtures("keyed")
def test_exchanges_of_ones_own_share_no_account(tmp_path: Path) -> None:
    one, other = (names(made(tmp_path, rest=f"http://127.0.0.1:{port}")) for port in (1, 2))
    assert one[0] != other[0]
    assert one[1] != other[1]


@pytest.mark.usefixtures("keyed")
def test_the_shares_are_those_of_the_config_and_no_file_is_made_before_it_is_used(
    tmp_path: Path,
) -> None:
    allowance = made(tmp_path / "boards", share_percent=40, alone_percent=25)
    assert (allowance.share_percent, allowance.alone_percent) == (40, 25)
    assert not (tmp_path / "boards").exists()
    close_boards([allowance])
