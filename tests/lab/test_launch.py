"""Starting a lab from options: accounts files, recordings, and all problems at once."""

from decimal import Decimal
from pathlib import Path

import pytest

from lab.test_core import PEM
from lab.test_replay import LINES
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.launch import (
    PRACTICE_ACCOUNT,
    LaunchOptions,
    LaunchRefused,
    LiveVenue,
    prepare,
    prepare_both,
)
from nightdesk.lab.live_feed import VenueAway
from nightdesk.lab.recorded import RecordedMarket
from nightdesk.lab.replay import ReplayMarket
from recordings.tables import bar_line, quote_line, trade_line

ACCOUNTS = f'''
[[account]]
name = "desk"
api_key = "k1"
secret = "s1"
[account.balances]
BTC = "1"
USDT = "100000.5"

[[account]]
name = "ed"
api_key = "k2"
ed25519_public_key = """{PEM}"""
'''


def problems(**options: object) -> list[str]:
    with pytest.raises(LaunchRefused) as caught:
        prepare(LaunchOptions(**options))  # type: ignore[arg-type]
    return caught.value.problems


def test_without_options_it_is_a_generated_market_and_one_practice_account() -> None:
    settings, market = prepare(LaunchOptions())
    assert isinstance(market, GeneratedMarket)
    assert settings.accounts == (PRACTICE_ACCOUNT,)
    assert [s.symbol for s in settings.symbols] == ["BTCUSDT", "ETHUSDT"]
    assert not settings.start_on_subscriber


def test_accounts_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(ACCOUNTS)
    settings, _ = prepare(LaunchOptions(accounts_file=str(path)))
    desk, ed = settings.accounts
    assert desk.balances == {"BTC": Decimal(1), "USDT": Decimal("100000.5")}
    assert ed.ed25519_public_key == PEM


def test_a_leverage_that_a_contract_does_not_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(
        '[[account]]\nname = "a"\napi_key = "k"\nsecret = "s"\n[account.contracts]\n'
        "BTCUSDT = { leverage = 126 }\nNOSUCHUSDT = { leverage = 3 }\n"
    )
    with pytest.raises(LaunchRefused, match="leverage of BTCUSDT is 1 to 125, not 126"):
        prepare(LaunchOptions(accounts_file=str(path), usdm=True))


def test_a_recording_brings_its_symbols_and_waits_for_an_audience(tmp_path: Path) -> None:
    path = tmp_path / "capture.txt"
    path.write_bytes(b"".join(LINES))
    settings, market = prepare(LaunchOptions(replay=[str(path)], speed=5))
    assert isinstance(market, ReplayMarket)
    assert [s.symbol for s in settings.symbols] == ["BTCUSDT"]
    assert settings.start_on_subscriber


def test_two_recordings_play_side_by_side_as_they_were_recorded(tmp_path: Path) -> None:
    spot, perps, old = (tmp_path / name for name in ("spot.txt", "perps.txt", "old.txt"))
    spot.write_bytes(b"".join(LINES))
    for path, later_ns in ((perps, 1_500_000_000), (old, -3 * 24 * 3600 * 10**9)):
        rows = (line.split(b" ", 1) for line in LINES if b" " in line)
        path.write_bytes(b"".join(b"%d %s" % (int(at) + later_ns, rest) for at, rest in rows))
    launch = LaunchOptions(replay=[str(spot)], usdm_replay=[str(perps)])
    _, market, perpetuals = prepare_both(launch)
    assert perpetuals is not None
    for each in (market, perpetuals):
        each.start(10**9)
    begins = [each.next_at_ns() for each in (market, perpetuals)]
    assert begins == [10**9, 10**9 + 1_500_000_000]
    with pytest.raises(LaunchRefused, match="spot and perpetuals were recorded 3 days apart"):
        prepare_both(LaunchOptions(replay=[str(spot)], usdm_replay=[str(old)]))


def test_every_problem_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(
        '[[account]]\nname = "a"\napi_key = "k"\nsecret = "s"\n'
        '[[account]]\nname = "a"\napi_key = "k2"\nsecret = "s"\n'
        '[[account]]\nname = "c"\napi_key = "k"\nsecret = "s"\n'
        '[[account]]\nname = "d"\napi_key = "k3"\n'
        '[[account]]\nname = "e"\napi_key = "k4"\nsecret = "s"\nsecrett = "x"\n'
        '[[account]]\nname = "f"\napi_key = "k5"\ned25519_public_key = "PEM"\n'
        '[[account]]\nname = "g"\napi_key = "k6"\nsecret = "s"\nbalances = {BTC = "-1"}\n'
    )
    found = problems(accounts_file=str(path), replay=["/nowhere"], speed=0.0, maker_fee=Decimal(2))
    assert [p.removeprefix(str(path)) for p in found] == [
        ": [[account]] 2: the name 'a' is taken by an earlier account",
        ": [[account]] 3: its api_key is that of account 'a'",
        ": [[account]] 4: account 'd' needs either `secret` or `ed25519_public_key`, not both",
        ": [[account]] 5: Object contains unknown field `secrett`",
        found[4].removeprefix(str(path)),
        ": [[account]] 7: account 'g' cannot hold -1 BTC",
        "speed: above 0, not 0.0",
        "replay /nowhere: No such file or directory",
        "maker fee: a rate from 0 to below 1, not 2",
    ]
    assert "[[account]] 6: account 'f': not a PEM public key" in found[4]


def test_a_live_market_plays_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "capture.txt"
    path.write_bytes(b"".join(LINES))
    live = LiveVenue(rest="http://127.0.0.1:1", stream="ws://127.0.0.1:1", symbols=["BTCUSDT"])
    with pytest.raises(VenueAway, match="does not tell the rules of BTCUSDT"):
        prepare(LaunchOptions(usdm_live=live))
    for options in (
        LaunchOptions(live=live, replay=[str(path)]),
        LaunchOptions(usdm_live=live, usdm_replay=[str(path)]),
    ):
        with pytest.raises(LaunchRefused, match="a live market plays no recording"):
            prepare(options)


def test_unreadable_files_are_told_by_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[[account")
    assert problems(accounts_file=str(broken))[0].startswith(f"{broken}: ")
    assert problems(accounts_file="/nowhere.toml") == ["/nowhere.toml: No such file or directory"]
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    (told,) = problems(replay=[str(empty)])
    assert told.startswith(f"replay: {empty}: it is empty; expected a raw Binance capture")
    torn = tmp_path / "torn.txt"
    torn.write_bytes(b"1723161250000000000 {}\n")
    assert problems(replay=[str(torn)]) == [f"replay: no readable frame in {torn}"]
    archive = tmp_path / "BTCUSDT-1m-2025-10.zip"
    archive.write_bytes(b"PK torn")
    (told,) = problems(replay=[str(archive)])
    assert told.startswith(f"replay {archive}: the zip file is broken here")


def test_tables_are_one_market_and_every_refusal_names_its_file(tmp_path: Path) -> None:
    bars, quotes = tmp_path / "BTCUSDT-1m-2025-10.csv", tmp_path / "ETHUSDT-bookTicker-2025-10.csv"
    bars.write_bytes(bar_line(0, (100, 110, 90, 105)) + bar_line(1, (105, 110, 90, 100)))
    quotes.write_bytes(quote_line(1, 0))
    settings, market = prepare(LaunchOptions(replay=[str(bars), str(quotes)]))
    assert isinstance(market, RecordedMarket)
    assert [s.symbol for s in settings.symbols] == ["BTCUSDT", "ETHUSDT"]
    assert settings.start_on_subscriber
    capture = tmp_path / "capture.txt"
    capture.write_bytes(b"".join(LINES))
    other = tmp_path / "other.csv"
    other.write_bytes(b"timestamp,open,high,low,close,volume\n")
    (told,) = problems(replay=[str(bars), str(other)])
    assert told.startswith(f"replay: {other}: bars that lack open_time, close_time")
    (told,) = problems(replay=[str(capture), str(bars)])
    assert told == f"replay: a raw capture and a table are not one market: {capture} and {bars}"
    trades = tmp_path / "BTCUSDT-trades-2025-10.csv"
    trades.write_bytes(trade_line(1, 0))
    (told,) = problems(replay=[str(bars), str(trades)])
    assert told.startswith("replay: BTCUSDT is told as bars and as trades")
