"""What a desk can be practised on."""

from decimal import Decimal
from pathlib import Path

import pytest

from nightdesk.config.load import load
from nightdesk.lab.launch import LaunchOptions, prepare
from nightdesk.lab.settings import KNOWN_SYMBOLS, LabSettings
from nightdesk.model.errors import BadInput
from nightdesk.node.compose import endpoints_of
from nightdesk.node.practice import (
    BALANCES,
    TEN_SECONDS_MS,
    accounts_text,
    against_lab,
    calm_pause_ms,
    held_by,
    practice_text,
    refuse_unlisted,
    refuse_unplayed,
)
from nightdesk.resilience.budget import CAUTIOUS_PERCENT
from nightdesk.simulation import setting
from nightdesk.simulation.setting import WorldOptions
from nightdesk.simulation.trading_world import run_world
from nightdesk.simulation.watching import Watch
from node.perps import CONFIG


def test_the_account_of_a_practice_lab_holds_spot_and_margin(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(accounts_text("a-key", "a-secret"))
    (account,) = prepare(LaunchOptions(accounts_file=str(path)))[0].accounts
    assert account.balances.keys() == BALANCES.keys()
    assert account.usdm == {"USDT": Decimal(100_000)}


def test_a_desk_has_one_account_of_perpetuals_at_a_lab() -> None:
    venue = CONFIG[CONFIG.index("[venue.usdm]") : CONFIG.index("[limits]")]
    more = venue.replace("venue.usdm", "venue.other")
    listed = '[[instrument]]\nid = "other:BTCUSDT"\nleverage = 20\n'
    config = load(f"{CONFIG}\n{more}\n{listed}", "perps")
    with pytest.raises(BadInput, match=r"\[venue.usdm\] and \[venue.other\] are two accounts"):
        refuse_unlisted(config, ["BTCUSDT"], ["BTCUSDT", "ETHUSDT"])


@pytest.mark.parametrize(
    ("text", "then"),
    [(None, "--config"), (practice_text("http://127.0.0.1:1", ["BTCUSDT"]), "binance-usdm")],
)
def test_recorded_perpetuals_that_nobody_would_trade_are_refused(
    text: str | None, then: str
) -> None:
    with pytest.raises(BadInput, match=then):
        refuse_unplayed(["k.csv"], None if text is None else load(text, "x"))
    refuse_unplayed(["k.csv"], load(CONFIG, "perps"))
    refuse_unplayed([], None)


def test_the_account_of_a_practice_lab_holds_contracts_as_the_config_says(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    config = load(CONFIG.replace("leverage = 20", 'leverage = 7\nmargin = "isolated"', 1), "perps")
    path.write_text(accounts_text("a-key", "a-secret", contracts=held_by(config)))
    (account,) = prepare(LaunchOptions(accounts_file=str(path)))[0].accounts
    held = {s: (how.leverage, how.isolated) for s, how in account.contracts.items()}
    assert held == {"BTCUSDT": (7, True), "ETHUSDT": (20, False)}


def test_a_desk_against_the_lab_has_one_way_there(tmp_path: Path) -> None:
    text = practice_text("http://127.0.0.1:1", ["BTCUSDT"])
    written = 'rest = ["https://api.binance.com", "https://api1.binance.com"]\nlinks = "192.0.2.10"'
    config = load(text.replace('rest = "http://127.0.0.1:1"', written), "x")
    (venue,) = against_lab(config, "http://127.0.0.1:2", tmp_path).venue.values()
    stream = ("ws://127.0.0.1:2",)
    assert endpoints_of("binance", venue) == (("http://127.0.0.1:2",), stream, stream)
    assert venue.addresses.rest == venue.rights_at == "http://127.0.0.1:2"
    assert venue.links == ()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_the_maker_of_a_practice_desk_leaves_room_for_others_in_what_the_venue_allows(
    count: int,
) -> None:
    sides = 2 * count
    most = sides * TEN_SECONDS_MS / calm_pause_ms(["X"] * count)
    assert most < LabSettings().orders_per_10s_max * CAUTIOUS_PERCENT[1] / 100


class Modes(Watch):
    """Why the desk of a world was not in NORMAL."""

    def __init__(self) -> None:
        self.causes: dict[str, str] = {}

    def say(self, who: str, event: str, fields: dict[str, object]) -> None:
        if event == "mode.set":
            self.causes[str(fields["cause"])] = str(fields["why"])


def test_a_practice_desk_in_a_lively_market_uses_no_venue_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setting, "PACE", 1.0)  # that of `nightdesk up`
    monkeypatch.setattr("asyncio.coroutines._is_debug_mode", lambda: False)
    symbols = list(KNOWN_SYMBOLS)
    text, watch = practice_text("http://lab", symbols, calm_pause_ms(symbols)), Modes()
    ended = run_world(WorldOptions(seed=1, faults=(), seconds=600.0, config=text), watch)
    assert ended.fills > 1_000
    assert "budget" not in watch.causes
