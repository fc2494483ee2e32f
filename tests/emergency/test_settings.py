"""Where to get out of, from whatever says it."""

import json
from pathlib import Path

import pytest

from builders import D
from nightdesk.emergency.settings import ENV, Asked, settings_of
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import desk_code
from nightdesk.model.time import MS_NS

CONFIG = """\
[desk]
name = "night"
journal = "data/desk.journal"
order_ttl_ms = 3000

[venue.spot]
kind = "binance-spot"
account = { key = "env:K", secret = "env:S" }

[venue.usdm]
kind = "binance-usdm"
rest = ["http://a", "http://b"]
read_lag_ms = 700
account = { key = "env:K", secret = "env:S" }

[[instrument]]
id = "usdm:BTCUSDT"

[[instrument]]
id = "usdm:ETHUSDT"

[baseline]
BTC = "0.5"
ETH = 3
XRP = true
"""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KIND", "REST", "KEY", "SECRET", "SYMBOLS"):
        monkeypatch.delenv(f"{ENV}{name}", raising=False)
    monkeypatch.setenv("K", "kkkk")
    monkeypatch.setenv("S", "ssss")


def a_config(folder: Path, text: str = CONFIG) -> Path:
    path = folder / "desk.toml"
    path.write_text(text)
    return path


def test_a_config_says_where_with_what_and_how_long_to_watch(tmp_path: Path) -> None:
    told = settings_of(Asked(config=a_config(tmp_path)))
    spot, usdm = told.places
    assert spot.hosts[0] == "https://api.binance.com"
    assert len(spot.hosts) > 1, (
        "others of the venue's documents are tried where that one is not reached"
    )
    assert usdm.hosts == ("http://a", "http://b")
    assert (spot.symbols, usdm.symbols) == ((), ("BTCUSDT", "ETHUSDT"))
    assert (spot.read_lag_ns, usdm.read_lag_ns) == (5_000 * MS_NS, 700 * MS_NS)
    assert {place.ttl_ns for place in told.places} == {3_000 * MS_NS}
    assert dict(spot.baseline) == {"BTC": D("0.5"), "ETH": D(3)}
    assert any("XRP" in each for each in told.left_out)
    assert told.desk.code == desk_code("night")
    assert told.desk.control == tmp_path / "night.sock"
    assert told.desk.latch == tmp_path / "data" / "desk.journal.latch"


def test_what_is_typed_stands_over_the_config(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("another")
    (tmp_path / "key").chmod(0o600)
    asked = Asked(
        config=a_config(tmp_path),
        venue="usdm",
        rest=("http://c",),
        key="file:key",
        symbols=("XRPUSDT",),
        baseline=("BTC=1.25",),
    )
    (place,) = settings_of(asked).places
    assert (place.hosts, place.symbols) == (("http://c",), ("XRPUSDT",))
    assert place.signer.key == "another"
    assert place.baseline["BTC"] == D("1.25")


def test_the_environment_names_what_no_config_does(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"KIND": "binance-spot", "KEY": "k", "SECRET": "s", "SYMBOLS": "BTCUSDT ETHUSDT"}
    for name, value in told.items():
        monkeypatch.setenv(f"{ENV}{name}", value)
    settings = settings_of(Asked())
    (place,) = settings.places
    assert (place.kind, place.symbols) == ("binance-spot", ("BTCUSDT", "ETHUSDT"))
    assert place.hosts[0] == "https://api.binance.com"
    assert (settings.desk.code, settings.desk.control, settings.desk.latch) == (None, None, None)
    monkeypatch.setenv(f"{ENV}REST", "http://x http://y")
    assert settings_of(Asked()).places[0].hosts == ("http://x", "http://y")


def test_balances_that_were_told_once_are_a_baseline(tmp_path: Path) -> None:
    held = [{"name": "BTC", "qty": "2.5"}, {"name": "USDT", "qty": "9"}]
    contracts = [{"name": "BTCUSDT", "qty": "-1"}]
    path = tmp_path / "calm.json"
    path.write_text(
        json.dumps(
            {"venues": [{"contracts": False, "held": held}, {"contracts": True, "held": contracts}]}
        )
    )
    asked = Asked(config=a_config(tmp_path), baseline_from=path, baseline=("USDT=0",))
    found = settings_of(asked).places[0].baseline
    assert dict(found) == {"BTC": D("2.5"), "ETH": D(3), "USDT": D(0)}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(), "which kind of venue"),
        (Asked(kind="kraken"), "'kraken' is none"),
        (Asked(kind="binance-spot"), f"export {ENV}KEY"),
        (Asked(kind="binance-spot", key="kkkk", secret="env:S"), "never the secret itself"),
        (
            Asked(kind="binance-spot", key="env:K", secret="env:S", baseline=("BTC",)),
            "ASSET=QUANTITY",
        ),
        (
            Asked(kind="binance-spot", key="env:K", secret="env:S", baseline=("BTC=x",)),
            "no quantity",
        ),
        (
            Asked(kind="binance-spot", key="env:K", secret="env:S", baseline=("BTC=-1",)),
            "no quantity",
        ),
        (Asked(config=Path("/no/such.toml")), "No such file"),
    ],
)
def test_what_is_missing_is_named_with_how_to_say_it(asked: Asked, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        settings_of(asked)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "binance-spot"', 'kind = "practice"', "ends with its desk"),
        ('kind = "binance-spot"', 'kind = "other"', "'other' is none"),
        ('kind = "binance-spot"', 'kind = "binance-spot"\npreset = "moon"', "no preset 'moon'"),
        ('account = { key = "env:K", secret = "env:S" }', "", "no key and secret"),
        ("env:K", "env:NOT_THERE", "the environment has no NOT_THERE"),
    ],
)
def test_what_a_config_says_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        settings_of(Asked(config=a_config(tmp_path, CONFIG.replace(old, new, 1))))


def test_a_venue_that_the_config_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no \[venue.kraken\]; there is spot, usdm"):
        settings_of(Asked(config=a_config(tmp_path), venue="kraken"))


@pytest.mark.parametrize("text", ["[]", "no json", '{"BTC": [1]}', '{"BTC": "NaN"}'])
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calm.json"
    path.write_text(text)
    with pytest.raises(BadInput):
        settings_of(Asked(config=a_config(tmp_path), baseline_from=path))
