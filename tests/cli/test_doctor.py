"""What stands between a desk and real money: the fingerprint, the key, the listing. A lab is the venue; an
address that is neither this machine's loopback nor a preset's is taken for real, and 0.0.0.0 is such a one.
"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cli.test_main import NIGHTDESK, run
from wiring.venue import desk_toml, perps_toml, post_fault, venue

pytestmark = pytest.mark.process
RIGHTS = "/sapi/v1/account/apiRestrictions"


@contextmanager
def real_desk(accounts: str = "", **options: Any) -> Iterator[tuple[str, Path]]:
    """A venue's own address, and the config of a desk that takes it for one with real money."""
    with TemporaryDirectory(prefix="nd") as name, venue(Path(name), accounts=accounts) as url:
        yield url, desk_toml(Path(name), url.replace("127.0.0.1", "0.0.0.0"), **options)


def doctor(config: Path) -> dict[str, tuple[str, str]]:
    done = run("doctor", "--json", "--config", str(config))
    return {row["check"]: (row["result"], row["what"]) for row in json.loads(done.stdout)}


def node(config: Path, live: str, *, stop_after: str = "") -> tuple[int, str]:
    """A node in the foreground, stopped once it has said `stop_after`: its code and what it said."""
    process = subprocess.Popen(
        [*NIGHTDESK, "node", "--config", str(config), "--live", live],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if stop_after and stop_after in line:
                process.send_signal(signal.SIGTERM)
        return process.wait(30), said
    finally:
        process.kill()
        process.communicate()


def test_real_money_wants_the_fingerprint_that_doctor_tells_and_any_other_limit_is_another() -> (
    None
):
    with real_desk() as (_, config):
        told = doctor(config)
        assert told["key"] == ("ok", told["key"][1])
        assert "may not withdraw" in told["key"][1]
        result, fingerprint = told["fingerprint"]
        key = (config.parent / "key").read_text()
        assert result == "ok"
        assert re.fullmatch(rf"binance-spot:1000:{key[-4:]}:[0-9a-f]{{12}}", fingerprint)

        refused = run("up", "--headless", "--config", str(config))
        assert refused.returncode == 3
        assert f"nightdesk doctor --config {config}" in refused.stderr
        assert not (config.parent / "desk.journal").exists()

        code, said = node(config, fingerprint, stop_after="desk.trading")
        assert code == 0, said

        config.write_text(config.read_text().replace('gross_max = "40000"', 'gross_max = "40001"'))
        code, said = node(config, fingerprint)
        assert code == 3
        assert "another limits" in said
        assert doctor(config)["fingerprint"][1] in said


def test_up_tells_what_the_node_found_and_what_to_look_at() -> None:
    with real_desk() as (_, config):
        place = ["--folder", str(config.parent / "run")]
        done = run("up", "--headless", "--config", str(config), "--live", "a:b:c:d", *place)
        assert done.returncode == 3
        assert "the fingerprint a:b:c:d is not this desk" in done.stderr
        assert f"nightdesk doctor --config {config}" in done.stderr


def test_a_key_that_may_withdraw_is_refused_also_where_only_play_money_is() -> None:
    with real_desk("may_withdraw = true") as (url, config):
        told = doctor(config)
        assert told["key"][0] == "failed"
        assert "may withdraw: a desk never needs that" in told["key"][1]
        code, said = node(config, told["fingerprint"][1])
        assert (code, "may withdraw" in said) == (3, True)
        play = desk_toml(config.parent, url, name="play.toml")
        done = run("node", "--config", str(play))
        assert (done.returncode, "may withdraw" in done.stderr) == (3, True)


def test_a_venue_that_does_not_tell_is_not_taken_for_a_no() -> None:
    with real_desk() as (url, config):
        fingerprint = doctor(config)["fingerprint"][1]
        post_fault(url, kind="error_503", match={"path": RIGHTS})
        result, what = doctor(config)["key"]
        assert result == "failed"
        assert "does not say whether the key may withdraw: " in what
        code, said = node(config, fingerprint)
        assert code == 1, "not a mistake of the config: the next start asks again"
        assert "does not say whether the key may withdraw" in said
        play = desk_toml(config.parent, url, name="play.toml")
        assert doctor(play)["key"][0] == "skipped"
        assert "no --live" in doctor(play)["fingerprint"][1]


@contextmanager
def real_perps(accounts: str = "") -> Iterator[tuple[str, Path]]:
    """Another host, an hour ahead, that tells of the keys of a venue of perpetuals, and the config of a desk
    with real money there."""
    with (
        TemporaryDirectory(prefix="nd") as name,
        TemporaryDirectory(prefix="nd") as other,
        venue(Path(name), "--usdm", accounts=accounts) as url,
        venue(Path(other), "--accounts", f"{name}/accounts.toml") as wallet,
    ):
        post_fault(wallet, kind="clock_offset", ms=3_600_000)
        config = perps_toml(Path(name), url.replace("127.0.0.1", "0.0.0.0"), spot=False)
        text = config.read_text().replace('leverage = 5\nmargin = "isolated"', "leverage = 20")
        config.write_text(text.replace("\nprivate =", f'\nrights = "{wallet}"\nprivate ='))
        yield wallet, config


def test_a_desk_of_perpetuals_asks_another_host_what_its_key_may_do() -> None:
    with real_perps() as (wallet, config):
        told = doctor(config)
        assert told["key"][0] == "ok"
        assert "may not withdraw" in told["key"][1]
        result, fingerprint = told["fingerprint"]
        key = (config.parent / "key").read_text()
        assert result == "ok"
        assert re.fullmatch(rf"binance-usdm:1000:{key[-4:]}:[0-9a-f]{{12}}", fingerprint)
        code, said = node(config, fingerprint, stop_after="desk.trading")
        assert code == 0, said

        post_fault(wallet, kind="error_503", match={"path": RIGHTS})
        code, said = node(config, fingerprint, stop_after="cause=unnamed")
        assert code == 0, "one that has run before manages what it holds"
        other = fingerprint.replace(key[-4:], "zzzz")
        code, said = node(config, other)
        assert (code, "another key" in said) == (3, True), said


@pytest.mark.parametrize(
    ("written", "other", "found"),
    [
        ("leverage = 20", "leverage = 5", "leverage"),
        ("leverage = 20", 'leverage = 20\nmargin = "isolated"', "isolated"),
    ],
)
def test_terms_that_the_start_refuses_are_found_before_it(
    written: str, other: str, found: str
) -> None:
    with real_perps() as (_, config):
        assert doctor(config)["terms"] == (
            "ok",
            "usdm holds 1 of 1 contracts on the config's terms",
        )
        config.write_text(config.read_text().replace(written, other))
        told = doctor(config)
        result, what = told["terms"]
        assert (result, found in what) == ("failed", True), what
        code, said = node(config, told["fingerprint"][1])
        assert (code, what in said) == (3, True), "the same words as the start's"


def test_a_config_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    done = run("doctor", "--json", "--config", str(tmp_path / "none.toml"))
    rows = {row["check"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert [name for name, row in rows.items() if row["result"] == "failed"] == ["config"]
    assert rows["key"]["what"] == "needs: config"


def test_a_desk_of_spot_has_no_terms() -> None:
    with real_desk() as (_, config):
        assert doctor(config)["terms"][0] == "skipped"


def test_the_fingerprint_stands_on_a_line_of_its_own_in_a_narrow_window() -> None:
    with real_desk() as (_, config):
        fingerprint = doctor(config)["fingerprint"][1]
        done = run("doctor", "--config", str(config), COLUMNS="60")
        assert done.stdout.splitlines().count(fingerprint) == 1


def test_a_desk_of_perpetuals_does_not_begin_while_its_wallet_is_silent() -> None:
    with real_perps() as (wallet, config):
        fingerprint = doctor(config)["fingerprint"][1]
        post_fault(wallet, kind="error_503", match={"path": RIGHTS})
        code, said = node(config, fingerprint)
        assert code == 1, "not a mistake of the config: the next start asks again"
        assert "usdm does not say whether the key may withdraw" in said


def test_a_desk_of_perpetuals_that_can_ask_nobody_is_told_whom_to_name() -> None:
    with real_perps() as (wallet, config):
        fingerprint = doctor(config)["fingerprint"][1]
        config.write_text(config.read_text().replace(f'rights = "{wallet}"\n', ""))
        result, what = doctor(config)["key"]
        assert (result, 'rights = "https://api.binance.com"' in what) == ("failed", True)
        for command in (["up", "--headless"], ["node"]):
            done = run(*command, "--config", str(config), "--live", fingerprint)
            assert done.returncode == 3
            assert "what the key of [venue.usdm] may do" in done.stderr
        assert not (config.parent / "desk.journal").exists()


def test_a_key_of_perpetuals_that_may_withdraw_is_refused() -> None:
    with real_perps("may_withdraw = true") as (_, config):
        told = doctor(config)
        assert told["key"][0] == "failed"
        code, said = node(config, told["fingerprint"][1])
        assert (code, "may withdraw" in said) == (3, True)


def test_an_instrument_that_is_not_listed_is_found() -> None:
    with real_desk(symbols=("BTCUSDT", "DOGEUSDT")) as (_, config):
        result, what = doctor(config)["venue"]
        assert result == "failed"
        assert "no market for DOGEUSDT" in what
        assert "[[instrument]]" in what
