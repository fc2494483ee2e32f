"""`nightdesk doctor --venue X` and `nightdesk venues`, typed; the venue is a lab of its own over sockets."""

import json
import re
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cli.test_main import run
from nightdesk.control.messages import ExitCode
from wiring.venue import desk_toml, perps_toml, post_fault, venue

pytestmark = pytest.mark.process
RIGHTS = "/sapi/v1/account/apiRestrictions"


def looked(config: Path, name: str, *options: str) -> tuple[int, dict[str, tuple[str, str]]]:
    done = run("doctor", "--json", "--config", str(config), "--venue", name, *options)
    assert done.stdout, done.stderr
    rows = json.loads(done.stdout)
    return done.returncode, {row["check"]: (row["result"], row["what"]) for row in rows}


def test_a_venue_that_is_well_is_told_check_by_check() -> None:
    with TemporaryDirectory(prefix="nd") as name, venue(Path(name)) as url:
        code, told = looked(desk_toml(Path(name), url), "binance", "--fees")
        assert code == ExitCode.OK, told
        assert told.pop("dead man")[0] == "skipped"
        assert {check: result for check, (result, _) in told.items()} == dict.fromkeys(
            ("rest", "clock", "market stream", "private stream", "limits", "fees", "key"), "ok"
        )
        assert f"{url} answers; the quickest of 5 round trips took" in told["rest"][1]
        assert re.search(r"[-+]\d+\.\d ms off this machine's, give or take", told["clock"][1])
        assert "tells the market after" in told["market stream"][1]
        assert re.search(r"[\d,]+ request weight a minute; [\d,]+ orders a 10 s", told["limits"][1])
        assert re.search(r"BTCUSDT: 0\.\d+ % maker, 0\.\d+ % taker", told["fees"][1])
        assert "may not withdraw" in told["key"][1]


def test_a_clock_that_is_off_and_a_key_that_may_withdraw_are_named() -> None:
    accounts = "may_withdraw = true"
    with TemporaryDirectory(prefix="nd") as name, venue(Path(name), accounts=accounts) as url:
        post_fault(url, kind="clock_offset", ms=3_600_000)
        code, told = looked(desk_toml(Path(name), url), "binance")
        assert code == ExitCode.FAILED
        assert told["clock"][0] == "failed"
        assert re.search(r"is \+3\d{6}\.\d ms off .* NTP", told["clock"][1])
        assert told["key"][0] == "failed"
        assert "may withdraw" in told["key"][1]
        assert "fees" not in told


def test_a_venue_that_does_not_answer_is_told_with_where_to_look() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with TemporaryDirectory(prefix="nd") as name, venue(Path(name)) as alive:
            config = desk_toml(Path(name), alive)
            config.write_text(config.read_text().replace(alive, url))
            nobody.close()
            code, told = looked(config, "binance", "--fees")
    assert code == ExitCode.FAILED
    assert told["rest"][0] == "failed"
    assert f"{url} does not answer" in told["rest"][1]
    assert "rest or preset in [venue.binance]" in told["rest"][1]
    assert told["limits"] == ("skipped", "the first address does not answer")
    assert told["key"][0] == "failed"


def test_perpetuals_are_looked_at_by_their_own_addresses() -> None:
    with TemporaryDirectory(prefix="nd") as name, venue(Path(name), "--usdm") as url:
        config = perps_toml(Path(name), url, spot=False)
        code, told = looked(config, "usdm", "--fees")
        assert code == ExitCode.OK, told
        assert told["private stream"][0] == "skipped"
        assert "opens by a key" in told["private stream"][1]
        assert told["fees"][0] == "ok"
        assert told["dead man"] == (
            "ok",
            "entries end 60 s after the desk (countdownCancelAll, by symbol)",
        )
        post_fault(url, kind="error_503", match={"path": "/fapi/v1/commissionRate"})
        code, told = looked(config, "usdm", "--fees")
        assert (code, told["fees"][0]) == (ExitCode.FAILED, "failed")


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (["--venue", "nyse"], ExitCode.CONFIG, "there is binance-spot, binance-usdm"),
        (["--venue", "binance-usdm", "--preset", "demo"], ExitCode.CONFIG, "production, testnet"),
        (["--fees"], ExitCode.USAGE, "add --venue"),
    ],
)
def test_what_cannot_be_looked_at_is_said(typed: list[str], code: int, said: str) -> None:
    done = run("doctor", *typed)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_a_name_that_the_config_does_not_have_is_told_those_it_has(tmp_path: Path) -> None:
    done = run("doctor", "--config", str(desk_toml(tmp_path, "http://127.0.0.1:1")), "--venue", "x")
    assert (done.returncode, "the config has binance" in done.stderr) == (ExitCode.CONFIG, True)
    done = run(
        *("doctor", "--config", str(tmp_path / "desk.toml"), "--venue", "binance"),
        *("--preset", "testnet"),
    )
    assert (done.returncode, "leave it out" in done.stderr) == (ExitCode.CONFIG, True)


def test_venues_are_told_as_a_table_and_for_programs() -> None:
    done = run("venues")
    assert done.returncode == 0
    assert "binance-spot" in done.stdout
    assert "timestamp + recvWindow" in done.stdout
    told = {row["kind"]: row for row in json.loads(run("venues", "--json").stdout)}
    assert {*told} == {"binance-spot", "binance-usdm"}
    assert (told["binance-spot"]["replacing"], told["binance-usdm"]["replacing"]) == (True, False)
    assert told["binance-usdm"]["presets"]["testnet"]["rest"].startswith("https://")
    assert told["binance-spot"]["alternates"]
